"""The learning-rate range test: the rates it takes, what it proposes, and that a proposal trains."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from mnist_core.architecture.text import from_text
from mnist_core.cli import main
from mnist_core.training.data import Dataset
from mnist_core.training.engine import EpochEvent, TrainingState, train
from mnist_core.training.rate_range import EXPLODED, MARGIN, Point, proposal, rate_range
from mnist_core.training.recipe import Recipe

SPEC = from_text("conv8s2-b bn relu max2 flat fc10", "small")
RECIPE = Recipe.from_dict({"epochs": 1, "batch_size": 100, "device": "cpu", "precision": "float32"})


def test_rates_grow_by_one_factor_and_the_smoothing_is_unbiased(rendered: Dataset) -> None:
    points = list(rate_range(TrainingState.new(SPEC, RECIPE), rendered, low=1e-6, high=1e-5, steps=11))
    assert [point.rate for point in points] == pytest.approx([10 ** (-6 + n / 10) for n in range(11)])
    assert points[0].smoothed == pytest.approx(points[0].loss)
    assert points[1].smoothed == pytest.approx((0.9 * points[0].loss + points[1].loss) / 1.9)
    assert all(abs(point.loss - points[0].loss) < 1.0 for point in points)  # nothing is learned at such rates


def test_it_ends_when_the_loss_explodes_and_proposes_a_rate_that_trains(rendered: Dataset) -> None:
    points = list(rate_range(TrainingState.new(SPEC, RECIPE), rendered, high=1e4))
    assert len(points) < 120 and points[-1].rate < 1e4
    proposed = proposal(points)
    assert proposed is not None and points[0].rate < proposed < points[-1].rate
    events = list(train(TrainingState.new(SPEC, RECIPE.changed(learning_rate=proposed)), rendered))
    assert isinstance(events[-1], EpochEvent)
    start = math.log(10)  # the loss of a guess
    assert events[-1].test_loss is not None and events[-1].test_loss < start / EXPLODED


def test_the_proposal_lies_below_the_lowest_loss_and_is_none_where_nothing_falls() -> None:
    falling = [Point(10.0**-n, 1.0, 1.0 - 0.1 * (5 - abs(n - 2))) for n in range(6)][::-1]
    assert proposal(falling) == pytest.approx(1e-2 / MARGIN)
    assert proposal([Point(1e-5, 2.3, 2.3), Point(1e-4, 2.29, 2.29)]) is None
    assert proposal([]) is None


def test_the_command_prints_the_same(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    design = tmp_path / "design.json"
    design.write_text(SPEC.to_json())
    assert main(["rates", str(design), "--recipe", "course", "--data", "synthetic", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert len(printed["points"]) > 50 and printed["proposed"] > 0
