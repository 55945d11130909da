"""Look inside a checkpoint while it looks at a digit: the maps of every layer, where a number came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.model import RepeatBlock, ResidualBlock
from mnist_core.architecture.view import View
from mnist_core.probe.inference import INPUT_SHAPE, load_model, one_thread
from mnist_core.runs.checkpoint import describe
from mnist_core.training.data import MEAN, STD

Values = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class LayerMaps:
    """What one layer made of the digit.

    number   of the layer in the design, from 1
    values   (C, H, W), also of a map that was flattened: its values keep their places; (C, 1, 1) after
             `linear`. Of a repeated layer, its last application
    inputs   what the layer got, in the same way; for the first layer that is the normalised digit
    module   the layer itself, with its weights
    view     shape, receptive field, jump and start, in pixels of the digit
    """

    number: int
    kind: str
    values: Values
    inputs: Values
    module: nn.Module
    view: View


def layer_maps(path: Path | str, digit: ArrayLike) -> tuple[LayerMaps, ...]:
    """The output of every layer for a prepared digit (28, 28) in [0, 1], in the order of computation.

    Raises CheckpointError as `predict` does.
    """
    model, analysis = load_model(path), analyze(describe(Path(path)).spec)
    views = {report.index: report.view for report in analysis.active if report.view}
    kinds = {report.index: report.kind for report in analysis.layers}
    pixels = torch.as_tensor(np.asarray(digit, dtype=np.float32)).reshape(1, *INPUT_SHAPE)
    seen: dict[int, LayerMaps] = {}
    with one_thread(), torch.inference_mode():
        _run(model, (pixels - MEAN) / STD, kinds, views, seen)
    return tuple(seen[number] for number in sorted(seen))


def _run(
    model: nn.Module, x: Tensor, kinds: dict[int, str], views: dict[int, View], seen: dict[int, LayerMaps]
) -> Tensor:
    """As `model(x)`, layer by layer. Hooks would do too, but the model is shared with other threads."""
    for name, module in model.named_children():
        number = int(name.rsplit("_", 1)[1])
        before = x
        if isinstance(module, ResidualBlock):
            x = x + _run(module.branch, x, kinds, views, seen)
        elif isinstance(module, RepeatBlock):
            for _ in range(module.times):
                x = _run(module.body, x, kinds, views, seen)
        else:
            x = module(x)
        maps = (_as_maps(x, views[number]), _as_maps(before, views[number]))
        seen[number] = LayerMaps(number, kinds[number], *maps, module, views[number])
    return x


def _as_maps(x: Tensor, view: View) -> Values:
    """(1, C, H, W) or (1, C·H·W) → (C, H, W)."""
    return x[0].reshape(-1, *(x.shape[2:] or view.grid)).float().contiguous().numpy()


@dataclass(frozen=True, eq=False)
class Unit:
    """How one value of a map came about.

    rule      the computation in a few words, with its numbers
    value     the map's value, which the rule gives
    window    for convolution, pooling and linear: what the unit looked at, (C, kh, kw)
    weights   for convolution and linear: what it was multiplied with, of the same shape
    bias      what was added at the end
    """

    rule: str
    value: float
    window: Values | None = None
    weights: Values | None = None
    bias: float = 0.0

    @property
    def shares(self) -> Values:
        """(C,): what each input map contributes; with the bias they add up to the value."""
        if self.window is None or self.weights is None:
            return np.zeros(0, np.float32)
        shares: Values = (self.window * self.weights).sum(axis=(1, 2))
        return shares


def unit(layer: LayerMaps, channel: int, row: int, column: int) -> Unit:
    """Explain the value at (channel, row, column) of a layer's maps. Raises IndexError outside of them."""
    shape = layer.values.shape
    if not all(0 <= place < size for place, size in zip((channel, row, column), shape, strict=True)):
        raise IndexError(f"({channel}, {row}, {column}) is outside of maps of shape {shape}")
    value = float(layer.values[channel, row, column])
    module = layer.module
    match module:
        case nn.Conv2d():
            return _of_convolution(layer, module, channel, row, column, value)
        case nn.Linear():
            weights = module.weight[channel].detach().numpy()[:, None, None]
            bias = float(module.bias[channel]) if module.bias is not None else 0.0
            rule = f"sum of {len(weights)} inputs × weights, + bias {_number(bias)}"
            return Unit(rule, value, layer.inputs.reshape(weights.shape), weights, bias)
        case nn.MaxPool2d() | nn.AvgPool2d():
            window = _window(layer.inputs[channel : channel + 1], module, row, column)
            what = "largest" if isinstance(module, nn.MaxPool2d) else "mean"
            count = int(np.isfinite(window[0]).sum())
            return Unit(f"{what} of the {count} values in its window", value, window)
        case nn.AdaptiveAvgPool2d():
            window = layer.inputs[channel : channel + 1]
            return Unit(f"mean of all {window[0].size} values of its map", value, window)
        case nn.BatchNorm2d():
            return _of_batch_norm(layer, module, channel, row, column, value)
        case ResidualBlock():
            before = float(layer.inputs[channel, row, column])
            return Unit(f"{_number(before)} came in, the branch adds {_number(value - before)}", value)
    if layer.inputs.shape == shape:
        before = float(layer.inputs[channel, row, column])
        return Unit(f"{layer.kind}({_number(before)})", value)
    return Unit(layer.kind, value)


