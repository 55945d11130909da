"""Element-wise dropout for processors.

torch's nn.Dropout draws one random number for each value, one after the other: many milliseconds for a map,
more than the convolution before it. Here 64 random bits decide about four values: a fifth of the time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_LEVELS = 1 << 16  # rates are kept to 1/65,536


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, rate: float) -> Tensor:
        factors = _factors(x, rate)
        ctx.save_for_backward(factors)
        return x * factors

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (factors,) = ctx.saved_tensors
        return gradients[0] * factors, None


def _factors(x: Tensor, rate: float) -> Tensor:
    """0 with probability `rate`, else 1 / (1 - rate), for every value of x; laid out in memory like x."""
    dropped = round(rate * _LEVELS)
    words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    factors = torch.empty_like(x)
    flat = factors.as_strided((x.numel(),), (1,))  # in the order of memory, whatever the order of dimensions
    # straight to the type of x: by way of bool it takes three times as long
    torch.ge(words.view(torch.int16)[: x.numel()], dropped - _LEVELS // 2, out=flat)
    flat.mul_(_LEVELS / (_LEVELS - dropped))
    return factors


class Dropout(nn.Module):
    """nn.Dropout on the processor: the same distribution from other random numbers of the same generator."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """x of any shape; unchanged in eval mode."""
        if not self.training or round(self.p * _LEVELS) == 0:
            return x
        if round(self.p * _LEVELS) == _LEVELS:
            return torch.zeros_like(x) * x  # everything is dropped, and nothing learns from it
        dropped: Tensor = _Drop.apply(x, self.p)
        return dropped


def use_here(model: nn.Module) -> None:
    """Put this Dropout in the place of every nn.Dropout in `model`; it has no tensors, so no name changes."""
    for parent in model.modules():
        for name, child in parent.named_children():
            if type(child) is nn.Dropout:
                setattr(parent, name, Dropout(child.p))
