"""The kinds of layers as immutable data.

Field names and defaults are those of the `torch.nn` module of the same name; `in_channels` and
`in_features` are never given but derived. Numbers may be out of range: that is for analysis to say.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_serializer

from .limits import MAX_CHANNELS, Limits

Shape = tuple[int, ...]
Pair = tuple[int, int]

Channels = Annotated[int, Limits(1, MAX_CHANNELS)]
Kernel = Annotated[int | Pair, Limits(1, 512)]
Stride = Annotated[int | Pair, Limits(1, 512)]
PoolStride = Annotated[int | Pair | None, Limits(1, 512)]
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
    """Slides learned kernels over the map; each gives one output channel."""

    kind: Literal["conv2d"] = "conv2d"
    out_channels: Channels = Field(description="number of kernels, so of output channels")
    kernel_size: Kernel = Field(
        description="height and width of a kernel; 1 mixes channels, sees no neighbours"
    )
    stride: Stride = Field(1, description="distance between neighbouring windows; 2 halves the map")
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
    stride: PoolStride = Field(None, description="distance between neighbouring windows; empty: kernel_size")
    padding: Padding = Field(0, description="edge added on every side, at most half the kernel")
    dilation: Annotated[int | Pair, Limits(1, 512)] = Field(
        1, description="distance between a window's values"
    )
    ceil_mode: bool = Field(False, description="round the output's size up, not down")


class AvgPool2d(Layer):
    """The mean of each window."""

    kind: Literal["avg_pool2d"] = "avg_pool2d"
    kernel_size: Kernel = Field(description="height and width of the window")
    stride: PoolStride = Field(None, description="distance between neighbouring windows; empty: kernel_size")
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
    """Applies its layers several times with the same weights; params count once."""

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
Container = Residual | Repeat  # also for isinstance and issubclass

Residual.model_rebuild()
Repeat.model_rebuild()

KINDS: dict[str, type[Layer]] = {
    cls.model_fields["kind"].default: cls for cls in (*Layer.__subclasses__(),)
}  # every layer class by its kind, in the order of this file
