"""What can be compared: where entries come from, what they say, and which answers the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mnist_core.course import compare
from mnist_core.course.compare import Entry
from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.course.outcome import Outcome
from mnist_core.course.shipped import shipped
from mnist_core.probe import catalog
from mnist_core.runs import store
from mnist_core.runs.status import Status
from mnist_core.training.recipe import RECIPES

from .test_results import result

TASK_2 = EXPERIMENTS["task-2"]


def test_published_figures_are_those_of_the_last_epoch() -> None:
    entries = {entry.name: entry for entry in compare.published()}
    assert len(entries) == sum("last_test_accuracy" in e.published for e in EXPERIMENTS.values()) == 27
    entry = entries["twelve-k-final"]
    assert (entry.accuracy, entry.best, entry.params, entry.epochs) == (0.9939, 0.9944, 12_734, 19)
    assert entry.deviation is None and entry.interval and entry.interval[0] < 0.9939 < entry.interval[1]
    assert entry.checkpoint is None


def test_a_reproduction_has_its_mean_and_deviation() -> None:
    seeds = tuple(result(seed=seed, last=last) for seed, last in ((1, 0.9939), (2, 0.9941), (3, 0.9943)))
    (entry,) = compare.reproduced([Outcome(TASK_2, seeds)])
    assert (entry.key, entry.seeds, entry.interval) == ("reproduced/task-2", 3, None)
    assert entry.accuracy == pytest.approx(0.9941) and entry.deviation == pytest.approx(0.0002)
    (short,) = compare.reproduced([Outcome(TASK_2, (result(epochs=3),))])
    assert short.shortened and short.epochs == 3 and short.interval


def finished(folder: Path, seed: int, accuracy: float, data: str = "mnist", group: str = "") -> str:
    run = store.create(TASK_2.spec, RECIPES["fast"].changed(seed=seed), data, folder, group=group)
    figures = {"test_accuracy": accuracy, "best_accuracy": accuracy + 0.001, "judged_on": "test"}
    store.write_status(run, Status(state="done", figures=figures))
    return run.name


def test_own_runs_are_those_that_are_done_on_mnist_and_seeds_are_one_entry(tmp_path: Path) -> None:
    first = finished(tmp_path, 1, 0.992)
    finished(tmp_path, 2, 0.994, group=first)
    alone = finished(tmp_path, 1, 0.99)
    (tmp_path / alone / store.CHECKPOINT).write_bytes(b"weights")
    finished(tmp_path, 1, 1.0, data="synthetic")
    store.create(TASK_2.spec, RECIPES["fast"], root=tmp_path)  # has not run
    entries = {entry.key: entry for entry in compare.own(store.list_runs(tmp_path))}
    assert set(entries) == {f"yours/{first}", f"yours/{alone}"}
    both, one = entries[f"yours/{first}"], entries[f"yours/{alone}"]
    assert (both.seeds, both.accuracy, both.best) == (2, pytest.approx(0.993), pytest.approx(0.994))
    assert both.deviation == pytest.approx(0.001414, abs=1e-6) and both.checkpoint is None
    assert (one.seeds, one.deviation, one.checkpoint) == (1, None, f"runs/{alone}")


def test_a_seed_that_was_trained_for_more_epochs_stands_alone(tmp_path: Path) -> None:
    first = finished(tmp_path, 1, 0.992)
    others = [finished(tmp_path, seed, 0.99 + seed / 1000, group=first) for seed in (2, 3)]
    request = json.loads((tmp_path / first / store.REQUEST).read_text())
    request["recipe"]["more"] = [{"epochs": 20, "learning_rate": 0.001}]
    (tmp_path / first / store.REQUEST).write_text(json.dumps(request))
    entries = {entry.key: entry for entry in compare.own(store.list_runs(tmp_path))}
    assert set(entries) == {f"yours/{first}", f"yours/{others[0]}"}
    assert (entries[f"yours/{first}"].seeds, entries[f"yours/{first}"].epochs) == (1, 23)
    assert entries[f"yours/{others[0]}"].accuracy == pytest.approx(0.9925)


def test_shipped_ones_are_called_what_draw_calls_them() -> None:
    entries = compare.shipping(shipped(catalog.shipped_folder()))
    there = {entry.key for entry in catalog.entries() if entry.shipped}
    assert entries and {entry.checkpoint for entry in entries} == there


def test_a_reproduction_whose_checkpoint_ships_is_one_entry_with_it() -> None:
    checkpoints = shipped(catalog.shipped_folder())
    outcomes = [Outcome(EXPERIMENTS[name], (result(),)) for name in ("task-2", "twelve-k-step-lr")]
    final, other = reproduced = compare.reproduced(outcomes, checkpoints)
    assert (final.checkpoint, other.checkpoint) == ("shipped/task-2-as-published", None)
    shipping = {entry.checkpoint for entry in compare.shipping(checkpoints, besides=reproduced)}
    assert final.checkpoint not in shipping and "shipped/task-2" in shipping
    assert shipping | {final.checkpoint} == {entry.key for entry in catalog.entries() if entry.shipped}


def entry(params: int, accuracy: float) -> Entry:
    return Entry("", "yours", "", TASK_2.spec, params, 1, accuracy, None)


def test_the_answers() -> None:
    entries = [entry(19_999, 0.996), entry(20_000, 0.999), entry(5_000, 0.996), entry(4_000, 0.9939)]
    assert compare.best_under(entries, 20_000) is entries[2]
    assert compare.smallest_at_target(entries) is entries[2]
    assert compare.best_under([], 20_000) is None and compare.smallest_at_target(entries[3:]) is None
