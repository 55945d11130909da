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
from mnist_core.runs.figures import figures_of
from mnist_core.runs.seeds import alike, group_of, members_of, reached, seed_of, summary
from mnist_core.runs.store import RunView
from mnist_core.training.recipe import Recipe
from pages.parts import run_list, seeds

SPEC = ModelSpec.from_json('{"layers": [{"kind": "flatten"}, {"kind": "linear", "out_features": 10}]}')


def view(root: Path, accuracies: list[float], done: bool = True, split: str = "test") -> RunView:
    """A run that has these accuracies after its epochs."""
    made = store.read(store.create(SPEC, Recipe(), "synthetic", root))
    return reaching(made, [{f"{split}_accuracy": accuracy} for accuracy in accuracies], done)


def reaching(made: RunView, epochs: list[dict[str, float]], done: bool = True) -> RunView:
    lines = tuple({"epoch": number, **line} for number, line in enumerate(epochs, start=1))
    status = replace(made.status, state="done" if done else "training", figures=figures_of(lines, {}))
    return replace(made, epochs=lines, status=status)


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
                epochs=tuple(
                    {"epoch": n, "test_accuracy": a, "test_loss": 2 * a} for n, a in enumerate(row, 1)
                ),
            )
            for row in rows
        ]
    )
    assert found.mean == pytest.approx(np.mean(rows, axis=0)[-1])
    assert found.deviation == pytest.approx(np.std(rows, axis=0, ddof=1)[-1], abs=1e-12)
    assert [band.mean for band in found.bands.accuracy] == pytest.approx(list(np.mean(rows, axis=0)))
    deviations = list(np.std(rows, axis=0, ddof=1))
    assert [band.deviation for band in found.bands.accuracy] == pytest.approx(deviations, abs=1e-9)
    assert [band.mean for band in found.bands.loss] == pytest.approx(list(2 * np.mean(rows, axis=0)))


def test_only_runs_that_are_done_count_and_one_has_no_deviation(root: Path) -> None:
    found = summary([view(root, [0.9, 0.99]), view(root, [0.8], done=False)])
    assert (found.seeds, found.done, found.mean, found.deviation) == (2, 1, 0.99, None)
    assert [band.epoch for band in found.bands.accuracy] == [1]
    assert summary([]).mean is None


def test_a_validation_split_judges_the_epochs_but_is_not_the_result(root: Path) -> None:
    one = view(root, [0.9, 0.95], split="validation")
    ended = replace(one, epochs=(*one.epochs[:1], {**one.epochs[1], "test_accuracy": 0.94}))
    found = summary([ended, ended])
    assert found.mean == 0.94 and [band.mean for band in found.bands.accuracy] == [0.9, 0.95]


def test_seeds_that_were_trained_otherwise_are_left_out(root: Path) -> None:
    one, two, three = (view(root, [accuracy]) for accuracy in (0.9, 0.8, 0.7))
    assert one.recipe and two.recipe
    two = replace(two, recipe=two.recipe.changed(seed=2))
    longer = one.recipe.changed(seed=3, more=[{"epochs": 2, "learning_rate": 0.01}])
    for odd in (
        replace(three, recipe=longer),
        replace(three, rates=({"scale": 0.1},)),
        replace(three, status=replace(three.status, figures={"rate_changes": [{"scale": 0.1}]})),
        replace(three, recipe=None),
    ):
        assert alike([one, odd, two]) == [one, two]
        assert alike([odd, one]) == [one]
        found = summary([one, odd, two])
        assert (found.seeds, found.left_out) == (2, 1)
        assert found.mean == pytest.approx(0.85) and found.bands.accuracy[0].mean == pytest.approx(0.85)
        assert "last epoch, 2 of 2 seeds; without 1 trained otherwise" in seeds._result(found)
    both = [replace(one, recipe=longer), replace(two, recipe=longer.changed(seed=4))]
    assert alike(both) == both, "all were given them"


def test_what_seeds_have_reached_is_all_of_one_kind(root: Path) -> None:
    held_out = {"validation_accuracy": 0.9}
    live = reaching(view(root, []), [held_out], done=False)
    done = reaching(live, [held_out, {"validation_accuracy": 0.8, "test_accuracy": 0.7}])
    assert reached([live, done]) == pytest.approx(0.85)
    assert reached([done, view(root, [])]) == 0.7 and reached([live]) == 0.9
    assert reached([view(root, [])]) is None
    assert "**70.00 %**" in run_list._label(live, [live, done]), "the ones that are done say how good it is"
    assert "**90.00 %**" in run_list._label(live, [live, view(root, [], done=False)])


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
