"""BatchNorm with the ReLU before it, or the activation after it, and the Dropout2d behind, in one go.

torch walks through a map five times forward and seven to nine times backward for the norm alone, in narrow
maps pixel by pixel, as few channels fill no vector register, and five more times for each of the others; in
the nets of this lab that took longer than the convolutions. Here it is twice and twice: once for the sums,
once for the result. What lies between is computed again backward instead of kept. Rows of many pixels are
seen as one pixel of many channels, and sums are merged at the end.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mnist_core.training.processor import norm_kernels
from mnist_core.training.processor.compiled import KNOWN, memory, rows, share_work


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, factors: Tensor, layer: BatchNorm2d
    ) -> Tensor:
        """x (N, C, H, W), channels last, and factors (N, C) → the map; the running statistics follow."""
        y, arrays = torch.empty_like(x), (memory(weight), memory(bias), memory(factors))
        ctx.moments = np.empty_like(arrays[0]), np.empty_like(arrays[0])
        least = (
            norm_kernels.ZERO if type(each) is nn.ReLU else norm_kernels.ANY
            for each in (layer.before, layer.activation)
        )
        ctx.how = layer.eps, *least, type(layer.activation) is nn.SiLU
        running = memory(layer.running_mean), memory(layer.running_var)
        norm_kernels.forward(
            rows(x), *arrays, *ctx.how, layer.momentum, share_work(), rows(y), *ctx.moments, *running
        )
        ctx.save_for_backward(x, weight, bias, factors)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        x, weight, bias, factors = ctx.saved_tensors
        dy = gradients[0].contiguous(memory_format=torch.channels_last)
        dx, dweight, dbias = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(bias)
        given = rows(x), rows(dy), memory(weight), memory(bias), memory(factors), *ctx.moments, *ctx.how
        norm_kernels.backward(*given, share_work(), rows(dx), memory(dweight), memory(dbias))
        return dx, dweight, dbias, None, None


class BatchNorm2d(nn.BatchNorm2d):
    """nn.BatchNorm2d on the processor, with a ReLU before it, an activation and nn.Dropout2d after it.

    The same as torch's but for rounding; sums and the result are nearer to those in float64.
    """

    momentum: float
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    before: nn.Module
    activation: nn.Module
    dropout: float

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W)."""
        count = x.numel() // x.shape[1]
        if not self.training or x.dtype not in KNOWN or count < 2:  # torch refuses a single value
            return F.dropout2d(self.activation(super().forward(self.before(x))), self.dropout, self.training)
        weight: Tensor = self.weight if self.affine else torch.ones_like(self.running_mean)
        bias: Tensor = self.bias if self.affine else torch.zeros_like(self.running_mean)
        x = x.contiguous(memory_format=torch.channels_last)
        self.num_batches_tracked.add_(1)
        factors = torch.ones(*x.shape[:2], 1, 1)
        if self.dropout:
            factors = F.dropout2d(factors, self.dropout)
        y: Tensor = _Norm.apply(x, weight, bias, factors.flatten(1), self)
        return y


def use_here(model: nn.Module) -> None:
    """Let the nn.BatchNorm2d of `model` be of these where they can; tensors and their names stay.

    Layers around one that it does, too, move into it, and leave an nn.Identity in their places.
    """
    for module in list(model.modules()):
        if isinstance(module, nn.Sequential):
            for place in range(len(module)):
                _take_in(module, place)


def _take_in(layers: nn.Sequential, place: int) -> None:
    norm, all_layers, taken = layers[place], dict(enumerate(layers)), list[int]()
    if type(norm) is not nn.BatchNorm2d or not norm.track_running_stats or norm.momentum is None:
        return

    def take(number: int, *kinds: type[nn.Module]) -> Any:
        layer = all_layers.get(number)
        if type(layer) not in kinds:
            return nn.Identity()
        taken.append(number)
        return layer

    activation = take(place + 1, nn.ReLU, nn.SiLU)
    dropout = take(place + 1 + len(taken), nn.Dropout2d)
    before = take(place - 1, *([] if type(activation) is nn.SiLU else [nn.ReLU]))
    norm.__class__ = BatchNorm2d
    # no children, so that no tensor's name changes
    norm.__dict__.update(before=before, activation=activation, dropout=getattr(dropout, "p", 0.0))
    for number in taken:
        layers[number] = nn.Identity()
