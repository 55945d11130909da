from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.spec import ModelSpec
from mnist_core.architecture.text import from_text
from mnist_core.probe.explain import LayerMaps, layer_maps, unit
from mnist_core.probe.inference import load_model, predict
from mnist_core.runs import checkpoint
from tests.strategies import digit_specs
from tests.test_inference import spec_of, untrained

DIGIT = np.random.default_rng(3).random((28, 28), dtype=np.float32)

LAYERS: list[dict[str, Any]] = [
    {"kind": "conv2d", "out_channels": 6, "kernel_size": [3, 5], "stride": 2, "padding": 1, "dilation": 2},
    {"kind": "batch_norm2d"},
    {"kind": "relu"},
    {"kind": "conv2d", "out_channels": 6, "kernel_size": 3, "padding": 1, "groups": 3, "bias": False},
    {"kind": "residual", "layers": [{"kind": "conv2d", "out_channels": 6, "kernel_size": 3, "padding": 1}]},
    {"kind": "max_pool2d", "kernel_size": 3, "stride": 2, "padding": 1},
    {
        "kind": "repeat",
        "times": 3,
        "layers": [{"kind": "conv2d", "out_channels": 6, "kernel_size": 1}, {"kind": "gelu"}],
    },
    {"kind": "avg_pool2d", "kernel_size": 2},
    {"kind": "dropout2d", "p": 0.3},
    {"kind": "global_avg_pool2d"},
    {"kind": "flatten"},
    {"kind": "linear", "out_features": 10},
]
SPEC = spec_of("all kinds", LAYERS)


def saved(folder: Path, spec: ModelSpec) -> Path:
    path = folder / "net.safetensors"
    checkpoint.save(path, untrained(spec))
    return path


@pytest.fixture
def maps(tmp_path: Path) -> dict[int, LayerMaps]:
    return {layer.number: layer for layer in layer_maps(saved(tmp_path, SPEC), DIGIT)}


@given(digit_specs)
@settings(max_examples=25)
def test_the_maps_of_any_design_lead_to_what_the_net_says(tmp_path: Path, spec: ModelSpec) -> None:
    analysis = analyze(spec)
    path = saved(tmp_path, spec)
    layers = layer_maps(path, DIGIT)
    assert [layer.number for layer in layers] == [report.index for report in analysis.active]
    for layer, report in zip(layers, analysis.active, strict=True):
        assert layer.kind == report.kind and report.view
        assert layer.values.size == np.prod(report.view.shape)
    outermost = {number for number, depth, _ in spec.walk() if depth == 0}  # it ends after its content
    last = [layer for layer in layers if layer.number in outermost][-1]
    said = torch.tensor(last.values.reshape(-1)).softmax(dim=0).numpy()
    assert np.abs(said - predict(path, DIGIT)[0]).max() < 1e-4


def test_each_layer_makes_its_maps_from_what_it_got(tmp_path: Path) -> None:
    path = saved(tmp_path, SPEC)
    normalised = (DIGIT - 0.1307) / 0.3081
    layers = layer_maps(path, DIGIT)
    assert np.abs(layers[0].inputs[0] - normalised).max() < 1e-5
    for layer in layers:
        if layer.kind in ("repeat", "flatten", "linear"):
            continue
        again = layer.module(torch.tensor(layer.inputs)[None])[0].detach().numpy()
        assert np.abs(again - layer.values).max() < 1e-5, layer.kind
    assert load_model(path)(torch.tensor(normalised)[None, None]).shape == (1, 10)


def places(layer: LayerMaps) -> list[tuple[int, int, int]]:
    """Some units: all corners and a few at random."""
    channels, rows, columns = layer.values.shape
    random = np.random.default_rng(layer.number)
    corners = [(channels - 1, row, column) for row in (0, rows - 1) for column in (0, columns - 1)]
    numbers = random.integers((channels, rows, columns), size=(10, 3)).tolist()
    return corners + [(channel, row, column) for channel, row, column in numbers]


