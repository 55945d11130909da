"""The wrong designs are wrong in the way that their lesson says, and only in that."""

from __future__ import annotations

from mnist_core.architecture.analysis import analyze
from mnist_core.course.assignments import ASSIGNMENTS, check
from mnist_core.course.mistakes import MISTAKES


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
