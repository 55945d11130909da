"""Average pooling of 2×2 pixels: lines are added as a whole, then their pixels in pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import prange
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
def _pool(x: Any, channels: int, y: Any) -> None:
    line = np.empty(x.shape[2], np.float32)
    for n in range(len(x)):
        for i in range(y.shape[1]):
            for j in range(len(line)):
                line[j] = (load(x[n, 2 * i, j]) + load(x[n, 2 * i + 1, j])) * np.float32(0.25)
            for start in range(0, y.shape[2], channels):
                left, right = line[2 * start :], line[2 * start + channels :]
                for c in range(channels):
                    store(y[n], i, start + c, left[c] + right[c])


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
                store(dx[n], 2 * i, j, line[j])
                store(dx[n], 2 * i + 1, j, line[j])
        if dx.shape[1] % 2:
            for j in range(len(line)):
                store(dx[n], dx.shape[1] - 1, j, np.float32(0))


@parallel
def _forward(x: Any, channels: int, parts: int, y: Any) -> None:
    for part in prange(parts):
        _pool(part_of(x, part, parts), channels, part_of(y, part, parts))


@parallel
def _backward(dy: Any, channels: int, parts: int, dx: Any) -> None:
    for part in prange(parts):
        _spread(part_of(dy, part, parts), channels, part_of(dx, part, parts))


class _Pool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """x (N, C, H, W), channels last → (N, C, H // 2, W // 2)."""
        count, channels, height, width = x.shape
        shape = (count, channels, height // 2, width // 2)
        y = torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)
        _forward(lines(x), channels, share_work(), lines(y))
        ctx.shape = x.shape
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        dy = gradients[0].contiguous(memory_format=torch.channels_last)
        dx = torch.empty(ctx.shape, dtype=dy.dtype, memory_format=torch.channels_last)
        _backward(lines(dy), ctx.shape[1], share_work(), lines(dx))
        return dx


class AvgPool2d(nn.AvgPool2d):
    """nn.AvgPool2d(2) on the processor."""

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W)."""
        if not self.training or x.dtype not in KNOWN:
            return super().forward(x)
        y: Tensor = _Pool.apply(x.contiguous(memory_format=torch.channels_last))
        return y


def use_here(model: nn.Module) -> None:
    """Let every nn.AvgPool2d(2) of `model` be one of these."""
    for module in model.modules():
        if type(module) is nn.AvgPool2d and _suits(module):
            module.__class__ = AvgPool2d


def _suits(layer: nn.AvgPool2d) -> bool:
    numbers = (layer.kernel_size, layer.stride, layer.padding)
    return numbers == (2, 2, 0) and not layer.ceil_mode and layer.divisor_override is None
