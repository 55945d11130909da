"""A spec as a PyTorch module."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from .analysis import Analysis, analyze
from .layers import AvgPool2d, Container, Layer, MaxPool2d, Residual
from .spec import ModelSpec, SpecError


class ResidualBlock(nn.Module):
    """x + branch(x)."""

    def __init__(self, branch: nn.Sequential) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class RepeatBlock(nn.Module):
    """The body applied `times` times with the same weights."""

    def __init__(self, body: nn.Sequential, times: int) -> None:
        super().__init__()
        self.body, self.times = body, times

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.times):
            x = self.body(x)
        return x


def build(spec: ModelSpec) -> nn.Sequential:
    """The module of a spec: (N, C, H, W) float → (N, 10).

    Children are named by kind and number ("conv2d_1"), so that tensors in a checkpoint name their layer.
    Disabled layers have no child. Raises SpecError with all problems of a design that has any.
    """
    analysis = analyze(spec)
    if analysis.problems:
        raise SpecError(analysis.problems)
    model, _ = _sequence(spec.layers, 1, analysis, spec.input_shape)
    return model


def _sequence(
    layers: tuple[Layer, ...], number: int, analysis: Analysis, shape: tuple[int, ...]
) -> tuple[nn.Sequential, int]:
    """The module of `layers`, the first of which has this number and gets this shape; and the next number."""
    model = nn.Sequential()
    for layer in layers:
        report = analysis.layers[number - 1]
        next_number = number + 1
        if isinstance(layer, Container):
            body, next_number = _sequence(layer.layers, number + 1, analysis, shape)
            block = ResidualBlock(body) if isinstance(layer, Residual) else RepeatBlock(body, layer.times)
            module: nn.Module = block
        elif report.output_shape:
            module = _MODULES[layer.kind](layer, shape)
        if report.output_shape:
            model.add_module(f"{layer.kind}_{number}", module)
            shape = report.output_shape
        number = next_number
    return model, number


def _conv2d(layer: Any, shape: tuple[int, ...]) -> nn.Module:
    return nn.Conv2d(
        shape[0],
        layer.out_channels,
        layer.kernel_size,
        layer.stride,
        layer.padding,
        layer.dilation,
        layer.groups,
        layer.bias,
    )


def _max_pool2d(layer: MaxPool2d, shape: tuple[int, ...]) -> nn.Module:
    return nn.MaxPool2d(
        layer.kernel_size, layer.stride, layer.padding, layer.dilation, ceil_mode=layer.ceil_mode
    )


def _avg_pool2d(layer: AvgPool2d, shape: tuple[int, ...]) -> nn.Module:
    return nn.AvgPool2d(
        layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode, layer.count_include_pad
    )


_MODULES: dict[str, Any] = {
    "conv2d": _conv2d,
    "batch_norm2d": lambda layer, shape: nn.BatchNorm2d(shape[0], layer.eps, layer.momentum, layer.affine),
    "group_norm": lambda layer, shape: nn.GroupNorm(layer.num_groups, shape[0], layer.eps, layer.affine),
    "layer_norm": lambda layer, shape: nn.LayerNorm(shape, layer.eps, layer.elementwise_affine),
    "instance_norm": lambda layer, shape: nn.InstanceNorm2d(shape[0], layer.eps, affine=layer.affine),
    "relu": lambda layer, shape: nn.ReLU(),
    "leaky_relu": lambda layer, shape: nn.LeakyReLU(layer.negative_slope),
    "prelu": lambda layer, shape: nn.PReLU(layer.num_parameters),
    "elu": lambda layer, shape: nn.ELU(layer.alpha),
    "gelu": lambda layer, shape: nn.GELU(layer.approximate),
    "silu": lambda layer, shape: nn.SiLU(),
    "hardswish": lambda layer, shape: nn.Hardswish(),
    "tanh": lambda layer, shape: nn.Tanh(),
    "sigmoid": lambda layer, shape: nn.Sigmoid(),
    "dropout": lambda layer, shape: nn.Dropout(layer.p),
    "dropout2d": lambda layer, shape: nn.Dropout2d(layer.p),
    "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "global_avg_pool2d": lambda layer, shape: nn.AdaptiveAvgPool2d(1),
    "flatten": lambda layer, shape: nn.Flatten(),
    "linear": lambda layer, shape: nn.Linear(shape[0], layer.out_features, layer.bias),
    "log_softmax": lambda layer, shape: nn.LogSoftmax(dim=1),
}
