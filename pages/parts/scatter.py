"""Accuracy against params, every entry a point: a click chooses it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from statistics import median
from typing import Any

from mnist_core.course.compare import KINDS, Entry
from mnist_core.runs import words
from mnist_core.runs.figures import TARGET_ACCURACY

from . import charts
from .charts import ACCENT, FAINT, TEXT, axis, level, level_name

HEIGHT = 400  # px
SMALL = 50_000  # params; larger nets are shown on demand, as they would squeeze the others
LIMITS = (8_000, 10_000, 20_000)  # what the courses' assignments allow
COLORS = {
    "published": FAINT,
    "reproduced": ACCENT,
    "shipped": "--st-violet-color",
    "yours": "--st-orange-color",
}
_SYMBOLS = {"published": "circle-open", "reproduced": "circle", "shipped": "diamond", "yours": "square"}
_BELOW = {"published": "triangle-down-open"}  # what lies below the figure; the others are filled
SIGNS = {"published": "○", "reproduced": "●", "shipped": "◆", "yours": "■"}
_ACCURACIES = (50, 80, 90, 95, 97, 97.5, 98, 98.5, 99, 99.3, 99.5, 99.6, 99.7, 99.8, 99.9)  # percent
_STEPS = (1, 1.5, 2, 3, 4, 5, 7)
_POOR = 6  # times the errors of the middle one: such an outlier stands at the lower edge


def scatter(
    key: str, entries: Sequence[Entry], chosen: Entry | None, large: bool, on_choose: Callable[[], None]
) -> None:
    """The entries; more than 50,000 params only if `large`. `chosen` and its namesakes are ringed.

    A click sends as "chosen" the keys of all entries at that place, that of its point first; see `next_at`.
    """
    charts.show(key, scatter_shown(key, entries, chosen, large), on_choose)


def next_at(place: Sequence[str], clicked: str | None, chosen: str | None) -> str:
    """What a click at a place chooses: its point; where the last click was at that point, the next one there.

    `clicked` is the point of the last click, `chosen` what is chosen now.
    """
    if place[0] != clicked or chosen not in place:
        return place[0]
    return place[(place.index(chosen) + 1) % len(place)]


def scatter_shown(key: str, entries: Sequence[Entry], chosen: Entry | None, large: bool) -> dict[str, Any]:
    """What the figure shows, as data."""
    shown = [entry for entry in entries if large or entry.params <= SMALL]
    frame = _frame(shown)
    ringed = [entry for entry in shown if chosen and entry.name == chosen.name and entry.key != chosen.key]
    traces = [_points(kind, shown, frame) for kind in KINDS]
    traces += [
        _ring(ringed, frame, 15, 1),
        _ring([chosen] if chosen and chosen in shown else [], frame, 18, 2.5),
    ]
    limits = ", ".join(f"{limit // 1000}k" for limit in LIMITS)
    params = {**axis(f"params (dotted: the courses' limits, {limits})"), "type": "log"}
    target = _height(TARGET_ACCURACY)
    layout = {
        "uirevision": f"{key} {large}",
        "hovermode": "closest",
        "showlegend": False,  # the buttons above it show the signs
        "margin": {"l": 56, "r": 12, "t": 12, "b": 40, "autoexpand": False},
        "xaxis": {**params, "range": [frame.left, frame.right], **_ticks(frame)},
        "yaxis": {**axis("accuracy, %"), "range": [frame.bottom, frame.top], **_accuracies(frame)},
        "shapes": [level(target), *map(_limit, LIMITS)],
        "annotations": [level_name(target, f"{100 * TARGET_ACCURACY:g}")],
    }
    return charts.shown([trace for trace in traces if trace["x"]], layout, HEIGHT)


def _height(accuracy: float) -> float:
    """Where an accuracy stands: 1 for 90 %, 2 for 99 %, 3 for 99.9 %, as errors are what nets differ in."""
    return -math.log10(max(1e-4, 1 - accuracy))


@dataclass(frozen=True)
class _Frame:
    """What the figure holds: powers of ten of the params, and heights."""

    left: float
    right: float
    bottom: float
    top: float

    def holds(self, entry: Entry) -> bool:
        return _height(entry.accuracy) >= self.bottom

    def y(self, entry: Entry) -> float:
        """Its height; what lies below the figure stands on its lower edge."""
        return max(_height(entry.accuracy), self.bottom + 0.03 * (self.top - self.bottom))

    def together(self, one: Entry, other: Entry) -> bool:
        """Whether the two cover each other: closer than 1.5 % of the figure's width and height."""
        x = math.log10(one.params / other.params) / (self.right - self.left)
        y = (self.y(one) - self.y(other)) / (self.top - self.bottom)
        return math.hypot(x, y) < 0.015


