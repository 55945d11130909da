"""A spec as PyTorch source, the way a student would write it and hand it in."""

from __future__ import annotations

from typing import Any

from .analysis import Analysis, LayerReport, analyze
from .layers import (
    KINDS,
    BatchNorm2d,
    Container,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    InstanceNorm,
    Layer,
    LayerNorm,
    Linear,
    LogSoftmax,
    Repeat,
)
from .rules import number_text, one_or_two, shape_text
from .spec import ModelSpec, SpecError

_MODULES = {
    "conv2d": "Conv2d",
    "batch_norm2d": "BatchNorm2d",
    "group_norm": "GroupNorm",
    "layer_norm": "LayerNorm",
    "instance_norm": "InstanceNorm2d",
    "relu": "ReLU",
    "leaky_relu": "LeakyReLU",
    "prelu": "PReLU",
    "elu": "ELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "hardswish": "Hardswish",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "dropout": "Dropout",
    "dropout2d": "Dropout2d",
    "max_pool2d": "MaxPool2d",
    "avg_pool2d": "AvgPool2d",
    "global_avg_pool2d": "AdaptiveAvgPool2d",
    "flatten": "Flatten",
    "linear": "Linear",
    "log_softmax": "LogSoftmax",
}
_BLOCKS = {"conv2d": "conv", "linear": "fc", "max_pool2d": "pool", "avg_pool2d": "pool"} | {
    "global_avg_pool2d": "gap",
    "residual": "residual",
    "repeat": "repeat",
}  # the kinds that begin a block of their own, and how such blocks are called

_HELPERS = {
    "residual": '''class Residual(nn.Sequential):
    """Adds its input to its output."""

    def forward(self, x):
        return x + super().forward(x)
''',
    "repeat": '''class Repeat(nn.Sequential):
    """Applies its layers several times with the same weights."""

    def __init__(self, times, *layers):
        super().__init__(*layers)
        self.times = times

    def forward(self, x):
        for _ in range(self.times):
            x = super().forward(x)
        return x
''',
}


def to_source(spec: ModelSpec) -> str:
    """A module with a class `Net`, ready to run. Raises SpecError with all problems of a design that has any.

    The parameters of `Net` come in the order of those of `build(spec)`.
    """
    analysis = analyze(spec)
    if analysis.problems:
        raise SpecError(analysis.problems)
    blocks = _blocks(spec.layers, analysis)
    shape = ", ".join(map(str, spec.input_shape))
    kinds = {layer.kind for _, _, layer in spec.walk() if layer.enabled}
    functional = "import torch.nn.functional as F\n" if "F." in "".join(call for *_, call in blocks) else ""
    helpers = "".join(f"\n\n{_HELPERS[kind]}" for kind in _HELPERS if kind in kinds)
    title = " ".join("".join(sign if sign.isprintable() else " " for sign in spec.name).split())
    title = title.replace("\\", "").replace('"', "'")
    definitions = "\n".join(line for lines, _ in blocks for line in lines)
    calls = "\n".join(f"        {call}" for _, call in blocks)
    return f'''"""{title}: {analysis.params:,} params, {analysis.macs:,} multiply-accumulates an image."""

import torch
from torch import nn
{functional}{helpers}

class Net(nn.Module):
    """(N, {shape}) → (N, 10). Comments: output shape, receptive field in input pixels."""

    def __init__(self):
        super().__init__()
{definitions}

    def forward(self, x):
{calls}
        return x


if __name__ == "__main__":
    model = Net().eval()
    print(model)
    print("params:", sum(p.numel() for p in model.parameters()))
    print("output:", tuple(model(torch.zeros(1, {shape})).shape))
'''