def test_windows_and_weights_give_the_value(maps: dict[int, LayerMaps]) -> None:
    weighted = 0
    for layer in maps.values():
        for place in places(layer):
            found = unit(layer, *place)
            assert found.value == layer.values[place]
            if found.weights is not None:
                assert found.shares.sum() + found.bias == pytest.approx(found.value, abs=1e-4), layer.kind
                weighted += 1
            elif layer.kind == "max_pool2d":
                assert found.window is not None and np.nanmax(found.window) == found.value
            elif layer.kind in ("avg_pool2d", "global_avg_pool2d"):
                assert found.window is not None
                assert found.window.mean() == pytest.approx(found.value, abs=1e-5)
    assert weighted > 50


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "ceil"), [(3, 2, 1, False), (3, 2, 0, True), (3, 2, 1, True)]
)
def test_an_average_at_the_edge(
    tmp_path: Path, kernel: int, stride: int, padding: int, ceil: bool, include: bool
) -> None:
    pool = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil}
    pool |= {"kind": "avg_pool2d", "count_include_pad": include}
    layers = [{"kind": "conv2d", "out_channels": 2, "kernel_size": 1}, pool, {"kind": "flatten"}]
    spec = spec_of("pooled", [*layers, {"kind": "linear", "out_features": 10}])
    found = {layer.number: layer for layer in layer_maps(saved(tmp_path, spec), DIGIT)}[2]
    _, height, width = found.values.shape
    for row in (0, 1, height - 1):
        for column in (0, 1, width - 1):
            here = unit(found, 1, row, column)
            assert here.window is not None
            counted = here.window[np.isfinite(here.window)]
            assert counted.mean() == pytest.approx(here.value, abs=1e-6)
            assert here.rule == f"mean of the {counted.size} values in its window"


def test_rules_name_the_numbers(maps: dict[int, LayerMaps]) -> None:
    norm = maps[2]
    assert isinstance(norm.module, nn.BatchNorm2d)
    rule = unit(norm, 1, 4, 5).rule
    assert f"{norm.inputs[1, 4, 5]:.3g}".replace("-", "−") in rule and "mean" in rule and "shift" in rule
    assert unit(maps[3], 0, 0, 0).rule.startswith("relu(")
    assert "branch adds" in unit(maps[5], 0, 0, 0).rule
    assert unit(maps[1], 0, 0, 0).rule.startswith("sum of 15 inputs × weights in 1 map, + bias")
    assert unit(maps[4], 0, 0, 0).rule.startswith("sum of 18 inputs × weights in 2 maps")


def test_fields_are_those_of_the_gradient(tmp_path: Path) -> None:
    path = saved(tmp_path, SPEC)
    model = load_model(path)
    first = model.get_submodule("conv2d_1")
    layer = layer_maps(path, DIGIT)[0]
    for row, column in ((5, 7), (3, 4), (8, 6)):  # away from the padding
        x = torch.zeros(1, 1, 28, 28, requires_grad=True)
        (gradient,) = torch.autograd.grad(first(x)[0, 0, row, column], x)
        rows, columns = torch.nonzero(gradient[0, 0].abs() > 0, as_tuple=True)
        assert [(int(seen.min()), int(seen.max()) + 1) for seen in (rows, columns)] == field(
            layer, row, column
        )


def field(layer: LayerMaps, row: int, column: int) -> list[tuple[float, float]]:
    """First and end row and column of what the page outlines."""
    view, place = layer.view, (row, column)
    centres = [view.start[axis] + place[axis] * view.jump[axis] for axis in (0, 1)]
    return [(at - size / 2, at + size / 2) for at, size in zip(centres, view.field, strict=True)]


def test_units_of_a_flattened_map_keep_their_places(tmp_path: Path) -> None:
    path = saved(tmp_path, from_text("conv4s2 flat tanh ln fc10"))
    layer = layer_maps(path, DIGIT)[2]
    assert layer.kind == "tanh" and layer.values.shape == (4, 13, 13)
    net = load_model(path)[:3]
    for channel, row, column in ((0, 0, 0), (1, 6, 6), (3, 12, 11)):
        x = torch.tensor(DIGIT)[None, None].requires_grad_()
        value = net((x - 0.1307) / 0.3081)[0, channel * 169 + row * 13 + column]
        assert value.item() == pytest.approx(layer.values[channel, row, column])
        (gradient,) = torch.autograd.grad(value, x)
        seen = torch.nonzero(gradient[0, 0].abs() > 0, as_tuple=True)
        assert [(int(each.min()), int(each.max()) + 1) for each in seen] == field(layer, row, column)
        assert unit(layer, channel, row, column).rule.startswith("tanh(")


@pytest.mark.parametrize("place", [(6, 0, 0), (0, -1, 0), (0, 0, 99)])
def test_units_outside_of_the_maps(maps: dict[int, LayerMaps], place: tuple[int, int, int]) -> None:
    with pytest.raises(IndexError, match="outside"):
        unit(maps[1], *place)
