"""Several seeds: mean, standard deviation and band, against numpy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_core.architecture.spec import ModelSpec
from mnist_core.runs import store
from mnist_core.runs.seeds import group_of, members_of, seed_of, summary
from mnist_core.runs.store import RunView
from mnist_core.training.recipe import Recipe

SPEC = ModelSpec.from_json('{"layers": [{"kind": "flatten"}, {"kind": "linear", "out_features": 10}]}')


def view(root: Path, accuracies: list[float], done: bool = True, split: str = "test") -> RunView:
    """A run that has these accuracies after its epochs."""
    made = store.read(store.create(SPEC, Recipe(), "synthetic", root))
    lines = tuple({"epoch": n, f"{split}_accuracy": a} for n, a in enumerate(accuracies, start=1))
    return replace(made, epochs=lines, status=replace(made.status, state="done" if done else "training"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@given(rows=st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=2, max_size=5))
def test_mean_and_deviation_are_numpys(rows: list[list[float]], root: Path) -> None:
    one = view(root, [])
    found = summary(
        [
            replace(
                one,
                status=replace(one.status, state="done"),
                epochs=tuple({"epoch": n, "test_accuracy": a} for n, a in enumerate(row, 1)),
            )
            for row in rows
        ]
    )
    assert found.mean == pytest.approx(np.mean(rows, axis=0)[-1])
    assert found.deviation == pytest.approx(np.std(rows, axis=0, ddof=1)[-1], abs=1e-12)
    assert [band.mean for band in found.band] == pytest.approx(list(np.mean(rows, axis=0)))
    assert [band.deviation for band in found.band] == pytest.approx(
        list(np.std(rows, axis=0, ddof=1)), abs=1e-9
    )


def test_only_runs_that_are_done_count_and_one_has_no_deviation(root: Path) -> None:
    found = summary([view(root, [0.9, 0.99]), view(root, [0.8], done=False)])
    assert (found.seeds, found.done, found.mean, found.deviation) == (2, 1, 0.99, None)
    assert [band.epoch for band in found.band] == [1]
    assert summary([]).mean is None


def test_a_validation_split_judges_the_epochs_but_is_not_the_result(root: Path) -> None:
    one = view(root, [0.9, 0.95], split="validation")
    ended = replace(one, epochs=(*one.epochs[:1], {**one.epochs[1], "test_accuracy": 0.94}))
    found = summary([ended, ended])
    assert found.mean == 0.94 and [band.mean for band in found.band] == [0.9, 0.95]


def test_the_members_of_a_group_by_their_seeds(root: Path) -> None:
    first = view(root, [])
    assert first.recipe is not None
    others = [
        replace(view(root, []), group=first.run.name, recipe=first.recipe.changed(seed=seed))
        for seed in (3, 2)
    ]
    found = members_of(first.run.name, [*others, view(root, []), first])
    assert [seed_of(member) for member in found] == [1, 2, 3]


def test_the_first_run_gives_the_group_its_name(root: Path) -> None:
    first = view(root, [])
    assert group_of(first) == first.run.name == group_of(replace(view(root, []), group=first.run.name))
