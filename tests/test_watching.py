"""What is looked at in a run: which weights, which images; never the test set while images are held out."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_core.probe import watching
from mnist_core.probe.background import NoAnswer
from mnist_core.runs import checkpoint, store
from mnist_core.runs.status import Status
from mnist_core.runs.store import RunView
from mnist_core.training.recipe import Recipe

from .conftest import ROOT
from .test_inference import SPEC, untrained


def view(root: Path, state: str, *files: str, held_out: int = 0) -> RunView:
    """A run in this state, with the files that are named."""
    run = store.create(SPEC, Recipe(epochs=2, validation_size=held_out), "synthetic", root)
    for name in files:
        checkpoint.save(run / name, untrained(SPEC))
    return replace(store.read(run), status=Status(state=state))


def test_nothing_to_see_before_there_are_weights(tmp_path: Path) -> None:
    assert watching.sight(view(tmp_path, "queued")) is None
    assert watching.sight(view(tmp_path, "queued"), newest=True) is None


def test_the_moment_is_seen_when_there_is_one_the_checkpoint_otherwise(tmp_path: Path) -> None:
    first = view(tmp_path, "training", store.LATEST)
    seen = watching.sight(first, newest=True)
    assert seen and seen.path.name == store.LATEST and watching.sight(first) is None
    both = view(tmp_path, "training", store.LATEST, store.CHECKPOINT)
    for newest, name in ((True, store.LATEST), (False, store.CHECKPOINT)):
        seen = watching.sight(both, newest)
        assert seen and seen.path.name == name
    between = watching.sight(view(tmp_path, "training", store.CHECKPOINT), newest=True)
    assert between and between.path.name == store.CHECKPOINT


def test_another_file_is_another_version(tmp_path: Path) -> None:
    run = view(tmp_path, "training", store.CHECKPOINT)
    first = watching.sight(run)
    assert first and watching.sight(run) == first
    checkpoint.save(run.run / store.CHECKPOINT, untrained(SPEC, seed=1))
    second = watching.sight(run)
    assert second and second.version != first.version


@pytest.mark.parametrize("state", ["preparing", "training", "paused", "stopped", "interrupted", "failed"])
def test_while_images_are_held_out_the_test_set_is_not_looked_at(tmp_path: Path, state: str) -> None:
    seen = watching.sight(view(tmp_path, state, store.CHECKPOINT, held_out=300))
    assert seen and watching.judgement_of(seen).digits.split == "validation"
    assert watching.glimpse_of(seen, 1, None).digits.split == "validation"


def test_at_the_end_and_without_held_out_images_it_is_the_test_set(tmp_path: Path) -> None:
    for run in (
        view(tmp_path, "done", store.CHECKPOINT, held_out=300),
        view(tmp_path, "training", store.CHECKPOINT),
    ):
        seen = watching.sight(run)
        assert seen and watching.judgement_of(seen).digits.split == "test"


def test_a_file_that_goes_or_breaks_meanwhile_has_no_answer(tmp_path: Path) -> None:
    run = view(tmp_path, "training", store.CHECKPOINT)
    seen = watching.sight(run)
    assert seen
    (run.run / store.CHECKPOINT).write_bytes(b"torn")
    with pytest.raises(NoAnswer, match="safetensors"):
        watching.judgement_of(seen)
    (run.run / store.CHECKPOINT).unlink()
    with pytest.raises(NoAnswer, match="cannot be read"):
        watching.glimpse_of(seen, 1, None)
    with pytest.raises(NoAnswer, match="no data set"):
        watching.judgement_of(replace(seen, data="unknown data"))


def test_turns_follow_the_clock() -> None:
    assert watching.turn(0) == watching.turn(watching.CHANGE_EVERY - 0.01) == 0
    assert watching.turn(watching.CHANGE_EVERY) == 1
    assert watching.turn() > 0


def test_the_page_shows_up_before_torch_is_there() -> None:
    modules = (
        "mnist_core.probe.watching, mnist_core.probe.background, mnist_core.runs.verdict, pages.parts.watch"
    )
    code = f"import {modules}, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
