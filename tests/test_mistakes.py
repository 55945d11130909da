"""The wrong designs are wrong in the way that their lesson says, and only in that."""

from __future__ import annotations

import pytest

from mnist_core.architecture.analysis import analyze
from mnist_core.course.assignments import ASSIGNMENTS, check
from mnist_core.course.mistakes import MISTAKES
from mnist_core.runs.verdict import verdict
from mnist_core.training.data import load
from mnist_core.training.engine import EpochEvent, train
from mnist_core.training.recipe import RECIPES
from mnist_core.training.state import TrainingState


def test_over_budget() -> None:
    analysis = analyze(MISTAKES["mistake-over-budget"].spec)
    assert not analysis.problems
    assert analysis.params >= 20_000
    linear = next(report for report in analysis.layers if report.kind == "linear")
    assert linear.params > analysis.params / 2
    assert "params" in {v.name for v in check(analysis, ASSIGNMENTS["under-20k"]) if v.met is False}


def test_too_small_a_field() -> None:
    analysis = analyze(MISTAKES["mistake-too-small-a-field"].spec)
    assert not analysis.problems
    assert analysis.params < 20_000
    gap = next(report for report in analysis.layers if report.kind == "global_avg_pool2d")
    before = analysis.layers[gap.index - 2].view
    assert before is not None and before.field == (7, 7)


@pytest.mark.slow
def test_repeated_batch_norm() -> None:
    """On synthetic digits, too, it learns in training and not in the test, and the verdict says why."""
    spec = MISTAKES["mistake-repeated-batch-norm"].spec
    assert analyze(spec).params < 8_000
    recipe = RECIPES["fast"].changed(epochs=4)
    state = TrainingState.new(spec, recipe)
    events = [event for event in train(state, load("synthetic")) if isinstance(event, EpochEvent)]
    last = events[-1]
    assert last.test_accuracy is not None and last.train_accuracy > last.test_accuracy + 0.2
    found = verdict([event.to_dict() for event in events], recipe, spec)
    assert found.kind == "mixed"
    first, second = analyze(spec).mixed_norms
    assert f"(layer {first.index}, layer {second.index})" in found.text
