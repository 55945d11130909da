"""BatchNorm of narrow maps for processors.

torch's nn.BatchNorm2d walks through a channels-last map pixel by pixel. Few channels fill no vector register,
and in the backward pass the sums of several threads share cache lines, which the cores take from each other:
with two threads it took three times as long as with one, and longer than the convolutions. Here torch's own
operations see several lines of an image as one pixel of thousands of channels, and what they find is merged.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_LINE = 16  # float32 values in a cache line and in a vector register: whole ones are fast in torch
_CHANNELS = 32  # wider maps are fast enough in torch
_PIXELS = 64  # smaller maps are done sooner than what is needed around them
_WIDTH = 4096  # values in lines that are taken together: they and their parameters fit a core's cache


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """x (N, C, H, W), channels last → the same normalised, and its mean and variance, (C,) each."""
        lines = _lines(x)
        zeros = weight.new_zeros(lines.shape[1])
        found = torch.batch_norm_update_stats(lines, zeros, zeros, 0.0)
        means, variances = (each.view(-1, len(weight)) for each in found)
        mean = means.mean(0)
        variance = (means - mean).square_().add_(variances).mean(0)
        wide = torch.stack([mean, variance, weight, bias]).repeat(1, len(means))
        ctx.save_for_backward(x, weight, variance, wide)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance)
        y = torch.empty_like(x)  # not a view of another tensor: a ReLU may overwrite it
        _normalize(lines, wide, eps, out=_lines(y))
        return y, mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """With n values a channel: dx = weight / σ · (dy - Σ dy / n - (x - mean) / σ · dweight / n).

        torch gives the first term and the sums, as if mean and variance were constants; the others are again
        a normalisation of x.
        """
        x, weight, variance, wide = ctx.saved_tensors
        mean, variances, weights, _ = wide
        lines = _lines(x)
        given = _lines(gradients[0].contiguous(memory_format=torch.channels_last))
        found, *sums = torch.ops.aten.native_batch_norm_backward(
            given, lines, weights, mean, variances, None, None, False, ctx.eps, [True, True, True]
        )
        dweight, dbias = (each.view(-1, len(weight)).sum(0) for each in sums)
        share = -weight * (variance + ctx.eps).rsqrt() * (len(weight) / x.numel())
        more = torch.stack([share * dweight, share * dbias]).repeat(1, len(mean) // len(weight))
        dx = torch.empty_like(x)
        rest = _normalize(lines, torch.stack([mean, variances, *more]), ctx.eps, out=_lines(dx))
        rest += found
        return dx, dweight, dbias, None


def _normalize(lines: Tensor, wide: Tensor, eps: float, out: Tensor) -> Tensor:
    """(lines - mean) / σ · weight + bias into `out`; the rows of `wide` are mean, variance, weight, bias."""
    mean, variance, weight, bias = wide
    unused = weight.new_empty(0), weight.new_empty(0)
    torch.native_batch_norm(lines, weight, bias, mean, variance, False, 0.0, eps, out=(out, *unused))
    return out


def _lines(x: Tensor) -> Tensor:
    """(N, C, H, W), channels last → (N · H / n, n · W · C), the same memory: n lines of an image in one."""
    _, channels, height, width = x.shape
    line = width * channels
    fitting = (n for n in range(1, height + 1) if height % n == 0 and n * line <= _WIDTH)
    return x.permute(0, 2, 3, 1).view(-1, max(fitting, default=1) * line)


class BatchNorm2d(nn.BatchNorm2d):
    """nn.BatchNorm2d on the processor, the same but for rounding.

    The sums are at least as exact as torch's. In bfloat16 the gradient of the input is rounded three times
    instead of once.
    """

    momentum: float
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W)."""
        large = x[0, 0].numel() >= _PIXELS and x.is_contiguous(memory_format=torch.channels_last)
        if not (self.training and large):
            return super().forward(x)
        y: Tensor
        y, mean, variance = _Norm.apply(x, self.weight, self.bias, self.eps)
        count = x.numel() // len(mean)
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        return y


def use_here(model: nn.Module) -> None:
    """Let every narrow nn.BatchNorm2d of `model` be one of these; its tensors and names stay."""
    for module in model.modules():
        if type(module) is nn.BatchNorm2d and _suits(module):
            module.__class__ = BatchNorm2d


def _suits(layer: nn.BatchNorm2d) -> bool:
    complete = layer.affine and layer.track_running_stats and layer.momentum is not None
    return complete and layer.num_features < _CHANNELS and layer.num_features % _LINE > 0
