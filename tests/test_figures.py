"""Figures and words: what is claimed of a run is what its lines say."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_core.architecture.spec import ModelSpec
from mnist_core.runs import store, words
from mnist_core.runs.figures import figures_of
from mnist_core.runs.store import RunView, Status
from mnist_core.training.recipe import Recipe


def epoch(number: int, test: float | None, **more: Any) -> dict[str, Any]:
    line = {"event": "epoch", "epoch": number, "test_accuracy": test, "test_loss": 0.03, "seconds": 10.0}
    return {**line, "train_accuracy": 0.98, "train_loss": 0.0716, "learning_rate": 0.01, **more}


def test_last_best_and_target_are_told_apart() -> None:
    figures = figures_of([epoch(1, 0.99), epoch(2, 0.9946), epoch(3, 0.9941), epoch(4, 0.9939)], {"seed": 7})
    assert figures["test_accuracy"] == 0.9939  # the last epoch's, whatever was better
    assert (figures["best_accuracy"], figures["best_epoch"]) == (0.9946, 2)
    assert (figures["target_epoch"], figures["target_seconds"], figures["seconds"]) == (2, 20.0, 40.0)
    assert (figures["epochs"], figures["seed"], figures["judged_on"]) == (4, 7, "test")


def test_a_target_that_was_not_met_is_not_met() -> None:
    figures = figures_of([epoch(1, 0.99399)], {})
    assert figures["target_epoch"] is None and figures["target_seconds"] is None


@given(st.lists(st.floats(0.98, 1.0), min_size=1, max_size=12))
def test_in_how_many_of_the_last_five_epochs_the_target_held(accuracies: list[float]) -> None:
    figures = figures_of([epoch(n, accuracy) for n, accuracy in enumerate(accuracies, 1)], {})
    last = accuracies[-5:]
    assert figures["target_held"] == len([accuracy for accuracy in last if accuracy >= 0.994])
    assert figures["target_of"] == len(last)


def test_held_in_words() -> None:
    lines = [epoch(n, 0.9941) for n in range(1, 8)] + [epoch(8, 0.9939)]
    assert words.held(figures_of(lines, {})) == "held in 4 of the last 5"
    assert words.held(figures_of(lines[:2], {})) == "held in 2 of the last 2"
    assert words.held(figures_of(lines[:1], {})) == words.held({}) == ""  # one epoch holds nothing


def test_with_a_validation_split_the_test_set_judges_nothing() -> None:
    lines = [
        epoch(1, None, validation_accuracy=0.995, validation_loss=0.02),
        epoch(2, 0.9999, validation_accuracy=0.993, validation_loss=0.02),
    ]
    figures = figures_of(lines, {})
    assert (figures["judged_on"], figures["best_accuracy"], figures["best_epoch"]) == ("validation", 0.995, 1)
    assert figures["target_epoch"] == 1 and figures["test_accuracy"] == 0.9999
    assert "test_accuracy" not in figures_of(lines[:1], {})


def test_no_epochs_no_figures_but_the_facts() -> None:
    assert figures_of([], {"params": 3}) == {"params": 3}


@pytest.mark.parametrize(
    ("accuracy", "images", "low", "high"),
    [
        (0.9941, 10_000, 0.99239, 0.99543),
        (1.0, 10_000, 0.99962, 1.0),
        (0.0, 100, 0.0, 0.03699),
        (0.5, 4, 0.15004, 0.84996),
    ],
)
def test_wilson_intervals(accuracy: float, images: int, low: float, high: float) -> None:
    """Oracle: the roots of (p − a)² = z² p (1 − p) / n, and published values."""
    found = words.wilson(accuracy, images)
    assert found == pytest.approx((low, high), abs=2e-5)
    z = 1.959964
    for p in found:
        if 0 < p < 1:
            assert (p - accuracy) ** 2 == pytest.approx(z * z * p * (1 - p) / images, rel=1e-6)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (9.4, "9 s"), (99, "99 s"), (100, "2 min"), (3600, "60 min"), (7800, "2 h 10 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


def view(root: Path, status: Status, *epochs: dict[str, Any]) -> RunView:
    run = store.create(ModelSpec(), Recipe(epochs=3), "mnist", root)
    read = store.read(run)
    return RunView(run, read.created, read.spec, read.recipe, "mnist", status, (), epochs)


def test_progress_lines(tmp_path: Path) -> None:
    live = Status(state="training", epoch=2, images_per_second=18_400.2, seconds_left=9.3)
    assert words.progress_line(view(tmp_path, live)) == "epoch 2 of 3 · 18,400 images/s · 9 s left"
    begun = dataclasses.replace(view(tmp_path, live), steps=({"learning_rate": 0.012345},))
    assert words.progress_line(begun) == "epoch 2 of 3 · 18,400 images/s · rate 0.0123 · 9 s left"
    assert words.progress_line(view(tmp_path, Status(state="training"))) == "epoch 1 of 3"
    waiting = Status(state="queued", message="Waiting for 2 other runs")
    assert words.progress_line(view(tmp_path, waiting)) == "Waiting for 2 other runs"
    waits = dataclasses.replace(waiting, waited=40.2)
    assert words.progress_line(view(tmp_path, waits)) == "Waiting for 2 other runs · waited 40 s"
    assert words.progress_line(view(tmp_path, Status(state="queued"))) == "Starting"


def test_every_rate_by_hand_is_told_also_after_it_was_taken_back(tmp_path: Path) -> None:
    changes = [(2, 0.5), (2, 0.1), (4, 1.0)]
    rates = tuple({"event": "rate", "epoch": epoch, "step": 9, "scale": scale} for epoch, scale in changes)
    changed = dataclasses.replace(view(tmp_path, Status()), rates=rates)
    assert words.rate_changes(changed) == "× 0.1 since epoch 2, × 1 since epoch 4"


def test_the_log_has_the_notebooks_form(tmp_path: Path) -> None:
    status = Status(state="done", figures={"test_images": 10_000})
    log = words.notebook_log(view(tmp_path, status, epoch(1, 0.9837), epoch(2, None)))
    assert log == (
        "EPOCH: 1\nLoss=0.0716 Accuracy=98.00 LR=0.010000 (10.0 s)\n"
        "Test set: Average loss: 0.0300, Accuracy: 9837/10000 (98.37%)\n\n"
        "EPOCH: 2\nLoss=0.0716 Accuracy=98.00 LR=0.010000 (10.0 s)\n"
    )


def test_when_is_short_but_clear(tmp_path: Path) -> None:
    run = view(tmp_path, Status())
    assert len(words.when(run, run.created)) == 5
    assert words.when(run, datetime(2031, 1, 1, tzinfo=UTC)).count(":") == 1
    assert len(words.when(run, datetime(2031, 1, 1, tzinfo=UTC))) > 5
