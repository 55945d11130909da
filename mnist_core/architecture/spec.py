"""The network as immutable data: a `ModelSpec` is a name, an input shape and a tuple of layers.

Field names and defaults are those of the `torch.nn` module of the same name; `in_channels` and
`in_features` are never given but derived. A spec may be wrong (that is what `analyze` finds out),
but it is always well-formed: `ModelSpec.from_json` raises `SpecError` for anything else.
Nothing here needs torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_serializer

MAX_LAYERS = 100  # layers in one spec, nested ones included
MAX_CHANNELS = 4_096  # channels of a map, features of a vector
MAX_PARAMS = 50_000_000
MAX_UNITS = 2**26  # values in one layer's output for one image (256 MiB as float32)
MAX_APPLICATIONS = 1_000  # layer applications in one forward pass, `repeat` unrolled
MAX_DEPTH = 8  # containers within containers
MAX_INPUT = (4, 512, 512)
MAX_NAME = 80  # characters
MAX_JSON = 256 * 1024  # characters

Shape = tuple[int, ...]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Limits:
    """The allowed range of a number field, ends included. Analysis checks it, the editor shows it."""

    low: float
    high: float


Channels = Annotated[int, Limits(1, MAX_CHANNELS)]
Kernel = Annotated[int | Pair, Limits(1, 512)]
Stride = Annotated[int | Pair, Limits(1, 512)]
Padding = Annotated[int | Pair, Limits(0, 512)]
Probability = Annotated[float, Limits(0.0, 1.0)]
Epsilon = Annotated[float, Limits(1e-12, 1.0)]


class Layer(BaseModel):
    """What all layers share. A disabled layer keeps its place and number but takes no part in the network."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    kind: str
    enabled: bool = True

    @model_serializer(mode="wrap")
    def _compact(self, default: Any) -> dict[str, Any]:
        data: dict[str, Any] = default(self)
        if self.enabled:
            data.pop("enabled", None)
        return data


class Conv2d(Layer):
    """Slides `out_channels` learned kernels over the map; each gives one output channel."""

    kind: Literal["conv2d"] = "conv2d"
    out_channels: Channels = Field(description="number of kernels, so of output channels")
    kernel_size: Kernel = Field(
        description="height and width of a kernel; 1 mixes channels, sees no neighbours"
    )
    stride: Stride = Field(1, description="step of the kernel; 2 halves the map")
    padding: Padding = Field(
        0, description="zeros added at every edge; (kernel_size − 1) / 2 keeps the map's size"
    )
    dilation: Annotated[int | Pair, Limits(1, 512)] = Field(1, description="distance between a kernel's taps")
    groups: Channels = Field(
        1, description="channels are split into this many groups; in_channels = depthwise"
    )
    bias: bool = Field(
        True, description="one added constant per output channel; useless right before BatchNorm"
    )


class BatchNorm2d(Layer):
    """Normalises every channel to mean 0 and variance 1 over the batch, then scales and shifts it."""

    kind: Literal["batch_norm2d"] = "batch_norm2d"
    eps: Epsilon = Field(1e-5, description="added to the variance before the root")
    momentum: Probability = Field(0.1, description="weight of the newest batch in the running statistics")
    affine: bool = Field(True, description="learn one scale and one shift per channel")


class GroupNorm(Layer):
    """Normalises groups of channels within one image."""

    kind: Literal["group_norm"] = "group_norm"
    num_groups: Channels = Field(description="must divide the number of channels")
    eps: Epsilon = Field(1e-5, description="added to the variance before the root")
    affine: bool = Field(True, description="learn one scale and one shift per channel")


class LayerNorm(Layer):
    """Normalises all values of one image together; learns a scale and a shift for every value."""

    kind: Literal["layer_norm"] = "layer_norm"
    eps: Epsilon = Field(1e-5, description="added to the variance before the root")
    elementwise_affine: bool = Field(True, description="learn one scale and one shift per value")


