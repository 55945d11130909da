"""The network as immutable data: a `ModelSpec` is a name, an input shape and a tuple of layers.

A spec may be wrong (that is what `analyze` finds out), but it is always well-formed:
`ModelSpec.from_json` raises `SpecError` for anything else. Nothing here needs torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .layers import KINDS, AnyLayer, Container, Layer
from .limits import MAX_DEPTH, MAX_JSON, MAX_LAYERS, MAX_NAME


@dataclass(frozen=True)
class Fix:
    """One step that mends a problem: a label for a button and the design after it."""

    label: str
    spec: ModelSpec


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a design. `layer` is the layer's number from 1 (None: the whole design)."""

    layer: int | None
    field: str | None
    message: str
    kind: str | None = None
    fix: Fix | None = None

    def __str__(self) -> str:
        if self.layer is None:
            return self.message
        return f"Layer {self.layer}{f' ({self.kind})' if self.kind else ''}: {self.message}"


class SpecError(ValueError):
    """Not a usable design; `problems` says all that is wrong with it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class ModelSpec(BaseModel):
    """A network as data. `layers` are numbered from 1 in reading order, a container before its content."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: Literal[1] = 1
    name: Annotated[str, Field(max_length=MAX_NAME)] = "untitled"
    input_shape: tuple[int, int, int] = (1, 28, 28)
    layers: tuple[AnyLayer, ...] = ()

    @classmethod
    def from_json(cls, text: str | bytes) -> ModelSpec:
        """The spec that `text` holds; raises SpecError with every reason why it is none."""
        if len(text) > MAX_JSON:
            raise SpecError(
                (
                    Problem(
                        None,
                        None,
                        f"The design is {len(text):,} characters long; at most {MAX_JSON:,} are read.",
                    ),
                )
            )
        try:
            return cls.model_validate_json(decoded(text))
        except ValidationError as error:
            raise SpecError(_problems_of(error, text)) from None

    def to_json(self, indent: int | None = 1) -> str:
        """Canonical JSON; `from_json` of it is this spec again."""
        return self.model_dump_json(indent=indent)

    def walk(self) -> Iterator[tuple[int, int, Layer]]:
        """(number from 1, depth from 0, layer) of every layer in reading order, disabled ones included."""
        yield from ((number, depth, layer) for number, (depth, layer) in enumerate(_walk(self.layers, 0), 1))


def decoded(text: str | bytes) -> str:
    """JSON's text; bytes in any of its encodings, as some editors and shells write them, also with a mark."""
    return text.decode(json.detect_encoding(text), "replace") if isinstance(text, bytes) else text


def _walk(layers: tuple[Any, ...], depth: int) -> Iterator[tuple[int, Layer]]:
    for layer in layers:
        yield depth, layer
        if isinstance(layer, Container):
            yield from _walk(layer.layers, depth + 1)


def _problems_of(error: ValidationError, text: str | bytes) -> tuple[Problem, ...]:
    """Pydantic's findings as problems: the layer by its number, the field, what is and what is allowed."""
    try:
        raw = json.loads(text)
    except ValueError as reason:
        return (Problem(None, None, f"This is not JSON: {str(reason).split(';')[0]}."),)
    except RecursionError:
        return (
            Problem(None, None, f"This JSON is nested too deeply; containers may hold {MAX_DEPTH} levels."),
        )
    if not isinstance(raw, dict):
        return (
            Problem(
                None, None, f'A design is a JSON object with "name" and "layers", not a {_json_type(raw)}.'
            ),
        )
    problems = []
    for finding in error.errors(include_url=False)[:MAX_LAYERS]:  # placing thousands would take minutes
        number, kind, path = _locate(raw, finding["loc"])
        field = "kind" if finding["type"].startswith("union_tag") else ".".join(path) or None
        problems.append(Problem(number, field, _explain(finding, field, kind), kind))
    # A union such as int | pair reports one finding a member: keep the first for each place.
    unique = {(problem.layer, (problem.field or "").split(".")[0]): problem for problem in reversed(problems)}
    return tuple(reversed(unique.values()))


def _locate(raw: Any, loc: tuple[int | str, ...]) -> tuple[int | None, str | None, list[str]]:
    """A pydantic location such as ("layers", 3, "conv2d", "stride", "int") as (number, kind, field path)."""
    number, kind, node, rest = None, None, raw, list(loc)
    while len(rest) >= 2 and rest[0] == "layers" and isinstance(rest[1], int) and isinstance(node, dict):
        siblings = node["layers"]
        number = (number or 0) + 1 + sum(_raw_count(sibling) for sibling in siblings[: rest[1]])
        node = siblings[rest[1]]
        kind = node.get("kind") if isinstance(node, dict) and isinstance(node.get("kind"), str) else None
        rest = rest[2:]
        if rest and rest[0] == kind:
            rest = rest[1:]
    members = {"int", "float", "tuple", "none", "literal"}  # names of union members, not of fields
    return number, kind, [str(part) for part in rest[:1] if str(part).split("[")[0] not in members]


def _raw_count(node: Any) -> int:
    """Layers in a raw layer: itself and its content."""
    inner = node.get("layers") if isinstance(node, dict) else None
    return 1 + sum(map(_raw_count, inner)) if isinstance(inner, list) else 1


def _explain(finding: Any, field: str | None, kind: str | None) -> str:
    given, what = finding["input"], field or "this"
    match finding["type"]:
        case "missing" if isinstance(finding["loc"][-1], int):
            return f"{what} is {_short(given)}: it has too few numbers."
        case "missing":
            return f"{what} is missing."
        case "extra_forbidden":
            known = (
                [name for name in KINDS[kind].model_fields if name != "kind"]
                if kind in KINDS
                else list(ModelSpec.model_fields)
            )
            return f"{what} is not a field of {kind or 'a design'}; its fields are {', '.join(known)}."
        case "union_tag_invalid" | "union_tag_not_found":
            is_what = f"{kind[:40]!r} is not a kind of layer" if kind else '"kind" is missing'
            return f"{is_what}; the kinds are {', '.join(KINDS)}."
        case "int_type" | "int_from_float" | "tuple_type" | "int_parsing_size":
            allowed = (
                "a list"
                if what == "layers"
                else "a whole number (kernel sizes, strides and paddings may be a pair [height, width])"
            )
            return f"{what} is {_short(given)}, but must be {allowed}."
        case "literal_error":
            return f"{what} is {_short(given)}; allowed is {finding['ctx']['expected']}."
    return f"{what} is {_short(given)}: {finding['msg'][0].lower()}{finding['msg'][1:]}."


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else f"{text[:37]}…"


def _json_type(value: Any) -> str:
    return {list: "list", str: "string", bool: "true or false", type(None): "null"}.get(type(value), "number")
