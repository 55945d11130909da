"""Pooling of 2×2 pixels: lines are joined as a whole, then their pixels in pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import prange
from numba.extending import register_jitable
from torch import Tensor, nn

from mnist_core.training.processor.compiled import (
    KNOWN,
    lines,
    load,
    parallel,
    part_of,
    serial,
    share_work,
    store,
)


@serial
def _mean(x: Any, channels: int, y: Any) -> None:
    line = np.empty(x.shape[2], np.float32)
    for n in range(len(x)):
        for i in range(y.shape[1]):
            for j in range(len(line)):
                line[j] = (load(x[n, 2 * i, j]) + load(x[n, 2 * i + 1, j])) * np.float32(0.25)
            for start in range(0, y.shape[2], channels):
                left, right = line[2 * start :], line[2 * start + channels :]
                for c in range(channels):
                    store(y, (n, i, start + c), left[c] + right[c])


@serial
def _spread(dy: Any, channels: int, dx: Any) -> None:
    line = np.zeros(dx.shape[2], np.float32)
    for n in range(len(dx)):
        for i in range(dy.shape[1]):
            for start in range(0, dy.shape[2], channels):
                left, right = line[2 * start :], line[2 * start + channels :]
                for c in range(channels):
                    left[c] = right[c] = load(dy[n, i, start + c]) * np.float32(0.25)
            for j in range(len(line)):
                store(dx, (n, 2 * i, j), line[j])
                store(dx, (n, 2 * i + 1, j), line[j])
        if dx.shape[1] % 2:
            dx[n, -1] = 0


@serial
def _largest(x: Any, channels: int, y: Any, chosen: Any) -> None:
    """Fill y; and in chosen, as wide as x, the place of each: 0 and 1 above, 2 and 3 below.

    As in torch the first of equal ones is chosen. Every pixel is compared with the one to its right, although
    only every second is wanted: so a line is one loop, whatever the number of channels.
    """
    best, wanted = np.empty((1, x.shape[2]), y.dtype), _left_of_pairs(y.shape[2], channels)
    for n in range(len(x)):
        for i in range(y.shape[1]):
            places, top, bottom = chosen[n, i], x[n, 2 * i], x[n, 2 * i + 1]
            top_right, bottom_right = top[channels:], bottom[channels:]
            for j in range(len(top_right)):
                a, b, c, d = load(top[j]), load(top_right[j]), load(bottom[j]), load(bottom_right[j])
                upper, lower = b if b > a else a, d if d > c else c
                value = lower if lower > upper else upper
                place = np.uint8(2) if c == value else np.uint8(3)
                place = np.uint8(1) if b == value else place
                places[j] = np.uint8(0) if a == value else place
                total = a + b + c + d
                store(best, (0, j), value + (total - total))  # what is not a number remains visible
            for j in range(len(wanted)):
                y[n, i, j] = best[0, wanted[j]]


@serial
def _place(dy: Any, chosen: Any, channels: int, dx: Any) -> None:
    """Each gradient goes where the largest value was; in the map's own type, as nothing is rounded."""
    zero = dy.dtype.type(0)
    spread, wanted = np.zeros(dx.shape[2], dy.dtype), _left_of_pairs(dy.shape[2], channels)
    for n in range(len(dx)):
        for i in range(dy.shape[1]):
            for j in range(len(wanted)):
                spread[wanted[j]] = dy[n, i, j]
            for lower in range(2):
                _give(spread, chosen[n, i], channels, 2 * lower, dx[n, 2 * i + lower])
        if dx.shape[1] % 2:
            dx[n, -1] = zero


@register_jitable
def _give(spread: Any, chosen: Any, channels: int, place: int, dx: Any) -> None:
    """Fill a line, the left pixels of which have this place.

    A pixel gets its own gradient and its left neighbour's, of which one is 0.
    """
    left, right, zero = np.uint8(place), np.uint8(place + 1), dx.dtype.type(0)
    for j in range(channels):
        dx[j] = spread[j] if chosen[j] == left else zero
    here, given, own = spread[channels:], dx[channels:], chosen[channels:]
    for j in range(len(given)):
        given[j] = (here[j] if own[j] == left else zero) + (spread[j] if chosen[j] == right else zero)