def _frame(entries: Sequence[Entry]) -> _Frame:
    """Holds all but outliers below, which would squeeze the others, and always what the assignments ask."""
    heights = [_height(entry.accuracy) for entry in entries]
    lowest = median(heights or [0]) - math.log10(_POOR)
    heights = [height for height in heights if height >= lowest]
    params = [entry.params for entry in entries]
    return _Frame(
        left=math.log10(0.8 * min([3_500, *params])),
        right=math.log10(1.25 * max([25_000, *params])),
        bottom=min([_height(0.985), *heights]) - 0.06,
        top=max([_height(0.997), *heights]) + 0.07,
    )


def _points(kind: str, entries: Sequence[Entry], frame: _Frame) -> dict[str, Any]:
    own = [entry for entry in entries if entry.kind == kind]
    places = [
        (one, [other for other in entries if other != one and frame.together(one, other)]) for one in own
    ]
    bars = [_bar(entry, frame) for entry in own]
    # Drawn in the page's colour, it parts points that touch; the line of an open one has the point's colour.
    line = {"width": 1.5, "color": "--st-background-color"}
    below = _BELOW.get(kind, "triangle-down")
    symbols = [_SYMBOLS[kind] if frame.holds(entry) else below for entry in own]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": kind,
        "x": [entry.params for entry in own],
        "y": [frame.y(entry) for entry in own],
        "error_y": {
            "symmetric": False,
            "array": [up for up, _ in bars],
            "arrayminus": [down for _, down in bars],
            "color": COLORS[kind],
            "thickness": 1,
            "width": 0,
        },
        "customdata": [[one.key, *(other.key for other in others)] for one, others in places],
        "text": ["" if frame.holds(entry) else f"{100 * entry.accuracy:.1f}\u2002" for entry in own],
        "textposition": "middle left",
        "textfont": {"color": TEXT, "size": 11},
        "hovertext": [_hover(one, len(others)) for one, others in places],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "marker": {"size": 10, "symbol": symbols, "color": COLORS[kind], "line": line},
    }


def _bar(entry: Entry, frame: _Frame) -> tuple[float, float]:
    """One standard deviation up and down, as far as the figure goes; none for what lies below the figure."""
    if not entry.deviation or not frame.holds(entry):
        return 0.0, 0.0
    here = _height(entry.accuracy)
    up = min(frame.top, _height(entry.accuracy + entry.deviation))
    down = max(frame.bottom, _height(entry.accuracy - entry.deviation))
    return up - here, here - down


def _hover(entry: Entry, others: int) -> str:
    seeds = f" ± {100 * entry.deviation:.2f} ({entry.seeds} seeds)" if entry.deviation is not None else ""
    more = f"<br>and {others} more here: click again for the next" if others else ""
    return (
        f"<b>{escape(entry.name)}</b><br>{entry.kind} · {words.percent(entry.accuracy)}{seeds}"
        f"<br>{entry.params:,} params · {entry.epochs} epochs{more}"
    )


def _ring(entries: Sequence[Entry], frame: _Frame, size: int, width: float) -> dict[str, Any]:
    marker = {"size": size, "symbol": "circle-open", "color": TEXT, "line": {"width": width}}
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [entry.params for entry in entries],
        "y": [frame.y(entry) for entry in entries],
        "marker": marker,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _ticks(frame: _Frame) -> dict[str, Any]:
    steps = _STEPS if frame.right - frame.left < 2.5 else (1,)
    values = [round(step * 10**power) for power in range(1, 8) for step in steps]
    values = [value for value in values if frame.left <= math.log10(value) <= frame.right]
    return {"tickvals": values, "ticktext": [_short(value) for value in values]}


def _short(params: int) -> str:
    for size, letter in ((10**6, "M"), (10**3, "k")):
        if params >= size:
            return f"{params / size:g}{letter}"
    return str(params)


def _accuracies(frame: _Frame) -> dict[str, Any]:
    heights = {percent: _height(percent / 100) for percent in _ACCURACIES}
    there = {percent: y for percent, y in heights.items() if frame.bottom <= y <= frame.top}
    return {"tickvals": list(there.values()), "ticktext": [f"{percent:g}" for percent in there]}


def _limit(params: int) -> dict[str, Any]:
    line = {"color": FAINT, "width": 1, "dash": "dot"}
    place = {"x0": params, "x1": params, "y0": 0, "y1": 1, "yref": "paper"}
    return {"type": "line", "line": line, "layer": "below", "opacity": 0.6, **place}