def _blocks(layers: tuple[Layer, ...], analysis: Analysis) -> list[tuple[list[str], str]]:
    """(lines of __init__, line of forward) of every block at the top level."""
    groups: list[tuple[str, list[LayerReport]]] = []
    for report in (r for r in analysis.active if r.depth == 0):
        if report.kind in _BLOCKS or not groups or isinstance(report.layer, Flatten | LogSoftmax):
            groups.append((_BLOCKS.get(report.kind, "first"), [report]))
        elif groups[-1][0] in ("conv", "fc", "first") and not _is_call(groups[-1][1][0]):
            groups[-1][1].append(report)
        else:
            groups.append(("act", [report]))
    counts: dict[str, int] = {}
    blocks: list[tuple[list[str], str]] = []
    for name, reports in groups:
        first = reports[0]
        if _is_call(first):
            call = "torch.flatten(x, 1)" if isinstance(first.layer, Flatten) else "F.log_softmax(x, dim=1)"
            blocks.append(([], f"x = {call}{_comment(first)}"))
            continue
        counts[name] = counts.get(name, 0) + 1
        attribute = f"self.{name}{counts[name]}"
        blocks.append((_definition(attribute, reports, analysis), f"x = {attribute}(x)"))
    return blocks


def _is_call(report: LayerReport) -> bool:
    """Layers that stand in `forward` as a function call."""
    return isinstance(report.layer, Flatten | LogSoftmax)


def _definition(attribute: str, reports: list[LayerReport], analysis: Analysis) -> list[str]:
    if len(reports) == 1 and not isinstance(reports[0].layer, Container):
        return [f"        {attribute} = {_module(reports[0], analysis)}{_comment(reports[0])}"]
    if len(reports) == 1:
        return _nested(f"{attribute} = ", reports[0], analysis, 8, "")
    lines = [f"        {attribute} = nn.Sequential("]
    lines += [f"            {_module(r, analysis)},{_comment(r)}" for r in reports]
    return [*lines, "        )"]


def _nested(prefix: str, report: LayerReport, analysis: Analysis, indent: int, end: str) -> list[str]:
    """A container and what it contains, over several lines."""
    space = " " * indent
    layer = report.layer
    opening = f"Repeat({layer.times}," if isinstance(layer, Repeat) else "Residual("
    lines = [f"{space}{prefix}{opening}{_comment(report)}"]
    for child in _children(report, analysis):
        if isinstance(child.layer, Container):
            lines += _nested("", child, analysis, indent + 4, ",")
        else:
            lines.append(f"{space}    {_module(child, analysis)},{_comment(child)}")
    return [*lines, f"{space}){end}"]


def _children(parent: LayerReport, analysis: Analysis) -> list[LayerReport]:
    found = []
    for report in analysis.layers[parent.index :]:
        if report.depth <= parent.depth:
            break
        if report.depth == parent.depth + 1 and report.view:
            found.append(report)
    return found


def _module(report: LayerReport, analysis: Analysis) -> str:
    """The constructor call, derived arguments first, then the fields that differ from torch's defaults."""
    arguments = [repr(value) for value in _derived(report)]
    for name, info in KINDS[report.kind].model_fields.items():
        value = getattr(report.layer, name)
        if name in _POSITIONAL:
            arguments.append(repr(value))
        elif name not in ("kind", "enabled") and value != info.default:
            arguments.append(f"{name}={value!r}")
    if report.kind == "group_norm":
        arguments.insert(1, f"{report.view.shape[0] if report.view else 0}")
    return f"nn.{_MODULES[report.kind]}({', '.join(arguments)})"


_POSITIONAL = ("out_channels", "kernel_size", "out_features", "num_groups")


def _derived(report: LayerReport) -> list[Any]:
    """The arguments that a spec does not give: sizes of what comes in."""
    layer, shape = report.layer, report.output_shape or ()
    match layer:
        case Conv2d():
            return [report.weights["weight"][1] * layer.groups]
        case Linear():
            return [report.weights["weight"][1]]
        case BatchNorm2d() | InstanceNorm():
            return [shape[0]]
        case LayerNorm():
            return [shape]
        case GlobalAvgPool2d() | LogSoftmax():
            return [1]
    return []


def _comment(report: LayerReport) -> str:
    view = report.view
    if view is None or (report.kind not in _BLOCKS and report.kind != "flatten"):
        return ""  # what changes no shape needs no comment
    return f"  # {shape_text(view.shape)}, field {number_text(one_or_two(view.field))}"
