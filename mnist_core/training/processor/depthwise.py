"""Depthwise convolutions, each channel with its own kernel.

The gradient of the input is a convolution, too: of the output's gradient with the flipped kernel. Asked for
it as such, oneDNN takes half the time of its own backward pass.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, padding: tuple[int, int]) -> Tensor:
        """x (N, C, H, W), weight (C, 1, h, w) → (N, C, H', W')."""
        ctx.save_for_backward(x, weight)
        ctx.padding = padding
        return F.conv2d(x, weight, None, 1, padding, 1, len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        dy = gradients[0].contiguous(memory_format=torch.channels_last)
        rest = [size - 1 - pad for size, pad in zip(weight.shape[2:], ctx.padding, strict=True)]
        dx = F.conv2d(dy, weight.flip(2, 3), None, 1, rest, 1, len(weight))
        only_weight = [False, True, False]
        _, dweight, _ = torch.ops.aten.convolution_backward(
            dy, x, weight, None, [1, 1], ctx.padding, [1, 1], False, [0, 0], len(weight), only_weight
        )
        return dx, dweight, None


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise nn.Conv2d on the processor, the same but for rounding."""

    padding: tuple[int, int]

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W)."""
        if not self.training:
            return super().forward(x)
        weight = self.weight
        if torch.is_autocast_enabled("cpu"):  # which does not know this function
            kind = torch.get_autocast_dtype("cpu")
            x, weight = x.to(kind), weight.to(kind)
        y: Tensor = _Convolution.apply(x, weight, self.padding)
        return y


def use_here(model: nn.Module) -> None:
    """Let the depthwise nn.Conv2d of `model` be of these where they can; tensors and their names stay."""
    for module in model.modules():
        if type(module) is nn.Conv2d and _suits(module):
            module.__class__ = DepthwiseConv2d


def _suits(layer: nn.Conv2d) -> bool:
    depthwise = layer.groups == layer.in_channels == layer.out_channels > 1
    plain = layer.stride == layer.dilation == (1, 1) and layer.padding_mode == "zeros" and layer.bias is None
    if not (depthwise and plain) or isinstance(layer.padding, str):
        return False
    return all(pad < size for pad, size in zip(layer.padding, layer.kernel_size, strict=True))
