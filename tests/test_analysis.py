"""The analysis against torch: shapes by a forward pass, params by counting, receptive fields by gradients."""

from __future__ import annotations

import os
from collections import Counter
from itertools import product
from math import prod

import pytest
import torch
import torchinfo
from hypothesis import HealthCheck, given, settings
from torch import nn

from mnist_core.architecture import edit
from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.layers import (
    AvgPool2d,
    Container,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    ReLU,
    Repeat,
    Residual,
)
from mnist_core.architecture.model import build
from mnist_core.architecture.report import Analysis
from mnist_core.architecture.spec import ModelSpec
from mnist_core.architecture.text import from_text
from mnist_core.architecture.view import View

from .strategies import mended, specs, valid_specs

torch.set_num_threads(1)  # tiny maps: threads only wait for each other
# 150 examples while one works; `make test` asks for 2,000.
examples = int(os.environ.get("LAB_EXAMPLES", "150"))
many = settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))


def modules_by_number(model: nn.Module) -> dict[int, nn.Module]:
    """The module of every enabled layer by the layer's number, which ends its name."""
    return {
        int(name.rsplit("_", 1)[1]): module
        for name, module in model.named_modules()
        if name.rsplit(".", 1)[-1] not in ("", "body", "branch")
    }


@many
@given(valid_specs)
def test_mixed_norms_are_those_that_torch_calls_more_than_once(spec: ModelSpec) -> None:
    calls: Counter[int] = Counter()
    model = build(spec).eval()
    for number, module in modules_by_number(model).items():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(lambda _m, _i, _out, number=number: calls.update([number]))
    model(torch.zeros(2, *spec.input_shape))
    mixed = [report.index for report in analyze(spec).mixed_norms]
    assert mixed == sorted(number for number, times in calls.items() if times > 1)


@many
@given(valid_specs)
def test_shapes_units_and_params_equal_torch(spec: ModelSpec) -> None:
    analysis = analyze(spec)
    model = build(spec).eval()
    shapes: dict[int, tuple[int, ...]] = {}
    units: Counter[int] = Counter()

    def note(number: int, shape: tuple[int, ...]) -> None:
        shapes[number] = shape
        units[number] += prod(shape)

    for number, module in modules_by_number(model).items():
        module.register_forward_hook(lambda _m, _i, out, number=number: note(number, tuple(out.shape[1:])))
    assert model(torch.zeros(2, *spec.input_shape)).shape == (2, 10)
    assert {report.index: report.output_shape for report in analysis.active} == shapes
    assert analysis.params == sum(p.numel() for p in model.parameters())
    for report in analysis.active:
        if not isinstance(report.layer, Container):
            assert report.units == units[report.index]
            module = modules_by_number(model)[report.index]
            assert report.weights == {name: tuple(p.shape) for name, p in module.named_parameters()}


@many
@given(valid_specs)
def test_macs_equal_torchinfo(spec: ModelSpec) -> None:
    if any(isinstance(layer, Repeat) for _, _, layer in spec.walk()):
        return  # torchinfo counts a module that is applied again in its own way; see the next test
    theirs = torchinfo.summary(build(spec), (1, *spec.input_shape), verbose=0).total_mult_adds
    assert theirs == analyze(spec).macs + additions(analyze(spec))


def additions(analysis: Analysis) -> int:
    """What torchinfo counts beyond multiply-accumulates: every bias, scale, shift and slope."""
    count = 0
    for report in analysis.active:
        if report.kind == "conv2d":
            _, height, width = report.output_shape or (0, 0, 0)
            count += height * width * sum(report.weights.get("bias", ()))
        elif report.kind == "linear":
            count += sum(report.weights.get("bias", ()))
        else:
            count += report.params
    return count


def test_repetitions_multiply_macs_and_not_params() -> None:
    once, thrice = (analyze(from_text(f"conv4p1 {n}x(conv4p1 relu) gap flat fc10")) for n in (1, 3))
    assert once.params == thrice.params
    assert thrice.macs - once.macs == 2 * 4 * 4 * 9 * 28 * 28