class InstanceNorm(Layer):
    """Normalises every channel within one image."""

    kind: Literal["instance_norm"] = "instance_norm"
    eps: Epsilon = Field(1e-5, description="added to the variance before the root")
    affine: bool = Field(False, description="learn one scale and one shift per channel")


class ReLU(Layer):
    """max(0, x)."""

    kind: Literal["relu"] = "relu"


class LeakyReLU(Layer):
    """x for x > 0, negative_slope · x otherwise."""

    kind: Literal["leaky_relu"] = "leaky_relu"
    negative_slope: Annotated[float, Limits(-10.0, 10.0)] = Field(0.01, description="slope for x < 0")


class PReLU(Layer):
    """Leaky ReLU whose slope is learned."""

    kind: Literal["prelu"] = "prelu"
    num_parameters: Channels = Field(1, description="1 slope for all, or one per channel")


class ELU(Layer):
    """x for x > 0, alpha · (exp(x) − 1) otherwise."""

    kind: Literal["elu"] = "elu"
    alpha: Annotated[float, Limits(0.0, 10.0)] = Field(1.0, description="minus the limit for x → −∞")


class GELU(Layer):
    """x · Φ(x), Φ the standard normal distribution function."""

    kind: Literal["gelu"] = "gelu"
    approximate: Literal["none", "tanh"] = Field("none", description="exact, or by tanh")


class SiLU(Layer):
    """x · sigmoid(x)."""

    kind: Literal["silu"] = "silu"


class Hardswish(Layer):
    """x · min(max(x + 3, 0), 6) / 6, a cheap SiLU."""

    kind: Literal["hardswish"] = "hardswish"


