"""Element-wise dropout for processors.

torch's nn.Dropout draws one random number for each value, one after the other: many milliseconds for a map,
more than the convolution before it. Here whether a value is dropped is a hash of its place and of two random
numbers a map, so nothing is kept for the backward pass either.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import prange
from numba.extending import register_jitable
from torch import Tensor, nn

from mnist_core.training.processor.compiled import (
    KNOWN,
    load,
    memory,
    parallel,
    part_of,
    serial,
    share_work,
    store,
)

_WORDS = 1 << 32  # rates are kept to one part in so many


@register_jitable
def _hash(bits: Any) -> Any:
    """32 bits, each of which depends on all of those given: the end of MurmurHash3 (Appleby 2011)."""
    bits = np.uint32(np.uint32(bits ^ (bits >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    bits = np.uint32(np.uint32(bits ^ (bits >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return bits ^ (bits >> np.uint32(16))


@serial
def _drop_some(x: Any, place: int, start: Any, stride: Any, dropped: Any, y: Any) -> None:
    """y = x / (1 - rate), or 0 with the rate `dropped` / 2^32; the first value has this place in the map."""
    scale, zero = np.float32(_WORDS / (_WORDS - dropped)), np.float32(0)
    for j in range(len(x)):
        bits = _hash(np.uint32(start + np.uint32(np.uint32(place + j) * stride)))
        factor = zero if bits < dropped else scale
        store(y, j, load(x[j]) * factor)


@parallel
def _drop(x: Any, start: Any, stride: Any, dropped: Any, parts: int, y: Any) -> None:
    for part in prange(parts):
        place = len(x) * part // parts
        _drop_some(part_of(x, part, parts), place, start, stride, dropped, part_of(y, part, parts))


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, rate: float) -> Tensor:
        """x dense, of any shape."""
        start, stride = torch.empty(2, dtype=torch.int64).random_(_WORDS).tolist()
        ctx.how = np.uint32(start), np.uint32(stride | 1), np.uint32(min(round(rate * _WORDS), _WORDS - 1))
        ctx.stride = x.stride()
        return _dropped(x, ctx.how)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        dy = gradients[0]
        if dy.stride() != ctx.stride:  # places are those in memory
            dy = torch.empty_strided(dy.shape, ctx.stride, dtype=dy.dtype).copy_(dy)
        return _dropped(dy, ctx.how), None


def _dropped(x: Tensor, how: tuple[Any, ...]) -> Tensor:
    """A dense x, laid out as it is."""
    y = torch.empty_like(x)
    flat = (memory(each.as_strided((each.numel(),), (1,))) for each in (x, y))
    _drop(next(flat), *how, share_work(), next(flat))
    return y


class Dropout(nn.Dropout):
    """nn.Dropout on the processor: the same distribution from other random numbers of the same generator."""

    def forward(self, x: Tensor) -> Tensor:
        """x of any shape."""
        if not self.training or not 0 < self.p < 1 or x.dtype not in KNOWN:
            return super().forward(x)
        dense = x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last)
        y: Tensor = _Drop.apply(x if dense else x.contiguous(), self.p)
        return y


def use_here(model: nn.Module) -> None:
    """Let every nn.Dropout of `model` be one of these."""
    for module in model.modules():
        if type(module) is nn.Dropout:
            module.__class__ = Dropout
