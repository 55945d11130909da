"""Accuracy against params, every entry a point: a click chooses it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from mnist_core.course.compare import KINDS, Entry
from mnist_core.runs import words
from mnist_core.runs.figures import TARGET_ACCURACY

from . import charts
from .charts import ACCENT, FAINT, TEXT, axis, level, level_name

HEIGHT = 380  # px
SMALL = 50_000  # params; larger nets are shown on demand, as they would squeeze the others
LIMITS = (8_000, 10_000, 20_000)  # what the courses' assignments allow
COLORS = {
    "published": FAINT,
    "reproduced": ACCENT,
    "shipped": "--st-violet-color",
    "yours": "--st-orange-color",
}
_SYMBOLS = {"published": "circle-open", "reproduced": "circle", "shipped": "diamond", "yours": "square"}
SIGNS = {"published": "○", "reproduced": "●", "shipped": "◆", "yours": "■"}
_ERRORS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1, 2, 3, 5, 10, 20, 50)  # percent, where the axis has a number
_STEPS = (1, 1.5, 2, 3, 4, 5, 7)


def scatter(
    key: str, entries: Sequence[Entry], chosen: Entry | None, large: bool, on_choose: Callable[[], None]
) -> None:
    """The entries; more than 50,000 params only if `large`. `chosen` and its namesakes are ringed."""
    shown = [entry for entry in entries if large or entry.params <= SMALL]
    ringed = [entry for entry in shown if chosen and entry.name == chosen.name and entry.key != chosen.key]
    traces = [_points(kind, [entry for entry in shown if entry.kind == kind]) for kind in KINDS]
    traces += [_ring(ringed, 15, 1), _ring([chosen] if chosen in shown and chosen else [], 18, 2.5)]
    left, right = _range([entry.params for entry in shown])
    layout = {
        "uirevision": f"{key} {large}",
        "hovermode": "closest",
        "showlegend": False,  # the buttons above it show the signs
        "margin": {"l": 56, "r": 12, "t": 12, "b": 40, "autoexpand": False},
        "xaxis": {**axis("params"), "type": "log", "range": [left, right], **_ticks(left, right)},
        "yaxis": {**axis("accuracy, %"), "type": "log", **_accuracy_axis(shown)},
        "shapes": [level(100 - 100 * TARGET_ACCURACY), *map(_limit, LIMITS)],
        "annotations": [
            level_name(math.log10(100 - 100 * TARGET_ACCURACY), f"{100 * TARGET_ACCURACY:g}"),
            *map(_limit_name, LIMITS),
        ],
    }
    what = charts.shown([trace for trace in traces if trace["x"]], layout, HEIGHT)
    charts.show(key, what, on_choose)


def _error(entry: Entry) -> float:
    """Percent of the test images named wrong: what the axis is made of, as errors are what nets differ in."""
    return max(0.01, round(100 - 100 * entry.accuracy, 4))


def _points(kind: str, entries: Sequence[Entry]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": kind,
        "x": [entry.params for entry in entries],
        "y": [_error(entry) for entry in entries],
        "error_y": {
            "array": [100 * entry.deviation if entry.deviation else None for entry in entries],
            "color": COLORS[kind],
            "thickness": 1,
            "width": 0,
        },
        "customdata": [entry.key for entry in entries],
        "text": [_hover(entry) for entry in entries],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"size": 9, "symbol": _SYMBOLS[kind], "color": COLORS[kind], "line": {"width": 1.5}},
    }


def _hover(entry: Entry) -> str:
    seeds = f" ± {100 * entry.deviation:.2f} ({entry.seeds} seeds)" if entry.deviation is not None else ""
    return (
        f"<b>{escape(entry.name)}</b><br>{entry.kind} · {words.percent(entry.accuracy)}{seeds}"
        f"<br>{entry.params:,} params · {entry.epochs} epochs"
    )


def _ring(entries: Sequence[Entry], size: int, width: float) -> dict[str, Any]:
    marker = {"size": size, "symbol": "circle-open", "color": TEXT, "line": {"width": width}}
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [entry.params for entry in entries],
        "y": [_error(entry) for entry in entries],
        "marker": marker,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _range(params: Sequence[int]) -> tuple[float, float]:
    """Powers of ten that hold all nets, and always the range of the assignments."""
    return math.log10(0.8 * min([3_500, *params])), math.log10(1.25 * max([25_000, *params]))


def _ticks(left: float, right: float) -> dict[str, Any]:
    steps = _STEPS if right - left < 2.5 else (1,)
    values = [round(step * 10**power) for power in range(1, 8) for step in steps]
    values = [value for value in values if left <= math.log10(value) <= right]
    return {"tickvals": values, "ticktext": [_short(value) for value in values]}


def _short(params: int) -> str:
    for size, letter in ((10**6, "M"), (10**3, "k")):
        if params >= size:
            return f"{params / size:g}{letter}"
    return str(params)


def _accuracy_axis(entries: Sequence[Entry]) -> dict[str, Any]:
    """Errors from many (below) to few (above), on a logarithmic scale with accuracies written at it."""
    errors = [_error(entry) for entry in entries]
    most, least = min(60.0, max([1.5, *errors]) * 1.12), min([0.3, *errors]) * 0.85
    values = [error for error in _ERRORS if least <= error <= most]
    return {
        "range": [math.log10(most), math.log10(least)],
        "tickvals": values,
        "ticktext": [f"{100 - value:g}" for value in values],
    }


def _limit(params: int) -> dict[str, Any]:
    line = {"color": FAINT, "width": 1, "dash": "dot"}
    place = {"x0": params, "x1": params, "y0": 0, "y1": 1, "yref": "paper"}
    return {"type": "line", "line": line, "layer": "below", "opacity": 0.6, **place}


def _limit_name(params: int) -> dict[str, Any]:
    return {
        "text": f"< {params // 1000}k",
        "x": math.log10(params),
        "xanchor": "right",
        "xshift": -2,
        "y": 0,
        "yref": "paper",
        "yanchor": "bottom",
        "showarrow": False,
        "textangle": -90,
        "font": {"color": FAINT, "size": 11},
    }
