"""Verdicts: one design for each that meets it and one that does not."""

from __future__ import annotations

import pytest

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.spec import ModelSpec
from mnist_core.architecture.text import from_text
from mnist_core.course.assignments import ASSIGNMENTS, FREE, Assignment, RunFacts, Verdict, check
from mnist_core.course.experiments import EXPERIMENTS


def verdicts(text: str, assignment: Assignment, run: RunFacts | None = None) -> dict[str, Verdict]:
    return {verdict.name: verdict for verdict in check(analyze(from_text(text)), assignment, run)}


def test_task_2_meets_all_that_a_design_can_meet() -> None:
    found = check(analyze(EXPERIMENTS["task-2"].spec), ASSIGNMENTS["under-20k"])
    assert [verdict.met for verdict in found] == [True] * 9 + [None] * 2


HEAD = "gap flat fc10"
CASES = {
    "params": (f"conv8 {HEAD}", f"conv64 conv64 {HEAD}"),
    "batch norm": (f"conv8 bn {HEAD}", f"conv8 {HEAD}"),
    "dropout": (f"conv8 drop0.1 {HEAD}", f"conv8 {HEAD}"),
    "GAP or FC": (f"conv8 {HEAD}", "conv10k28 flat"),
    "receptive field 5–11 at the first MaxPool": (f"conv8 conv8 max2 {HEAD}", f"conv8 max2 {HEAD}"),
    "MaxPool before the prediction": (f"conv8 max2 conv8 {HEAD}", f"conv8 max2 {HEAD}"),
    "BatchNorm before the prediction": (f"conv8 bn {HEAD}", "conv10k28 bn flat"),
    "nothing but pooling after the last weight layer": ("conv10 gap flat logsoftmax", "conv10 relu gap flat"),
    "1×1 in the transition": (f"conv8 conv8k1 max2 {HEAD}", f"conv8k1 conv8 max2 conv8 {HEAD}"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_verdict_of_a_design(name: str) -> None:
    good, bad = (verdicts(text, ASSIGNMENTS["under-20k"])[name] for text in CASES[name])
    assert good.met is True and bad.met is False
    assert good.reason and bad.reason


def test_params_say_how_far_and_where() -> None:
    verdict = verdicts(f"conv64 conv64 {HEAD}", ASSIGNMENTS["under-20k"])["params"]
    assert verdict.reason == "38,218, which is 18,219 over 19,999. Layer 2 has 36,928."
    assert verdict.layers == (2,)
    short = verdicts(f"conv8 {HEAD}", ASSIGNMENTS["12k-18k"])["params"]
    assert short.reason == "170, which is 11,830 short of 12,000."


def test_dropout_must_have_the_one_rate() -> None:
    asked = ASSIGNMENTS["12k-18k"]
    name = "dropout 0.069 only"
    assert verdicts(f"conv8 drop2d0.069 {HEAD}", asked)[name].met is True
    wrong = verdicts(f"conv8 drop2d0.069 conv8 drop0.1 {HEAD}", asked)[name]
    assert (wrong.met, wrong.layers) == (False, (4,))
    assert verdicts(f"conv8 {HEAD}", asked)[name].met is False


def test_a_repeated_layer_stands_once_for_each_pass_before_the_prediction() -> None:
    name = "MaxPool before the prediction"
    assert verdicts("conv8 max2 3x(conv8p1) gap flat", ASSIGNMENTS["under-20k"])[name].met is True
    assert verdicts("conv8 max2 conv8p1 gap flat", ASSIGNMENTS["under-20k"])[name].met is False


def test_an_average_over_a_part_of_the_map_is_no_gap() -> None:
    """Over 6×6 of 8×8, say: the last rows and columns are never seen."""
    asked = Assignment(name="gap", title="gap", parts=("GAP",))
    assert verdicts("conv8s3k5 avg8 flat fc10", asked)["GAP"].met is True
    assert verdicts("conv8s3k5 avg6 flat fc10", asked)["GAP"].met is False
    assert verdicts("conv8k28 gap flat fc10", asked)["GAP"].met is False  # there is nothing left to average


def test_a_limit_may_have_one_end() -> None:
    for limits, name in (({"min_epochs": 5}, "at least 5 epochs"), ({"max_epochs": 5}, "at most 5 epochs")):
        asked = Assignment(name="x", title="x", **limits)
        assert verdicts(f"conv8 {HEAD}", asked, RunFacts(5, ()))[name].met is True


def test_what_only_a_run_can_tell() -> None:
    asked = ASSIGNMENTS["under-8k"]
    epochs, accuracy = "at most 15 epochs", "test accuracy ≥ 99.40 % in the last 3 epochs"
    text = f"conv8 {HEAD}"
    assert verdicts(text, asked)[epochs].met is None and verdicts(text, asked)[accuracy].met is None
    once = RunFacts(15, [0.99] * 12 + [0.995, 0.9939, 0.9941])
    assert verdicts(text, asked, once)[accuracy].met is False
    steady = RunFacts(15, [0.99] * 12 + [0.994, 0.9941, 0.9942])
    assert verdicts(text, asked, steady)[accuracy].met is True
    for tested_now_and_then, met in (
        ([None] * 14 + [0.9955], None),
        ([0.995, None, None, 0.9951, None, 0.9955], None),
        ([None, 0.995, 0.9951, 0.9955], True),
        ([None, None, 0.993], False),
        ([None, 0.9955], False),  # there are not even three epochs
        ([0.9955, None, None, None], None),
    ):
        facts = RunFacts(len(tested_now_and_then), tested_now_and_then)
        assert verdicts(text, asked, facts)[accuracy].met is met
    assert verdicts(text, asked, RunFacts(16, [0.995] * 16))[epochs].met is False
    exactly = "exactly 19 epochs"
    assert verdicts(text, ASSIGNMENTS["12k-18k"], RunFacts(18, [0.99]))[exactly].met is False
    assert verdicts(text, ASSIGNMENTS["12k-18k"], RunFacts(19, [0.99]))[exactly].met is True


def test_a_broken_design_is_told_to_be_mended_first() -> None:
    (verdict,) = check(analyze(from_text("conv8 fc10")), ASSIGNMENTS["under-20k"])
    assert (verdict.met, verdict.layers) == (False, (2,))
    (verdict,) = check(analyze(ModelSpec()), ASSIGNMENTS["under-20k"])
    assert (verdict.met, verdict.reason) == (False, "Add layers first.")


def test_the_free_assignment_asks_only_for_accuracy() -> None:
    assert [v.name for v in check(analyze(EXPERIMENTS["task-2"].spec), FREE)] == ["test accuracy ≥ 99.40 %"]


def test_the_field_at_a_max_pool_that_is_repeated_is_that_of_its_first_time() -> None:
    analysis = analyze(from_text(f"conv16p1 3x(conv16p1 relu max2) {HEAD}"))
    found = next(v for v in check(analysis, ASSIGNMENTS["under-20k"]) if v.name.startswith("receptive field"))
    assert found.met and "It gets 5 px" in found.reason