def _of_convolution(
    layer: LayerMaps, module: nn.Conv2d, channel: int, row: int, column: int, value: float
) -> Unit:
    weights = module.weight[channel].detach().contiguous().numpy()
    first = channel // (module.out_channels // module.groups) * len(weights)
    window = _window(layer.inputs[first : first + len(weights)], module, row, column)
    bias = float(module.bias[channel]) if module.bias is not None else 0.0
    maps = "1 map" if len(weights) == 1 else f"{len(weights)} maps"
    rule = f"sum of {weights.size} inputs × weights in {maps}, + bias {_number(bias)}"
    return Unit(rule, value, window, weights, bias)


def _window(maps: Values, module: nn.Module, row: int, column: int) -> Values:
    """What a kernel covers at an output place, (C, kh, kw); 0 where it covers padding.

    NaN is what does not count: padding for max pooling, and for average pooling where it is told so; and what
    lies beyond the padding, where a pooling runs over the edge (ceil_mode).
    """
    if not isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        raise TypeError(f"{type(module).__name__} has no kernel")
    counts = isinstance(module, nn.Conv2d) or (isinstance(module, nn.AvgPool2d) and module.count_include_pad)
    kernel, stride, padding = (
        _pair(of) for of in (module.kernel_size, module.stride or module.kernel_size, module.padding)
    )
    dilation = _pair(1 if isinstance(module, nn.AvgPool2d) else module.dilation)
    _, height, width = maps.shape
    window = np.full((len(maps), *kernel), np.nan, np.float32)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            y = row * stride[0] - padding[0] + i * dilation[0]
            x = column * stride[1] - padding[1] + j * dilation[1]
            if 0 <= y < height and 0 <= x < width:
                window[:, i, j] = maps[:, y, x]
            elif counts and y < height + padding[0] and x < width + padding[1]:
                window[:, i, j] = 0
    return window


def _pair(value: object) -> tuple[int, int]:
    if isinstance(value, tuple):
        return value[0], value[1]
    if isinstance(value, int):
        return value, value
    raise TypeError(f"{value!r} is neither a number nor a pair")


def _of_batch_norm(
    layer: LayerMaps, module: nn.BatchNorm2d, channel: int, row: int, column: int, value: float
) -> Unit:
    before = float(layer.inputs[channel, row, column])
    mean, variance = (
        float(buffer[channel]) if buffer is not None else default
        for buffer, default in ((module.running_mean, 0.0), (module.running_var, 1.0))
    )
    scale = float(module.weight[channel]) if module.affine else 1.0
    shift = float(module.bias[channel]) if module.affine else 0.0
    deviation = (variance + module.eps) ** 0.5
    rule = (
        f"({_number(before)} − mean {_number(mean)}) / deviation {_number(deviation)} "
        f"× scale {_number(scale)} + shift {_number(shift)}"
    )
    return Unit(rule, value)


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")