@register_jitable
def _left_of_pairs(width: int, channels: int) -> Any:
    """Where the left pixel of each pair lies, for every value of a line with one pixel a pair."""
    places = np.empty(width, np.int64)
    for j in range(width):
        places[j] = j // channels * channels + j
    return places


@parallel
def _mean_forward(x: Any, channels: int, parts: int, y: Any) -> None:
    for part in prange(parts):
        _mean(part_of(x, part, parts), channels, part_of(y, part, parts))


@parallel
def _mean_backward(dy: Any, channels: int, parts: int, dx: Any) -> None:
    for part in prange(parts):
        _spread(part_of(dy, part, parts), channels, part_of(dx, part, parts))


@parallel
def _max_forward(x: Any, channels: int, parts: int, y: Any, chosen: Any) -> None:
    for part in prange(parts):
        _largest(part_of(x, part, parts), channels, part_of(y, part, parts), part_of(chosen, part, parts))


@parallel
def _max_backward(dy: Any, chosen: Any, channels: int, parts: int, dx: Any) -> None:
    for part in prange(parts):
        _place(part_of(dy, part, parts), part_of(chosen, part, parts), channels, part_of(dx, part, parts))


def _halved(x: Tensor) -> Tensor:
    """An empty (N, C, H // 2, W // 2), channels last."""
    count, channels, height, width = x.shape
    shape = count, channels, height // 2, width // 2
    return torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)


class _AvgPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """x (N, C, H, W), channels last → (N, C, H // 2, W // 2)."""
        y = _halved(x)
        _mean_forward(lines(x), x.shape[1], share_work(), lines(y))
        ctx.shape = x.shape
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        dy = gradients[0].contiguous(memory_format=torch.channels_last)
        dx = torch.empty(ctx.shape, dtype=dy.dtype, memory_format=torch.channels_last)
        _mean_backward(lines(dy), ctx.shape[1], share_work(), lines(dx))
        return dx


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """x (N, C, H, W), channels last → (N, C, H // 2, W // 2)."""
        y = _halved(x)
        ctx.shape, ctx.chosen = x.shape, np.empty((len(x), y.shape[2], x.shape[3] * x.shape[1]), np.uint8)
        _max_forward(lines(x), x.shape[1], share_work(), lines(y), ctx.chosen)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        dy = gradients[0].contiguous(memory_format=torch.channels_last)
        dx = torch.empty(ctx.shape, dtype=dy.dtype, memory_format=torch.channels_last)
        _max_backward(lines(dy), ctx.chosen, ctx.shape[1], share_work(), lines(dx))
        return dx


class AvgPool2d(nn.AvgPool2d):
    """nn.AvgPool2d(2) on the processor."""

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W)."""
        if not self.training or x.dtype not in KNOWN:
            return super().forward(x)
        y: Tensor = _AvgPool.apply(x.contiguous(memory_format=torch.channels_last))
        return y


class MaxPool2d(nn.MaxPool2d):
    """nn.MaxPool2d(2) on the processor."""

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W)."""
        if not self.training or x.dtype not in KNOWN:
            return super().forward(x)
        y: Tensor = _MaxPool.apply(x.contiguous(memory_format=torch.channels_last))
        return y


def use_here(model: nn.Module) -> None:
    """Let every nn.AvgPool2d(2) and nn.MaxPool2d(2) of `model` be one of these."""
    for module in model.modules():
        if type(module) is nn.AvgPool2d and _pairs(module) and module.divisor_override is None:
            module.__class__ = AvgPool2d
        if (
            type(module) is nn.MaxPool2d
            and _pairs(module)
            and module.dilation == 1
            and not module.return_indices
        ):
            module.__class__ = MaxPool2d


def _pairs(layer: nn.AvgPool2d | nn.MaxPool2d) -> bool:
    return (layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode) == (2, 2, 0, False)
