"""BatchNorm and the activation after it in one go.

torch walks through a map five times forward and seven to nine times backward, in narrow maps pixel by pixel,
as few channels fill no vector register; in the nets of this lab that took longer than the convolutions. Here
it is twice and twice: once for the sums, once for the result. The activation is computed again backward
instead of kept. Rows of many pixels are seen as one pixel of many channels, and sums are merged at the end.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numba import prange
from numba.extending import register_jitable
from torch import Tensor, nn

from mnist_core.training.processor.compiled import (
    KNOWN,
    exp,
    load,
    memory,
    parallel,
    part_of,
    repeated,
    rows,
    serial,
    share_work,
    store,
)

_NONE, _RELU, _SILU = range(3)
_CODES: dict[type[nn.Module], int] = {nn.ReLU: _RELU, nn.SiLU: _SILU}
_REGISTER = 16  # float32 values in a vector register: with whole ones torch is as fast
_BLOCK = 64  # rows whose sums are float32 before they are added to those in float64


@register_jitable
def _activated(value: Any, code: int) -> Any:
    if code == _RELU:
        return np.float32(0) if value < 0 else value  # not max(): what is not a number must remain visible
    if code == _SILU:
        return value / (np.float32(1) + exp(-value))
    return value


@register_jitable
def _slope(value: Any, code: int) -> Any:
    """The derivative of the activation."""
    if code == _RELU:
        return np.float32(0) if value <= 0 else np.float32(1)
    if code == _SILU:
        sigmoid = np.float32(1) / (np.float32(1) + exp(-value))
        return sigmoid * (np.float32(1) + value * (np.float32(1) - sigmoid))
    return np.float32(1)


@serial
def _moments(x: Any, centre: Any, totals: Any) -> None:
    """Add Σ (x - centre) and Σ (x - centre)² of each channel to the two rows of totals."""
    width, channels = x.shape[1], len(centre)
    centres = repeated(centre, width)
    ones, squares = np.empty(width, np.float32), np.empty(width, np.float32)
    for start in range(0, len(x), _BLOCK):
        ones[:] = 0
        squares[:] = 0
        for i in range(start, min(start + _BLOCK, len(x))):
            for j in range(width):
                value = load(x[i, j]) - centres[j]
                ones[j] += value
                squares[j] += value * value
        for j in range(width):
            totals[0, j % channels] += ones[j]
            totals[1, j % channels] += squares[j]


@register_jitable
def _apply_as(x: Any, scales: Any, shifts: Any, code: int, y: Any) -> None:
    for i in range(len(x)):
        for j in range(x.shape[1]):
            store(y, i, j, _activated(load(x[i, j]) * scales[j] + shifts[j], code))


@serial
def _apply(x: Any, scale: Any, shift: Any, code: int, y: Any) -> None:
    width = x.shape[1]
    scales, shifts = repeated(scale, width), repeated(shift, width)
    if code == _RELU:  # with a constant for the code the loop has no branch, and fills vector registers
        _apply_as(x, scales, shifts, _RELU, y)
    elif code == _SILU:
        _apply_as(x, scales, shifts, _SILU, y)
    else:
        _apply_as(x, scales, shifts, _NONE, y)


@parallel
def _forward(
    x: Any,
    weight: Any,
    bias: Any,
    eps: float,
    code: int,
    momentum: float,
    parts: int,
    y: Any,
    mean: Any,
    variance: Any,
    running_mean: Any,
    running_variance: Any,
) -> None:
    """Fill y, and mean and variance of each channel; let the running ones follow them as torch's do."""
    channels = len(weight)
    centre = np.empty(channels, np.float32)  # near the mean: no small difference of large sums is taken
    for c in range(channels):
        centre[c] = load(x[0, c])
    totals = np.zeros((parts, 2, channels))
    for part in prange(parts):
        _moments(part_of(x, part, parts), centre, totals[part])
    scale, shift = np.empty(channels, np.float32), np.empty(channels, np.float32)
    count = x.size // channels
    for c in range(channels):
        off = totals[:, 0, c].sum() / count
        mean[c] = centre[c] + off
        variance[c] = max(totals[:, 1, c].sum() / count - off * off, 0.0)
        scale[c] = weight[c] / np.sqrt(variance[c] + eps)
        shift[c] = bias[c] - mean[c] * scale[c]
        running_mean[c] += momentum * (mean[c] - running_mean[c])
        running_variance[c] += momentum * (variance[c] * count / (count - 1) - running_variance[c])
    for part in prange(parts):
        _apply(part_of(x, part, parts), scale, shift, code, part_of(y, part, parts))


@register_jitable
def _gradient_sums_as(
    x: Any, dy: Any, scales: Any, shifts: Any, means: Any, code: int, g: Any, ones: Any, products: Any
) -> None:
    for i in range(len(x)):
        for j in range(x.shape[1]):
            value = load(x[i, j])
            gradient = load(dy[i, j]) * _slope(value * scales[j] + shifts[j], code)
            store(g, i, j, gradient)
            ones[j] += gradient
            products[j] += gradient * (value - means[j])