class Tanh(Layer):
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), between −1 and 1."""

    kind: Literal["tanh"] = "tanh"


class Sigmoid(Layer):
    """1 / (1 + e⁻ˣ), between 0 and 1."""

    kind: Literal["sigmoid"] = "sigmoid"


class Dropout(Layer):
    """In training, sets each value to 0 with probability p and scales the rest by 1 / (1 − p)."""

    kind: Literal["dropout"] = "dropout"
    p: Probability = Field(0.5, description="probability that a value is dropped")


class Dropout2d(Layer):
    """In training, sets whole channels to 0 with probability p and scales the rest by 1 / (1 − p)."""

    kind: Literal["dropout2d"] = "dropout2d"
    p: Probability = Field(0.5, description="probability that a channel is dropped")


class MaxPool2d(Layer):
    """The largest value in each window."""

    kind: Literal["max_pool2d"] = "max_pool2d"
    kernel_size: Kernel = Field(description="height and width of the window")
    stride: Stride | None = Field(None, description="step of the window; empty: kernel_size")
    padding: Padding = Field(0, description="edge added on every side, at most half the kernel")
    dilation: Annotated[int | Pair, Limits(1, 512)] = Field(
        1, description="distance between a window's values"
    )
    ceil_mode: bool = Field(False, description="round the output's size up, not down")


class AvgPool2d(Layer):
    """The mean of each window."""

    kind: Literal["avg_pool2d"] = "avg_pool2d"
    kernel_size: Kernel = Field(description="height and width of the window")
    stride: Stride | None = Field(None, description="step of the window; empty: kernel_size")
    padding: Padding = Field(0, description="zeros added on every side, at most half the kernel")
    ceil_mode: bool = Field(False, description="round the output's size up, not down")
    count_include_pad: bool = Field(True, description="padding counts in the mean")


class GlobalAvgPool2d(Layer):
    """The mean of every channel over the whole map: (C, H, W) → (C, 1, 1)."""

    kind: Literal["global_avg_pool2d"] = "global_avg_pool2d"


class Flatten(Layer):
    """(C, H, W) → (C·H·W,)."""

    kind: Literal["flatten"] = "flatten"


class Linear(Layer):
    """Every output is a weighted sum of all inputs: a fully connected layer."""

    kind: Literal["linear"] = "linear"
    out_features: Channels = Field(description="number of outputs; 10 for the last layer")
    bias: bool = Field(True, description="one added constant per output")


class LogSoftmax(Layer):
    """Logits → log-probabilities."""

    kind: Literal["log_softmax"] = "log_softmax"


class Residual(Layer):
    """Adds its input to the output of its layers; their shapes must agree."""

    kind: Literal["residual"] = "residual"
    layers: tuple[AnyLayer, ...] = Field((), description="the branch")


class Repeat(Layer):
    """Applies its layers `times` times with the same weights; params count once."""

    kind: Literal["repeat"] = "repeat"
    times: Annotated[int, Limits(1, 100)] = Field(2, description="number of applications")
    layers: tuple[AnyLayer, ...] = Field((), description="what is repeated")


AnyLayer = Annotated[
    Conv2d
    | BatchNorm2d
    | GroupNorm
    | LayerNorm
    | InstanceNorm
    | ReLU
    | LeakyReLU
    | PReLU
    | ELU
    | GELU
    | SiLU
    | Hardswish
    | Tanh
    | Sigmoid
    | Dropout
    | Dropout2d
    | MaxPool2d
    | AvgPool2d
    | GlobalAvgPool2d
    | Flatten
    | Linear
    | LogSoftmax
    | Residual
    | Repeat,
    Field(discriminator="kind"),
]
Container = Residual | Repeat

Residual.model_rebuild()
Repeat.model_rebuild()

KINDS: dict[str, type[Layer]] = {
    cls.model_fields["kind"].default: cls for cls in (*Layer.__subclasses__(),)
}  # every layer class by its kind, in the order of this file


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
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise SpecError(_problems_of(error, text)) from None

    def to_json(self, indent: int | None = 1) -> str:
        """Canonical JSON; `from_json` of it is this spec again."""
        return self.model_dump_json(indent=indent)

    def walk(self) -> Iterator[tuple[int, int, Layer]]:
        """(number from 1, depth from 0, layer) of every layer in reading order, disabled ones included."""
        yield from ((number, depth, layer) for number, (depth, layer) in enumerate(_walk(self.layers, 0), 1))


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
    for finding in error.errors(include_url=False):
        number, kind, path = _locate(raw, finding["loc"])
        field = ".".join(path) or None
        problems.append(Problem(number, field, _explain(finding, field, kind), kind))
    # A union such as int | pair reports one finding a member: keep the first for each place.
    unique = {(problem.layer, (problem.field or "").split(".")[0]): problem for problem in reversed(problems)}
    return tuple(reversed(unique.values()))


def _locate(raw: Any, loc: tuple[int | str, ...]) -> tuple[int | None, str | None, list[str]]:
    """A pydantic location such as ("layers", 3, "conv2d", "stride", "int") as (number, kind, field path)."""
    number, kind, node, rest = None, None, raw, list(loc)
    while len(rest) >= 2 and rest[0] == "layers" and isinstance(rest[1], int) and isinstance(node, dict):
        siblings = node["layers"]
        number = (number or 0) + 1 + sum(_count(sibling) for sibling in siblings[: rest[1]])
        node = siblings[rest[1]]
        kind = node.get("kind") if isinstance(node, dict) and isinstance(node.get("kind"), str) else None
        rest = rest[2:]
        if rest and rest[0] == kind:
            rest = rest[1:]
    members = {"int", "float", "tuple", "none", "literal"}  # names of union members, not of fields
    return number, kind, [str(part) for part in rest[:1] if str(part).split("[")[0] not in members]


def _count(node: Any) -> int:
    """Layers in a raw layer: itself and its content."""
    inner = node.get("layers") if isinstance(node, dict) else None
    return 1 + sum(map(_count, inner)) if isinstance(inner, list) else 1


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
