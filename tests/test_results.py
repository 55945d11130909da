"""The rows of the reproduction."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_core.course.experiments import EXPERIMENTS
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


def test_the_cost_is_the_processors_own_time_on_a_gpu_the_clocks() -> None:
    """Where a GPU trains, the processor only drives it: 8 s of its own time in 223 s."""
    assert result().cost == 100.0
    assert replace(result(), machine="NVIDIA H200").cost == 120.0
