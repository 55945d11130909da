"""The rows of the reproduction, and what the seeds of an experiment say together."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.course.outcome import outcome_of
from mnist_core.course.records import ALL
from mnist_core.course.results import Result, fingerprint, read_results, recipe_of
from mnist_core.runs.files import to_line


def result(name: str = "task-2", seed: int = 1, last: float = 0.9941, epochs: int | None = None) -> Result:
    """A row as if this experiment had been trained."""
    experiment = ALL[name]
    recipe = recipe_of(experiment, seed, epochs)
    curve = (0.99,) * (recipe.epochs - 1)
    return Result(
        name=name,
        seed=seed,
        fingerprint=fingerprint(experiment.spec, recipe, "mnist"),
        params=experiment.params,
        epochs=recipe.epochs,
        test_accuracy=(*curve, last),
        test_loss=(*curve, 0.02),
        train_accuracy=(*curve, 0.98),
        train_loss=(*curve, 0.06),
        processor_seconds=100.0,
        seconds=120.0,
        machine="AMD EPYC, CPU, 1 thread",
        torch="2.15.0",
        date="2026-11-20",
        recipe=recipe.model_dump(mode="json", exclude_defaults=True),
    )


def test_a_row_comes_back_and_tells_what_follows_from_its_curve(tmp_path: Path) -> None:
    made = replace(result(), test_accuracy=(0.99,) * 16 + (0.995, 0.9939, 0.994))
    path = tmp_path / "rows.jsonl"
    path.write_bytes(to_line(made.to_dict()) + b'{"name": "torn')
    assert read_results(path) == (made,)
    row = json.loads(path.read_bytes().splitlines()[0])
    assert (row["last_test_accuracy"], row["best_test_accuracy"], row["best_epoch"]) == (0.994, 0.995, 17)
    assert row["epochs_at_target"] == [17, 19]
    assert read_results(tmp_path / "none.jsonl") == ()
    with pytest.raises(ValueError, match="curve"):
        Result.from_dict(row | {"epochs": 3})


def test_the_fingerprint_is_that_of_what_is_trained_and_of_nothing_else() -> None:
    experiment = EXPERIMENTS["task-2"]
    recipe = recipe_of(experiment, 1)
    mine = fingerprint(experiment.spec, recipe, "mnist")
    assert mine == fingerprint(experiment.spec.model_copy(update={"name": "x"}), recipe, "mnist")
    assert mine == fingerprint(experiment.spec, recipe.changed(device="cpu"), "mnist")
    others = {
        fingerprint(experiment.spec, recipe.changed(seed=2), "mnist"),
        fingerprint(experiment.spec, recipe.changed(epochs=3), "mnist"),
        fingerprint(experiment.spec, recipe, "synthetic"),
        fingerprint(EXPERIMENTS["twelve-k-final"].spec, recipe, "mnist"),
    }
    assert len(others | {mine}) == 5


def test_mean_deviation_and_difference() -> None:
    outcome = outcome_of(
        EXPERIMENTS["task-2"], [result(seed=3, last=0.9943), result(seed=1, last=0.9939), result(seed=2)]
    )
    assert outcome and [r.seed for r in outcome.results] == [1, 2, 3]
    assert outcome.mean == pytest.approx(0.9941)
    assert outcome.deviation == pytest.approx(0.0002)  # of 39, 41, 43 with n - 1
    assert outcome.published == 0.9945 and outcome.difference == pytest.approx(-0.0004)
    assert not outcome.differs and outcome.reached  # exactly two standard deviations
    lower = [replace(r, test_accuracy=(*r.test_accuracy[:-1], r.last - 0.0001)) for r in outcome.results]
    below = outcome_of(EXPERIMENTS["task-2"], lower)
    assert below and below.differs and not below.reached


def test_with_few_seeds_two_tenths_of_a_point_count() -> None:
    one = outcome_of(EXPERIMENTS["task-2"], [result(last=0.9926)])
    assert one and one.deviation is None and not one.differs
    two = outcome_of(EXPERIMENTS["task-2"], [result(last=0.9924), result(seed=2, last=0.9924)])
    assert two and two.differs and not two.reached


def test_rows_of_another_recipe_do_not_count_and_the_longest_training_does() -> None:
    experiment = EXPERIMENTS["task-2"]
    assert outcome_of(experiment, [result("twelve-k-final"), replace(result(), fingerprint="0" * 16)]) is None
    short = outcome_of(experiment, [result(epochs=3)])
    assert short and short.shortened and short.published == experiment.published["test_accuracy"][2]
    both = outcome_of(experiment, [result(epochs=3, seed=2), result()])
    assert both and not both.shortened and both.seeds == 1


def test_the_rows_that_ship_fit_their_experiments() -> None:
    rows = read_results()
    for row in rows:
        assert outcome_of(ALL[row.name], [row]), f"{row.name}, seed {row.seed}: another recipe"
        assert row.params == ALL[row.name].params
    assert len({(row.name, row.fingerprint) for row in rows}) == len(rows)
