"""Curves: true to the metric lines, in few points."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_core.architecture.spec import ModelSpec
from mnist_core.runs import curves, store
from mnist_core.runs.curves import curves_of, smoothed, thinned
from mnist_core.runs.store import RunView
from mnist_core.training.recipe import Recipe

numbers = st.floats(-1e6, 1e6)
points = st.lists(st.tuples(numbers, numbers), max_size=900)


def view(root: Path, steps: list[dict[str, Any]], epochs: list[dict[str, Any]]) -> RunView:
    empty = store.read(store.create(ModelSpec(), Recipe(), "synthetic", root))
    return replace(empty, steps=tuple(steps), epochs=tuple(epochs))


@given(points, st.integers(2, 300))
def test_thinned_points_are_some_of_the_points_in_order(points: list[tuple[float, float]], most: int) -> None:
    few = thinned(points, most)
    assert len(few) == min(len(points), most)
    rest = iter(points)
    assert all(any(point == other for other in rest) for point in few)
    if points:
        assert (few[0], few[-1]) == (points[0], points[-1])


@given(points)
def test_a_smoothed_curve_lies_within_the_values_so_far(points: list[tuple[float, float]]) -> None:
    low, high = math.inf, -math.inf
    for (x, y), (same_x, smooth) in zip(points, smoothed(points), strict=True):
        low, high = min(low, y), max(high, y)
        slack = 1e-6 * (1 + abs(low) + abs(high))
        assert x == same_x and low - slack <= smooth <= high + slack


def test_a_constant_stays_constant_from_the_first_point_on() -> None:
    assert all(y == pytest.approx(2.5) for _, y in smoothed([(float(x), 2.5) for x in range(50)]))


def test_points_lie_where_their_lines_say(tmp_path: Path) -> None:
    steps = [
        {"event": "step", "epoch": epoch, "step": step, "steps_per_epoch": 10, "loss": loss}
        for epoch, step, loss in ((1, 5, 2.0), (1, 10, 1.0), (2, 5, None))
    ]
    epochs = [
        {"event": "epoch", "epoch": 1, "test_accuracy": 0.9, "train_accuracy": 0.8, "test_loss": None},
        {"event": "epoch", "epoch": 2, "test_accuracy": 0.95, "train_accuracy": True, "test_loss": 0.2},
    ]
    drawn = curves_of(view(tmp_path, steps, epochs))
    assert drawn.step_loss == ((0.5, 2.0), (1.0, 1.0))
    assert drawn.test_accuracy == ((1, 0.9), (2, 0.95))
    assert drawn.train_accuracy == ((1, 0.8),)
    assert drawn.test_loss == ((2, 0.2),)
    assert drawn.validation_loss == ()


def test_of_a_run_of_hours_few_lines_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[float] = []
    place = curves._place
    monkeypatch.setattr(curves, "_place", lambda line: looked.append(place(line)) or looked[-1])
    steps = [
        {"event": "step", "epoch": 1, "step": step, "steps_per_epoch": 50_000, "loss": 1.0}
        for step in range(1, 50_001)
    ]
    drawn = curves_of(view(tmp_path, steps, []))
    assert len(looked) == curves.MAX_LINES
    assert drawn.smoothed_loss[0][0] == 1 / 50_000 and drawn.smoothed_loss[-1] == (1, pytest.approx(1))


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["epoch", "step", "loss", "steps_per_epoch"]), st.none() | numbers | st.text()
        )
    )
)
def test_lines_of_any_kind_give_curves(lines: list[dict[str, Any]]) -> None:
    run = RunView(
        store.Run(Path("none")), None, None, None, "mnist", store.Status(), tuple(lines), tuple(lines)
    )
    curves_of(run)
