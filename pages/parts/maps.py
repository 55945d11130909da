"""The maps of every layer for the drawing; a click on a unit shows what it sees and explains its value."""

from __future__ import annotations

from typing import Any

import numpy as np

from mnist_core.architecture.rules import shape_text
from mnist_core.probe.catalog import Entry
from mnist_core.probe.drawing import Preparation
from mnist_core.probe.explain import LayerMaps, layer_maps, unit
from pages.parts import state
from pages.parts.canvas import Drawing
from pages.parts.component import component, encoded

SHOWN = 64  # maps of a layer; more are not told apart anyway
SAME = ("dropout", "dropout2d", "flatten")  # layers that change nothing when a trained net is asked

_mount = component(__file__)


def maps(entry: Entry, prepared: Preparation, drawing: Drawing) -> None:
    """Show what the net's layers make of the prepared digit."""
    layers = layer_maps(entry.path, prepared.digit)
    _mount(
        key="maps",
        data={
            "net": entry.key,
            "digit": encoded(np.rint(prepared.digit * 255).astype(np.uint8)),
            "layers": [_layer(layer) for layer in layers if layer.kind not in SAME],
            "unit": _unit(layers),
            "canvas": drawing.on_canvas(prepared),
        },
        on_unit_change=_remember,
    )


def _remember() -> None:
    state.put("unit", state.trigger("maps", "unit"))


def _layer(layer: LayerMaps) -> dict[str, Any]:
    largest = float(np.abs(layer.values).max()) or 1.0
    shown = np.rint(layer.values[:SHOWN] / largest * 127).astype(np.int8)
    return {
        "number": layer.number,
        "kind": layer.kind,
        "shape": shape_text(layer.view.shape),
        "sides": layer.values.shape,
        "low": float(layer.values.min()),
        "high": float(layer.values.max()),
        "values": encoded(shown),
        "field": layer.view.field,
        "jump": layer.view.jump,
        "start": layer.view.start,
    }


def _unit(layers: tuple[LayerMaps, ...]) -> dict[str, Any] | None:
    """The chosen unit's story; None when none is chosen or this net has no such unit."""
    match state.value("unit"):
        case [int(number), int(channel), int(row), int(column)]:
            layer = next((layer for layer in layers if layer.number == number), None)
        case _:
            layer = None
    if layer is None:
        return None
    try:
        found = unit(layer, channel, row, column)
    except IndexError:
        return None
    story: dict[str, Any] = {
        "place": [number, channel, row, column],
        "rule": found.rule,
        "value": found.value,
        "bias": found.bias,
        "shares": [float(share) for share in found.shares[:SHOWN]],
        "inputs": len(found.shares),
    }
    if found.weights is not None and found.weights[0].size > 1:
        largest = float(np.abs(found.weights).max()) or 1.0
        kernels = np.rint(found.weights[:SHOWN] / largest * 127).astype(np.int8)
        story["kernels"] = {"sides": kernels.shape, "values": encoded(kernels)}
    if found.window is not None and found.window[0].size > 1:
        strongest = int(np.abs(found.shares).argmax()) if len(found.shares) else 0
        story["strongest"] = strongest
        story["window"] = _numbers(found.window[strongest])
        if found.weights is not None:
            story["weights"] = _numbers(found.weights[strongest])
    return story


def _numbers(values: np.ndarray) -> list[list[float | None]]:
    """Rows of numbers; None for what is outside of the map."""
    return [[None if np.isnan(value) else float(value) for value in row] for row in values]