def test_a_dilated_pool_that_may_see_nothing_but_padding() -> None:
    problem = analyze(from_text("conv4s2 avg13 max2s1p1d2 flat fc10")).problems[0]
    assert str(problem) == (
        "Layer 3 (max_pool2d): dilation is 2, but the incoming map is 1×1 with padding 1: a window "
        "has all its values in the padding. Set dilation to 1."
    )
    assert problem.fix and not analyze(problem.fix.spec).problems
    ranges = range(1, 6), range(1, 5), (1, 2, 3, 5), range(3), range(1, 6), (False, True)
    for size, kernel, stride, padding, dilation, ceil in product(*ranges):
        if padding <= kernel // 2:
            pool = nn.MaxPool2d((kernel, 1), (stride, 1), (padding, 0), (dilation, 1), ceil_mode=ceil)
            text = f"max{kernel}x1s{stride}x1p{padding}x0d{dilation}x1[ceil_mode={str(ceil).lower()}]"
            field = analyze(from_text(f"input1x{size}x1 {text}")).problems[0].field
            if field != "kernel_size":  # else it does not fit at all
                assert (field == "dilation") is bool(pool(torch.zeros(1, 1, size, 1)).isinf().any()), text


@many
@given(specs)
def test_whatever_is_wrong_is_a_problem_and_never_an_exception(spec: ModelSpec) -> None:
    analysis = analyze(spec)
    numbers = {number for number, _, _ in spec.walk()}
    for problem in analysis.problems:
        assert problem.layer is None or problem.layer in numbers
        assert problem.message
    if analysis.problems:
        at: list[int] = []
        try:
            out = naive_forward(spec, at)
        except (RuntimeError, ValueError, TypeError, IndexError):
            first = analysis.problems[0].layer
            assert first is None or first <= at[-1] or lenient(analysis)
            assert any(problem.layer in (None, at[-1]) for problem in analysis.problems) or lenient(analysis)
            return
        # What torch itself would run is a problem only for its output.
        assert out.shape[1:] != (10,) or lenient(analysis)


def lenient(analysis: Analysis) -> bool:
    """Designs of which torch accepts more (normalising single values, with several images) than is meant."""
    said = " ".join(problem.message for problem in analysis.problems)
    return any(
        part in said
        for part in (
            "no layers yet",
            "drops whole channels",
            "normalising leaves 0",
            "needs a map",
            "needs a vector",
            "must give the shape",
            "in the padding",
            "at another stride",
        )
    )


def naive_forward(spec: ModelSpec, at: list[int]) -> torch.Tensor:
    """The design applied by torch alone, lazily, without our analysis; notes the number of each layer."""
    modules: dict[int, nn.Module] = {}

    def run(layers: tuple, number: int, x: torch.Tensor) -> torch.Tensor:
        for layer in layers:
            if layer.enabled:
                at.append(number)
                if isinstance(layer, Residual):
                    branch = run(layer.layers, number + 1, x)
                    at.append(number)
                    if branch.shape != x.shape:
                        raise ValueError("broadcast")
                    x = x + branch
                elif isinstance(layer, Repeat):
                    for _ in range(layer.times):
                        x = run(layer.layers, number + 1, x)
                else:
                    if number not in modules:
                        modules[number] = torch_module(layer, x)
                    x = modules[number](x)
            number += edit.count(layer)
        return x

    return run(spec.layers, 1, torch.zeros(2, *spec.input_shape))


def torch_module(layer, x: torch.Tensor) -> nn.Module:
    fields = {k: v for k, v in dict(layer).items() if k not in ("kind", "enabled")}
    match layer.kind:
        case "conv2d":
            return nn.Conv2d(x.shape[1], **fields)
        case "batch_norm2d":
            return nn.BatchNorm2d(x.shape[1], **fields)
        case "instance_norm":
            return nn.InstanceNorm2d(x.shape[1], **fields)
        case "group_norm":
            return nn.GroupNorm(num_channels=x.shape[1], **fields)
        case "layer_norm":
            return nn.LayerNorm(x.shape[1:], **fields)
        case "linear":
            return nn.Linear(x.shape[1], **fields)
        case "global_avg_pool2d":
            return nn.AdaptiveAvgPool2d(1)
        case "log_softmax":
            return nn.LogSoftmax(dim=1)
    names = {"relu": "ReLU", "leaky_relu": "LeakyReLU", "prelu": "PReLU", "elu": "ELU", "gelu": "GELU"}
    names |= {"silu": "SiLU", "hardswish": "Hardswish", "tanh": "Tanh", "sigmoid": "Sigmoid"}
    names |= {"dropout": "Dropout", "dropout2d": "Dropout2d", "flatten": "Flatten"}
    names |= {"max_pool2d": "MaxPool2d", "avg_pool2d": "AvgPool2d"}
    return getattr(nn, names[layer.kind])(**fields)


