"""What a step of a course changed: its experiment against the one before, from specs and recipes alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.layers import AvgPool2d, Conv2d, Dropout, Dropout2d, MaxPool2d
from mnist_core.architecture.report import Analysis, LayerReport
from mnist_core.architecture.view import pair
from mnist_core.course.experiments import EXPERIMENTS, Experiment
from mnist_core.training.recipe import Recipe

_FINAL_12K = "twelve-k-final"
_BEFORE: dict[str, str | None] = {
    "ten-steps-early-best": None,
    "ten-steps-early-pyramid": "ten-steps-early-best",
    "ten-steps-as-described": "ten-steps-early-pyramid",
    **{name: _FINAL_12K for name in EXPERIMENTS if name.startswith("twelve-k-") and name != _FINAL_12K},
}
"""The experiment that a step is compared with, where it is not the one before it in its document."""


def before(experiment: Experiment) -> Experiment | None:
    """The experiment that this one is a step from; None for a first one."""
    if experiment.name in _BEFORE:
        name = _BEFORE[experiment.name]
        return EXPERIMENTS[name] if name else None
    names = [other.name for other in EXPERIMENTS.values() if other.document == experiment.document]
    place = names.index(experiment.name)
    return EXPERIMENTS[names[place - 1]] if place else None


def changes(old: Experiment, new: Experiment) -> list[str]:
    """What a step changed, in words: params, layers, channels, receptive fields, fields of the recipe."""
    nets = analyze(old.spec), analyze(new.spec)
    said = [] if old.params == new.params else [f"params {old.params:,} → {new.params:,}"]
    said += _layers(*nets)
    for what, facts in (
        ("channels", [_channels(net) for net in nets]),
        ("field at the first MaxPool", [_field_at_pool(net) for net in nets]),
        ("final field", [_final_field(net) for net in nets]),
    ):
        if change := _changed(*facts):
            said.append(f"{what} {change}")
    rates = [_dropout(net) for net in nets]
    if rates[1] and (change := _changed(*rates)):
        said.append(f"dropout {change}")
    fields = [_fields(experiment.recipe) for experiment in (old, new)]
    for name in fields[0] | fields[1]:
        if change := _changed(fields[0].get(name), fields[1].get(name)):
            said.append(f"{'a first pass of' if name == 'before' else name} {change}")
    return said


def _layers(old: Analysis, new: Analysis) -> list[str]:
    """The kinds of layers that came, went or moved."""
    orders = [[_kind(report) for report in net.layers] for net in (old, new)]
    then, now = map(Counter, orders)
    said = [
        f"{'+' if more > 0 else '−'}{abs(more)} {kind}"
        for kind in sorted(then | now)
        if (more := now[kind] - then[kind])
    ]
    return said or (["the layers in another order"] if orders[0] != orders[1] else [])


def _kind(report: LayerReport) -> str:
    """The layer's kind, with its kernel's size as the courses name it."""
    layer, whole = report.layer, report.incoming and report.incoming.grid
    kernel = getattr(layer, "kernel_size", None)
    if isinstance(layer, AvgPool2d) and pair(layer.kernel_size) == whole:
        return "global_avg_pool2d"  # it does the same, whatever it is called
    return f"{report.kind} {kernel}×{kernel}" if isinstance(kernel, int) else report.kind


def _channels(net: Analysis) -> list[int]:
    """The output channels of the convolutions, in their order."""
    return [report.layer.out_channels for report in net.layers if isinstance(report.layer, Conv2d)]


def _field_at_pool(net: Analysis) -> int | None:
    """The receptive field that reaches the first MaxPool, in pixels; None without one."""
    views = [report.incoming for report in net.layers if isinstance(report.layer, MaxPool2d)]
    return views[0].field[0] if views and views[0] else None


def _final_field(net: Analysis) -> int | None:
    return net.output.field[0] if net.output else None


def _dropout(net: Analysis) -> list[float] | None:
    """The rates of all dropout layers; None where there is no dropout."""
    layers = [report.layer for report in net.layers]
    return sorted({layer.p for layer in layers if isinstance(layer, Dropout | Dropout2d)}) or None


def _fields(recipe: Recipe) -> dict[str, Any]:
    """What the recipe sets, with the augmentation's fields on the same level."""
    always = {name: getattr(recipe, name) for name in ("epochs", "batch_size", "learning_rate", "schedule")}
    fields: dict[str, Any] = always | recipe.model_dump(mode="json", exclude_defaults=True)
    augmentation: dict[str, Any] = fields.pop("augmentation", {})
    return fields | {name: value for name, value in augmentation.items() if name != "interpolation"}


def _changed(old: Any, new: Any) -> str:
    """ "0.01 → 0.02", "5" for what is new, "none" for what is gone; "" for no change."""
    if old == new:
        return ""
    return _short(new) if old is None or new is None else f"{_short(old)} → {_short(new)}"


def _short(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_short(item)}" for name, item in value.items() if name != "interpolation")
    if isinstance(value, list):
        return ("–" if len(value) == 2 else ", ").join(map(_short, value))
    return format(value, "g" if isinstance(value, float) else "")
