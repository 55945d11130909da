"""Every checkpoint that ships opens, has a card, and evaluates to the figure on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnist_core.architecture.analysis import analyze
from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.probe.catalog import shipped_folder
from mnist_core.runs.checkpoint import load
from mnist_core.training import data, evaluation

every = pytest.mark.parametrize("path", sorted(shipped_folder().glob("*.safetensors")), ids=lambda p: p.stem)


def test_task_2_ships() -> None:
    assert load(shipped_folder() / "task-2.safetensors").spec.layers == EXPERIMENTS["task-2"].spec.layers


@every
def test_it_is_small_and_has_its_card(path: Path) -> None:
    checkpoint = load(path)
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    assert path.stat().st_size <= 1_000_000
    assert f"{analyze(checkpoint.spec).params:,}" in card
    assert f"{checkpoint.figures['test_accuracy']:.2%}".replace("%", " %") in card
    assert path.stem in (path.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.mnist
@every
def test_evaluating_gives_the_cards_figure(path: Path, mnist_folder: Path) -> None:
    checkpoint, mnist = load(path), data.load("mnist")
    _, accuracy = evaluation.evaluate(checkpoint.model(), mnist.test_images, mnist.test_labels, mnist)
    assert accuracy == checkpoint.figures["test_accuracy"]
    if path.stem == "task-2":
        assert accuracy >= 0.9955
