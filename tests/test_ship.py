"""Shipping a document's final net: only when its seeds are done, seed 1, with card and line."""

from __future__ import annotations

from pathlib import Path

import torch

from mnist_core.architecture.model import build
from mnist_core.course.experiments import EXPERIMENTS, FINAL
from mnist_core.course.records import RECORDS
from mnist_core.course.reproduce import kept_checkpoint
from mnist_core.course.results import Result, recipe_of
from mnist_core.course.ship import ship
from mnist_core.course.shipped import shipped
from mnist_core.runs import checkpoint
from mnist_core.runs.checkpoint import Checkpoint

from .test_results import result


def five(name: str) -> list[Result]:
    lasts = (0.9941, 0.9945, 0.9943, 0.9942, 0.9944)
    return [result(name, seed, last) for seed, last in enumerate(lasts, 1)]


def keep(work: Path, name: str, **changes: float) -> Checkpoint:
    """A checkpoint as `reproduce` keeps it, untrained."""
    experiment = (EXPERIMENTS | RECORDS)[name]
    tensors = build(experiment.spec).state_dict()
    figures = {"test_accuracy": 0.9941, "data": "mnist"}
    made = Checkpoint(experiment.spec, recipe_of(experiment, 1).changed(**changes), tensors, figures)
    path = kept_checkpoint(work, name, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.save(path, made)
    return made


def test_what_is_ready_ships_with_its_card_and_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    work = tmp_path / "work"
    made = keep(work, "task-2")
    keep(work, "ten-steps-10-one-cycle")
    rows = [*five("task-2"), *five("twelve-k-final"), result("session-5-step-5")]
    rows += five("ten-steps-10-one-cycle")
    rows[-5] = result("ten-steps-10-one-cycle", 1, 0.994)
    keep(work, "drill-down-7-learning-rate", learning_rate=0.02)  # as accurate, but of another recipe
    rows += five("drill-down-7-learning-rate")
    done = ship(rows, work, folder)
    assert list(done) == [*FINAL, *RECORDS]
    assert done["task-2"] == "ships as task-2-as-published"
    assert done["twelve-k-final"].startswith("left out")
    for name in ("ten-steps-10-one-cycle", "drill-down-7-learning-rate"):
        assert "is not of the row" in done[name]
    assert done["session-5-step-5"] == "waits: 1 of 5 seeds are done"

    (one,) = shipped(folder)
    assert (one.accuracy, one.seeds, one.record) == (0.9941, 5, "as published")
    assert one.mean is not None and round(one.mean, 6) == 0.9943
    weights = checkpoint.load(one.path).tensors
    assert all(torch.equal(weights[name], made.tensors[name]) for name in weights)
    card = one.path.with_suffix(".md").read_text()
    assert (
        "19,712" in card
        and "conv16-b relu bn drop2d0.1" in card
        and "99.41 %" in card
        and "99.43 ± 0.02 %" in card
        and "99.45 %" in card
    )
    readme = (folder / "README.md").read_text()
    line = "| `task-2-as-published` | 19,712 | as published | 99.41 % | 5: 99.43 ± 0.02 | [card]"
    assert line in readme and readme.count("as-published` |") == 1

    # Where the weights of seed 1 are not kept, what ships already is told anew from the rows.
    kept_checkpoint(work, "task-2", 1).unlink()
    one.path.with_suffix(".md").unlink()
    (folder / "README.md").unlink()
    assert ship(rows, work, folder)["task-2"] == "ships as task-2-as-published"
    assert one.path.with_suffix(".md").read_text() == card
    assert (folder / "README.md").read_text() == readme


def test_a_record_ships_under_its_own_name(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    name, record = next(iter(RECORDS.items()))
    keep(tmp_path / "work", name)
    assert ship(five(name), tmp_path / "work", folder)[name] == f"ships as {name}"
    (one,) = shipped(folder)
    assert (one.name, one.record, one.seeds) == (name, record.title, 5)
    card = one.path.with_suffix(".md").read_text()
    assert record.bar in card and record.known in card and "99.43 ± 0.02 %" in card
