"""Curves that grow without flicker: one Plotly chart that is updated in place and keeps zoom and hover.

`st.plotly_chart` makes a new chart whenever its figure changes. This component calls `Plotly.react` on the
same element instead. Plotly's script comes from the installed plotly package and is served by the lab itself.
Colours are names of Streamlit's CSS variables, so that charts follow the theme, light or dark.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import streamlit as st

from mnist_core.runs.curves import Curves, Point
from mnist_core.runs.figures import TARGET_ACCURACY
from mnist_core.runs.files import replace_file
from mnist_core.runs.seeds import Band
from pages.parts.component import component, served

STATIC = Path(__file__).parents[2] / "static"  # what Streamlit serves as app/static/
HEIGHT = 300  # px, the same before, while and after there is data

ACCENT, TEXT, FAINT = "--st-primary-color", "--st-text-color", "--st-gray-color"
GOAL, GRID = "--st-green-color", "--st-border-color"
MEAN, STRIP = "--st-orange-color", "rgba(230, 140, 30, 0.25)"
NEAR = 0.75  # of the epochs that a course allows: a run with fewer does not come near the limit

_component = component(__file__, '<div class="mnist-lab-chart" style="width: 100%; overflow: hidden"></div>')


@st.cache_resource
def _script_url() -> str:
    """Where the browser gets the installed Plotly's script, which is put into the served folder once."""
    installed = distribution("plotly")
    name = f"plotly-{installed.version}.min.js"
    if not (STATIC / name).exists():
        STATIC.mkdir(exist_ok=True)
        script = Path(str(installed.locate_file("plotly/package_data/plotly.min.js")))
        replace_file(STATIC / name, script.read_bytes())
    return served(f"app/static/{name}")


def show(key: str, what: dict[str, Any], on_choose: Callable[[], None] | None = None) -> None:
    """A Plotly chart that lives on as long as `key` is shown, and follows a live run under that name.

    Zoom and hidden curves are kept while `layout["uirevision"]` stays the same. A click on a point sends its
    `customdata` as the trigger "chosen" and calls `on_choose`.
    """
    data = {"script": _script_url(), "name": key, "choose": bool(on_choose), **what}
    callbacks: dict[str, Any] = {"on_chosen_change": on_choose} if on_choose else {}
    _component(key=key, data=data, height=what["layout"]["height"], **callbacks)


def shown(traces: Sequence[dict[str, Any]], layout: dict[str, Any], height: int = HEIGHT) -> dict[str, Any]:
    """What a chart shows, as data."""
    return {"traces": list(traces), "layout": {**_layout(height), **layout}, "words": words(traces, layout)}


def words(traces: Sequence[dict[str, Any]], layout: dict[str, Any]) -> str:
    """What a chart shows, for who cannot see it: its axes, and the newest value of each curve with a name."""
    y, x = (layout[name]["title"]["text"] for name in ("yaxis", "xaxis"))
    curves = [trace for trace in traces if "lines" in trace.get("mode", "") and trace.get("showlegend", True)]
    newest = [f"{trace['name']} {trace['y'][-1]:g}" for trace in curves if trace.get("name") and trace["y"]]
    return f"Chart: {y} by {x}. " + (f"Newest: {', '.join(newest)}." if newest else "")


def accuracy_shown(
    curves: Curves,
    epochs: int,
    about: str,
    target: bool = True,
    band: Sequence[Band] = (),
    limit: int | None = None,
) -> dict[str, Any]:
    """Accuracy by epoch in percent: test, validation, train, and the course's bar where it applies.

    `band` is drawn behind them: mean ± standard deviation of several seeds. `limit` is the number of epochs
    that the course allows, where it allows so many only.
    """
    judged = curves.validation_accuracy or curves.test_accuracy
    best = max((y for _, y in judged), default=1.0)
    low = min(98.0, 100 - 4 * (100 - 100 * best))  # the closer to 100 %, the closer one looks
    traces = [
        *_band(band, unit=" %", digits=2, scale=100),
        _curve("train", _percent(curves.train_accuracy), FAINT, unit=" %", digits=2),
        _curve("validation", _percent(curves.validation_accuracy), "--st-violet-color", unit=" %", digits=2),
        _curve("test", _percent(curves.test_accuracy), ACCENT, unit=" %", digits=2),
    ]
    goal = 100 * TARGET_ACCURACY
    # At the left, where no epoch has ended yet: at the right stands the limit.
    named = {**level_name(goal, f"{goal:g}"), "x": 0, "xanchor": "left", "xshift": 4}
    span, shapes, names = _epochs(epochs, limit, "bottom")
    layout = {
        "uirevision": about,
        "yaxis": {**axis("accuracy, %"), "range": [max(0.0, low), 100.05]},
        "xaxis": span,
        "shapes": [level(goal), *shapes] if target else shapes,
        "annotations": [
            *([named] if target else []),
            *names,
            *([] if judged else [_hint("after the first epoch")]),
        ],
    }
    return shown([trace for trace in traces if trace["x"]], layout)