@settings(many, max_examples=200)
@given(specs)
def test_fixes_mend_what_they_are_offered_for(spec: ModelSpec) -> None:
    for problem in analyze(spec).problems:
        if problem.fix:
            after = {(p.layer, p.field, p.message) for p in analyze(problem.fix.spec).problems}
            assert (problem.layer, problem.field, problem.message) not in after


# -- receptive fields --


Span = tuple[int, int]


def footprints(spec: ModelSpec) -> dict[int, tuple[Span, Span] | None]:
    """For every layer the first and last row and column of the input that reach the unit in its map's middle.

    Weights are made positive, max pools averages and activations the identity, so no path cancels.
    """
    model = build(linearised(spec)).double().eval()
    for p in model.parameters():
        p.detach().fill_(1.0)
    outputs: dict[int, torch.Tensor] = {}
    for number, module in modules_by_number(model).items():
        module.register_forward_hook(lambda _m, _i, out, number=number: outputs.__setitem__(number, out))
    x = torch.zeros(1, *spec.input_shape, dtype=torch.float64, requires_grad=True)
    model(x)
    return {number: footprint(out, x) for number, out in outputs.items()}


def footprint(out: torch.Tensor, x: torch.Tensor) -> tuple[Span, Span] | None:
    middle = out[0, :, out.shape[2] // 2, out.shape[3] // 2] if out.dim() == 4 else out
    (gradient,) = torch.autograd.grad(middle.sum(), x, retain_graph=True, allow_unused=True)
    if gradient is None or not gradient.any():
        return None
    rows, columns = (gradient[0].abs().sum(dim=(0, axis)).nonzero().flatten() for axis in (2, 1))
    return (int(rows[0]), int(rows[-1])), (int(columns[0]), int(columns[-1]))


def linearised(spec: ModelSpec) -> ModelSpec:
    """Every max pool an average, everything that is neither sum nor pool switched off; numbers stay."""

    def swap(layer):
        if isinstance(layer, Container):
            return layer.model_copy(update={"layers": tuple(map(swap, layer.layers))})
        if isinstance(layer, MaxPool2d):
            # Without dilation, which averages do not have: `undilated` sees to that.
            return AvgPool2d(
                enabled=layer.enabled,
                kernel_size=layer.kernel_size,
                stride=layer.stride,
                padding=layer.padding,
                ceil_mode=layer.ceil_mode,
            )
        if isinstance(layer, Conv2d | Linear):
            return layer.model_copy(update={"groups": 1}) if isinstance(layer, Conv2d) else layer
        keeps = isinstance(layer, AvgPool2d | GlobalAvgPool2d | Flatten)
        return layer if keeps else ReLU(enabled=False)

    return spec.model_copy(update={"layers": tuple(map(swap, spec.layers))})


def undilated(spec: ModelSpec) -> ModelSpec:
    """Max pools without dilation, so that `linearised` sees what they see."""

    def swap(layer):
        if isinstance(layer, Container):
            return layer.model_copy(update={"layers": tuple(map(swap, layer.layers))})
        return layer.model_copy(update={"dilation": 1}) if isinstance(layer, MaxPool2d) else layer

    return spec.model_copy(update={"layers": tuple(map(swap, spec.layers))})


@many
@given(specs.map(undilated).map(mended).filter(lambda spec: spec is not None))
def test_receptive_fields_equal_the_footprint_of_the_gradient(spec: ModelSpec) -> None:
    analysis = analyze(linearised(spec))
    if analysis.problems:
        return
    found = footprints(spec)
    for report in analysis.active:
        view = report.view
        assert view is not None
        if isinstance(report.layer, Container) or (len(view.shape) == 1 and view.grid != (1, 1)):
            continue  # containers are what they contain; a flattened map's values lie at several places
        windows = [window(view, axis) for axis in (0, 1)]
        seen = found[report.index]
        if seen is None:  # the whole window lies in the padding, or its few taps do
            assert padded(spec)
            continue
        for (first, last), (low, high), size in zip(seen, windows, spec.input_shape[1:], strict=True):
            if low >= 0 and high <= size and not padded(spec):
                assert (first, last + 1) == (low, high), report.index
            else:  # clipped by the border: never beyond the window
                assert first >= max(0, low) and last + 1 <= min(size, high), report.index


def window(view: View, axis: int) -> tuple[float, float]:
    """The receptive field of the unit in the middle of the map, as an interval of input pixels."""
    centre = view.start[axis] + view.jump[axis] * (view.grid[axis] // 2)
    return centre - view.field[axis] / 2, centre + view.field[axis] / 2


def padded(spec: ModelSpec) -> bool:
    """Designs whose units near the border may see less than their window."""
    return any(
        (isinstance(layer, Conv2d | MaxPool2d | AvgPool2d) and layer.padding not in (0, (0, 0)))
        or (isinstance(layer, MaxPool2d | AvgPool2d) and layer.ceil_mode)
        for _, _, layer in spec.walk()
    )


def test_padded_interior_units_see_their_whole_window() -> None:
    spec = from_text("conv4p1 conv4k5p2d2 max2 conv4p1 res(conv4p1 conv4p1) conv4k3x1p1x0 gap flat fc10")
    analysis = analyze(spec)
    assert not analysis.problems
    found = footprints(spec)
    for report in analysis.layers[:-2]:
        view, seen = report.view, found[report.index]
        assert view is not None and seen is not None
        for axis, (first, last) in enumerate(seen):
            low, high = window(view, axis)
            assert (first, last + 1) == (max(0, low), min(28, high)), report.index


# -- said in words --


def test_too_large_a_kernel_says_what_is_what_is_allowed_and_what_to_do() -> None:
    problem = analyze(from_text("conv8k14 max5 conv10k7")).problems[0]
    assert str(problem) == (
        "Layer 3 (conv2d): kernel_size is 7, but the incoming map is 3×3 with padding 0. "
        "Use at most 3, or padding 2."
    )
    assert problem.fix is not None
    assert not [p for p in analyze(problem.fix.spec).problems if p.layer == 3 and p.field == "kernel_size"]


def test_a_dilated_kernel_is_told_from_what_it_reaches_over() -> None:
    problem = analyze(from_text("conv4s6 conv4k3d3")).problems[0]
    assert "kernel_size is 3, reaching over 7 with its dilation, but the incoming map is 5×5" in str(problem)


@pytest.mark.parametrize(
    ("text", "layer", "part"),
    [
        ("", None, "no layers yet"),
        ("conv1000000000", 1, "out_channels is 1,000,000,000; allowed are 1 to 4,096"),
        ("conv0", 1, "allowed are 1 to 4,096"),
        ("drop1.5", 1, "p is 1.5; allowed are 0 to 1"),
        ("conv4096k5 conv4096k5", 2, "at most 50,000,000 are allowed"),
        ("conv16 fc10", 2, "linear needs a vector, but gets a map 16×26×26"),
        ("conv10 gap", 2, "the output is 10×1×1, but must be 10 logits"),
        ("gap flat fc9", 3, "the output is 9, but must be 10 logits"),
        ("flat conv10", 2, "conv2d needs a map (C, H, W), but gets a vector of 784"),
        ("conv16 conv16g3", 2, "groups is 3, but must divide the 16 incoming channels"),
        ("max3p2", 1, "padding is 2, but must be at most half the kernel 3"),
        ("res(conv8)", 1, "the branch gives 8×26×26, but its input is 1×28×28"),
        ("3x(conv16)", 2, "repeated with the same weights, it gets 16×26×26"),
        ("100x(100x(relu))", 3, "applies over 1,000 layers"),
        ("input4x513x28 relu", None, "The input's height is 513; allowed are 1 to 512"),
        ("input1x512x512 conv4096 ", 1, "values; at most 67,108,864 are allowed"),
        (" ".join(["relu"] * 101), None, "The design has 101 layers; at most 100 are allowed"),
    ],
)
def test_problems_are_found_at_their_layer(text: str, layer: int | None, part: str) -> None:
    first = analyze(from_text(text)).problems[0]
    assert first.layer == layer
    assert part in first.message


def test_thousands_of_layers_are_one_problem() -> None:
    assert len(analyze(from_text("conv0 " * 1_000)).problems) == 1


def test_a_disabled_layer_keeps_its_number_and_costs_nothing() -> None:
    on, off = (analyze(from_text(f"conv8 {mark}conv8 gap flat fc10")) for mark in ("", "~"))
    assert [report.index for report in off.layers] == [1, 2, 3, 4, 5]
    assert off.layers[1].output_shape is None and off.layers[1].params == 0
    assert on.params - off.params == on.layers[1].params > 0
    assert sum(p.numel() for p in build(off.spec).parameters()) == off.params


@pytest.mark.parametrize("off", ["~conv0", "~res(conv0 drop2)", "~3x(relu res(conv8k999))", "~0x(relu)"])
def test_a_number_out_of_range_where_it_does_not_count(off: str) -> None:
    spec = from_text(f"conv8 {off} gap flat fc10")
    assert not analyze(spec).problems
    assert build(spec)(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert analyze(from_text(f"conv8 {off.replace('~', '')} gap flat fc10")).problems
