"""The compact text form of a network, short enough to type in a lecture or to put in a link.

    conv16-b relu bn drop2d0.1 max2 res(conv16p1 relu) 3x(conv16p1 relu) gap flat fc10

A word is a layer: its name, its main number, then letters with numbers (k kernel_size, s stride, p padding,
d dilation, g groups; 3x1 is a pair), `-b` for no bias, and any other field in brackets (`bn[eps=0.001]`).
`conv` has kernel_size 3 and pools have 2 unless given. `~` in front switches a layer off. `res(…)` adds its
input to what it contains, `3x(…)` applies it three times. `input3x32x32` in front sets the input's shape.
The kinds' full names are understood as well.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from .layers import KINDS, Container, Layer, Repeat, Residual
from .limits import MAX_DEPTH, MAX_JSON
from .spec import ModelSpec, Problem, SpecError

_WINDOW = {"k": "kernel_size", "s": "stride", "p": "padding", "d": "dilation"}


@dataclass(frozen=True)
class _Word:
    """How a kind is written: its short name, the field of its main number, and those of its letters."""

    name: str
    number: str | None = None
    letters: dict[str, str] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)  # values that the text leaves out


_WORDS = {
    "conv2d": _Word("conv", "out_channels", {**_WINDOW, "g": "groups"}, {"kernel_size": 3}),
    "batch_norm2d": _Word("bn"),
    "group_norm": _Word("gn", "num_groups"),
    "layer_norm": _Word("ln"),
    "instance_norm": _Word("in"),
    "relu": _Word("relu"),
    "leaky_relu": _Word("lrelu", "negative_slope"),
    "prelu": _Word("prelu", "num_parameters"),
    "elu": _Word("elu", "alpha"),
    "gelu": _Word("gelu"),
    "silu": _Word("silu"),
    "hardswish": _Word("hswish"),
    "tanh": _Word("tanh"),
    "sigmoid": _Word("sigmoid"),
    "dropout": _Word("drop", "p"),
    "dropout2d": _Word("drop2d", "p"),
    "max_pool2d": _Word("max", "kernel_size", _WINDOW, {"kernel_size": 2}),
    "avg_pool2d": _Word("avg", "kernel_size", _WINDOW, {"kernel_size": 2}),
    "global_avg_pool2d": _Word("gap"),
    "flatten": _Word("flat"),
    "linear": _Word("fc", "out_features"),
    "log_softmax": _Word("logsoftmax"),
    "residual": _Word("res"),
}
_KIND_OF = {word.name: kind for kind, word in _WORDS.items()} | {kind: kind for kind in _WORDS}
_KNOWN = ", ".join(word.name for word in _WORDS.values())
_NAMES = "|".join(sorted(map(re.escape, _KIND_OF), key=len, reverse=True))
_WHOLE = r"-?\d{1,4300}"  # Python reads no longer ones
# What has been read as a number is never tried again as letters (x1, e1): their ways to part are countless.
_NUMBER = rf"(?>{_WHOLE}(?:\.\d+)?(?:e[+-]?\d+)?(?:x{_WHOLE})?)"
_LAYER = re.compile(
    rf"(?P<name>{_NAMES})(?P<number>{_NUMBER})?+(?P<letters>(?:[a-z]{_NUMBER})*+)(?P<no_bias>-b)?(?P<rest>\[.*\])?"
)
_LETTER = re.compile(rf"([a-z])({_NUMBER})")
_TOKEN = re.compile(r"[^\s,()\[\]]*\[[^\[\]]*\]|[^\s,()\[\]]*\(|\)|[^\s,()]+")


def to_text(spec: ModelSpec) -> str:
    """The text form, without the name; `from_text` of it gives the same input shape and layers."""
    words = [_write(layer) for layer in spec.layers]
    if spec.input_shape != (1, 28, 28):
        words.insert(0, "input" + "x".join(map(str, spec.input_shape)))
    return " ".join(words)


def from_text(text: str, name: str = "untitled") -> ModelSpec:
    """The spec that a text stands for; raises SpecError that names the word that is wrong."""
    if len(text) > MAX_JSON:
        raise _error(None, f"The text is {len(text):,} characters long; at most {MAX_JSON:,} are read.")
    tokens = _TOKEN.findall(text.lower())
    shape: tuple[int, ...] = (1, 28, 28)
    if tokens and (match := re.fullmatch(rf"input({_WHOLE})x({_WHOLE})x({_WHOLE})", tokens[0])):
        shape = tuple(map(int, match.groups()))
        tokens = tokens[1:]
    layers = _read(tokens)
    try:
        return ModelSpec.model_validate({"name": name, "input_shape": shape, "layers": layers})
    except ValidationError as error:
        finding = error.errors(include_url=False)[0]
        raise _error(None, f"{finding['loc'][0]}: {finding['msg']}.") from None


def _read(tokens: list[str]) -> tuple[Layer, ...]:
    """Words into layers; open containers wait on a stack with what they contain so far."""
    stack: list[tuple[Container | None, list[Any]]] = [(None, [])]
    for position, token in enumerate(tokens, 1):
        if token.endswith("("):
            if len(stack) > MAX_DEPTH:
                raise _error(position, f"Containers are nested deeper than {MAX_DEPTH} levels.")
            stack.append((_container(position, token), []))
        elif token == ")":
            container, inner = stack.pop()
            if container is None:
                raise _error(position, "This ) has no opening bracket.")
            stack[-1][1].append(container.model_copy(update={"layers": tuple(inner)}))
        else:
            stack[-1][1].append(_layer(position, token))
    if len(stack) > 1:
        raise _error(None, "A container is never closed: a ) is missing.")
    return tuple(stack[0][1])


def _container(position: int, opening: str) -> Container:
    """The container that opens with `opening`, still empty."""
    enabled = not opening.startswith("~")
    head = opening.removeprefix("~").removesuffix("(")
    if head in ("res", "residual"):
        return Residual(enabled=enabled)
    if match := re.fullmatch(rf"({_WHOLE})x", head):
        return Repeat(enabled=enabled, times=int(match[1]))
    raise _error(position, f"{opening[:40]} opens nothing known; containers are res(…) and 3x(…).")


def _layer(position: int, token: str) -> Layer:
    enabled, body = not token.startswith("~"), token.removeprefix("~")
    match = _LAYER.fullmatch(body)
    if not match:
        raise _error(position, f"{token[:40]!r} is not a layer; the words are {_KNOWN}.")
    kind = _KIND_OF[match["name"]]
    word = _WORDS[kind]
    values = dict(word.given)
    try:
        if match["number"]:
            if not word.number:
                raise ValueError(f"{word.name} takes no number")
            values[word.number] = _number(match["number"])
        for letter, number in _LETTER.findall(match["letters"]):
            if letter not in word.letters or word.letters[letter] not in KINDS[kind].model_fields:
                known = ", ".join(f"{key} ({name})" for key, name in word.letters.items()) or "none"
                raise ValueError(f"{word.name} has no {letter}; its letters are {known}")
            values[word.letters[letter]] = _number(number)
        if match["no_bias"]:
            values["bias"] = False
        values |= _brackets(match["rest"])
        return KINDS[kind](enabled=enabled, **values)
    except ValidationError as error:
        finding = error.errors(include_url=False)[0]
        if finding["type"] == "missing":
            what = f"{token!r} needs a number, its {finding['loc'][0]}, as in {word.name}16."
            raise _error(position, what) from None
        raise _error(position, f"{token[:40]!r}: {finding['loc'][0]}: {finding['msg']}.") from None
    except ValueError as error:
        raise _error(position, f"{token[:40]!r}: {error}.") from None


def _number(text: str) -> Any:
    """3 → 3, 3x1 → (3, 1), 0.5 → 0.5."""
    if "x" in text:
        left, right = text.split("x")
        return int(left), int(right)
    return float(text) if re.search(r"[.e]", text) else int(text)


def _brackets(text: str | None) -> dict[str, Any]:
    """[eps=0.001,ceil_mode=true] as {"eps": 0.001, "ceil_mode": True}."""
    values: dict[str, Any] = {}
    for part in (text or "")[1:-1].split(","):
        if part.strip():
            key, _, value = part.partition("=")
            if key.strip() == "enabled":
                raise ValueError("a layer is switched off by ~ in front of its name")
            try:
                values[key.strip()] = json.loads(value)
            except (ValueError, RecursionError):
                values[key.strip()] = value.strip()
    return values


def _write(layer: Layer) -> str:
    off = "" if layer.enabled else "~"
    if isinstance(layer, Container):
        opening = "res(" if isinstance(layer, Residual) else f"{layer.times}x("
        return f"{off}{opening}{' '.join(map(_write, layer.layers))})"
    word = _WORDS[layer.kind]
    text = off + word.name
    values = {
        name: value
        for name, info in type(layer).model_fields.items()
        if name not in ("kind", "enabled")
        and (value := getattr(layer, name)) != (word.given.get(name, info.default))
    }
    if word.number in values or (word.number and KINDS[layer.kind].model_fields[word.number].is_required()):
        text += _write_number(values.pop(word.number, word.given.get(word.number)))
    for letter, name in word.letters.items():
        if name in values:
            text += letter + _write_number(values.pop(name))
    if values.pop("bias", True) is False:
        text += "-b"
    if values:
        text += f"[{','.join(f'{name}={json.dumps(value)}' for name, value in values.items())}]"
    return text


def _write_number(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else f"{value!r}"


def _error(position: int | None, message: str) -> SpecError:
    where = f"Word {position}: " if position else ""
    return SpecError((Problem(None, None, f"{where}{message}"),))