def _band(band: Sequence[Band], unit: str = "", digits: int = 4, scale: float = 1.0) -> list[dict[str, Any]]:
    """Mean and a strip of one standard deviation to either side, but always above 0."""
    x = [one.epoch for one in band]
    edge = {"type": "scatter", "x": x, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    low = [float(f"{scale * max(one.mean - one.deviation, 0.1 * one.mean):.6g}") for one in band]
    high = [float(f"{scale * (one.mean + one.deviation):.6g}") for one in band]
    mean = _curve("mean of seeds", [(one.epoch, scale * one.mean) for one in band], MEAN, unit, digits)
    return [
        {**edge, "y": low, "showlegend": False},
        {**edge, "y": high, "fill": "tonexty", "fillcolor": STRIP, "showlegend": False},
        {**mean, "mode": "lines", "line": {"color": MEAN, "width": 2, "dash": "dot"}},
    ]


def loss_shown(
    curves: Curves, epochs: int, about: str, band: Sequence[Band] = (), limit: int | None = None
) -> dict[str, Any]:
    """Loss in nats on a logarithmic scale: train by step, as it was and smoothed; all splits by epoch.

    `band` and `limit` are as for the accuracy.
    """
    steps = {**_curve("train, a step", curves.step_loss, FAINT), "opacity": 0.25, "hoverinfo": "skip"}
    steps = {**steps, "mode": "lines", "line": {"color": FAINT, "width": 1}, "showlegend": False}
    steps.pop("hovertemplate")
    smoothed = {"mode": "lines", "line": {"color": FAINT, "width": 1.5, "dash": "dot"}}
    traces = [
        steps,
        {**_curve("train by step", curves.smoothed_loss, FAINT), **smoothed},
        *_band(band),
        _curve("train", curves.train_loss, FAINT),
        _curve("validation", curves.validation_loss, "--st-violet-color"),
        _curve("test", curves.test_loss, ACCENT),
    ]
    span, shapes, names = _epochs(epochs, limit, "top")
    layout = {
        "uirevision": about,
        "yaxis": {
            **axis("loss, nats"),
            "range": _log_range(curves.step_loss + curves.test_loss + curves.validation_loss),
            "type": "log",
            "dtick": "D2",
            "tickformat": "~g",
        },
        "xaxis": span,
        "shapes": shapes,
        "annotations": [*names, *([] if curves.step_loss else [_hint("after the first steps")])],
    }
    return shown([trace for trace in traces if trace["x"]], layout)


def rate_chart(
    key: str, steps: Sequence[Point], smoothed: Sequence[Point], proposed: float | None, height: int = 260
) -> None:
    """Loss in nats against the learning rate, both logarithmic; the proposed rate as a line."""
    layout = {
        "uirevision": "rates",
        "yaxis": {**axis("loss, nats"), "type": "log", "dtick": "D2", "tickformat": "~g"},
        "xaxis": {**axis("learning rate"), "type": "log", "dtick": 1, "tickformat": ".0e"},
        "shapes": [_upright(proposed)] if proposed else [],
    }
    raw = {**_curve("a step", steps, FAINT), "mode": "lines", "line": {"color": FAINT, "width": 1}}
    curves = [{**raw, "opacity": 0.5}, {**_curve("smoothed", smoothed, ACCENT), "mode": "lines"}]
    show(key, shown(curves, layout, height))


def _epochs(
    epochs: int, limit: int | None, where: str
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """The axis of the epochs; the limit as a line, its name at top or bottom, where they reach it."""
    span = {**axis("epoch"), "range": [0, 1.02 * epochs], "tickformat": "~g", "hoverformat": ".2f"}
    if limit is None or epochs < NEAR * limit:
        return span, [], []
    name = level_name(1 if where == "top" else 0, f"limit: {limit} epochs")
    name |= {"x": limit, "xref": "x", "xshift": -4, "yref": "paper", "yanchor": where}
    return {**span, "range": [0, 1.02 * max(epochs, limit)]}, [_upright(limit)], [name]


def _upright(x: float) -> dict[str, Any]:
    line = {"color": GOAL, "width": 1.5, "dash": "dash"}
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": line,
        "layer": "below",
    }


def _log_range(points: Sequence[Point]) -> list[float]:
    """Powers of ten that hold all points, and at least 0.02 to 2.5, so that the axis moves seldom."""
    values = [y for _, y in points if y > 0]
    return [math.log10(0.9 * min([0.02, *values])), math.log10(1.1 * max([2.5, *values]))]


def _percent(points: Sequence[Point]) -> list[Point]:
    return [(x, 100 * y) for x, y in points]


def _curve(name: str, points: Sequence[Point], color: str, unit: str = "", digits: int = 4) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": name,
        "x": [float(f"{x:.6g}") for x, _ in points],
        "y": [float(f"{y:.5g}") for _, y in points],
        "mode": "lines+markers" if len(points) < 40 else "lines",
        "line": {"color": color, "width": 2},
        "marker": {"size": 6},
        "hovertemplate": f"%{{y:.{digits}f}}{unit}",
    }


def _layout(height: int) -> dict[str, Any]:
    return {
        "height": height,
        "margin": {"l": 56, "r": 12, "t": 32, "b": 40, "autoexpand": False},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "--st-font", "size": 13, "color": TEXT},
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "--st-secondary-background-color", "font": {"color": TEXT}},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)"},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": FAINT, "activecolor": ACCENT},
        "showlegend": True,
    }


def axis(title: str) -> dict[str, Any]:
    return {
        "title": {"text": title, "font": {"size": 12}},
        "gridcolor": GRID,
        "linecolor": GRID,
        "zeroline": False,
        "automargin": False,
    }


def level(y: float) -> dict[str, Any]:
    line = {"color": GOAL, "width": 1.5, "dash": "dash"}
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": y,
        "y1": y,
        "line": line,
        "layer": "below",
    }


def level_name(y: float, text: str) -> dict[str, Any]:
    return {
        "text": text,
        "xref": "paper",
        "x": 1,
        "xanchor": "right",
        "y": y,
        "yanchor": "bottom",
        "yshift": 1,
        "showarrow": False,
        "font": {"color": GOAL, "size": 12},
    }


def _hint(text: str) -> dict[str, Any]:
    font = {"color": FAINT, "size": 13}
    return {
        "text": text,
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": 0.5,
        "showarrow": False,
        "font": font,
    }