@serial
def _gradient_sums(
    x: Any, dy: Any, scale: Any, shift: Any, mean: Any, code: int, g: Any, totals: Any
) -> None:
    """Fill g, the gradient before the activation; add Σ g and Σ g (x - mean) to the two rows of totals."""
    width, channels = x.shape[1], len(mean)
    scales, shifts, means = repeated(scale, width), repeated(shift, width), repeated(mean, width)
    ones, products = np.empty(width, np.float32), np.empty(width, np.float32)
    for start in range(0, len(x), _BLOCK):
        ones[:] = 0
        products[:] = 0
        end = start + _BLOCK
        some = x[start:end], dy[start:end], scales, shifts, means
        if code == _RELU:
            _gradient_sums_as(*some, _RELU, g[start:end], ones, products)
        elif code == _SILU:
            _gradient_sums_as(*some, _SILU, g[start:end], ones, products)
        else:
            _gradient_sums_as(*some, _NONE, g[start:end], ones, products)
        for j in range(width):
            totals[0, j % channels] += ones[j]
            totals[1, j % channels] += products[j]


@serial
def _apply_gradient(x: Any, scale: Any, of_x: Any, rest: Any, g: Any) -> None:
    """g ← g · scale + x · of_x + rest, with these of each channel."""
    width = x.shape[1]
    scales, of_xs, rests = repeated(scale, width), repeated(of_x, width), repeated(rest, width)
    for i in range(len(x)):
        for j in range(width):
            store(g, i, j, load(g[i, j]) * scales[j] + load(x[i, j]) * of_xs[j] + rests[j])


@parallel
def _backward(
    x: Any,
    dy: Any,
    weight: Any,
    bias: Any,
    mean: Any,
    variance: Any,
    eps: float,
    code: int,
    parts: int,
    dx: Any,
    dweight: Any,
    dbias: Any,
) -> None:
    """With n values a channel and σ² = variance + eps:

    dbias = Σ g, dweight = Σ g (x - mean) / σ,
    dx = weight / σ · (g - dbias / n - (x - mean) / σ · dweight / n)
    """
    channels = len(weight)
    scale, shift = np.empty(channels, np.float32), np.empty(channels, np.float32)
    of_x, rest = np.empty(channels, np.float32), np.empty(channels, np.float32)
    for c in range(channels):
        scale[c] = weight[c] / np.sqrt(variance[c] + eps)
        shift[c] = bias[c] - mean[c] * scale[c]
    totals = np.zeros((parts, 2, channels))
    for part in prange(parts):
        some = part_of(x, part, parts), part_of(dy, part, parts)
        _gradient_sums(*some, scale, shift, mean, code, part_of(dx, part, parts), totals[part])
    count = x.size // channels
    for c in range(channels):
        sigma = np.sqrt(variance[c] + eps)
        dbias[c] = totals[:, 0, c].sum()
        dweight[c] = totals[:, 1, c].sum() / sigma
        of_x[c] = -scale[c] / sigma * dweight[c] / count
        rest[c] = -scale[c] * dbias[c] / count - mean[c] * of_x[c]
    for part in prange(parts):
        _apply_gradient(part_of(x, part, parts), scale, of_x, rest, part_of(dx, part, parts))


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, layer: BatchNorm2d) -> Tensor:
        """x (N, C, H, W), channels last → normalised and activated; the running statistics follow."""
        y, arrays = torch.empty_like(x), (memory(weight), memory(bias))
        ctx.moments = np.empty_like(arrays[0]), np.empty_like(arrays[0])
        ctx.eps, ctx.code = layer.eps, _CODES.get(type(layer.activation), _NONE)
        running = memory(layer.running_mean), memory(layer.running_var)
        settings = ctx.eps, ctx.code, layer.momentum, share_work()
        _forward(rows(x), *arrays, *settings, rows(y), *ctx.moments, *running)
        ctx.save_for_backward(x, weight, bias)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight, bias = ctx.saved_tensors
        dy = gradients[0].contiguous(memory_format=torch.channels_last)
        dx, dweight, dbias = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(bias)
        given = rows(x), rows(dy), memory(weight), memory(bias), *ctx.moments, ctx.eps, ctx.code
        _backward(*given, share_work(), rows(dx), memory(dweight), memory(dbias))
        return dx, dweight, dbias, None


class BatchNorm2d(nn.BatchNorm2d):
    """nn.BatchNorm2d and the activation after it on the processor, the same but for rounding.

    Sums and the result are nearer to those in float64 than torch's.
    """

    momentum: float
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    activation: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W)."""
        count = x.numel() // x.shape[1]
        if not self.training or x.dtype not in KNOWN or count < 2:  # torch refuses a single value
            after: Tensor = self.activation(super().forward(x))
            return after
        weight: Tensor = self.weight if self.affine else torch.ones_like(self.running_mean)
        bias: Tensor = self.bias if self.affine else torch.zeros_like(self.running_mean)
        x = x.contiguous(memory_format=torch.channels_last)
        self.num_batches_tracked.add_(1)
        y: Tensor = _Norm.apply(x, weight, bias, self)
        return y


def use_here(model: nn.Module) -> None:
    """Let the nn.BatchNorm2d of `model` be of these where that is faster; tensors and their names stay.

    An activation after it moves into it, and leaves an nn.Identity in its place.
    """
    for module in list(model.modules()):
        layers = list(module.named_children()) if isinstance(module, nn.Sequential) else []
        for (_, layer), (name, after) in pairwise([*layers, ("", nn.Identity())]):
            if type(layer) is nn.BatchNorm2d and _suits(layer, after):
                layer.__class__ = BatchNorm2d
                moves = type(after) in _CODES
                layer.__dict__["activation"] = after if moves else nn.Identity()  # no child: no name changes
                if moves:
                    setattr(module, name, nn.Identity())


def _suits(layer: nn.BatchNorm2d, after: nn.Module) -> bool:
    faster = layer.num_features % _REGISTER > 0 or isinstance(after, nn.SiLU)
    return faster and layer.track_running_stats and layer.momentum is not None
