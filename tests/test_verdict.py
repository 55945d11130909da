"""The verdict: what is named is what the numbers say, and its numbers are the run's."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_core.architecture.spec import ModelSpec
from mnist_core.runs.verdict import EARLY, GAP, verdict
from mnist_core.training import data, engine
from mnist_core.training.recipe import Recipe

PLAIN = Recipe(epochs=20)
AUGMENTED = Recipe.from_dict({"epochs": 20, "augmentation": {"rotation": 10}})


def spec(*layers: dict[str, Any]) -> ModelSpec:
    return ModelSpec.from_json(json.dumps({"name": "net", "layers": layers}))


DROPS = spec({"kind": "dropout2d", "p": 0.1}, {"kind": "flatten"})
BARE = spec({"kind": "flatten"})


def lines(*rows: tuple[float, float, float, float], split: str = "test") -> list[dict[str, Any]]:
    """Epoch lines of (train accuracy, train loss, accuracy, loss)."""
    names = ("train_accuracy", "train_loss", f"{split}_accuracy", f"{split}_loss")
    return [{"epoch": n, **dict(zip(names, row, strict=True))} for n, row in enumerate(rows, 1)]


def kind(*rows: tuple[float, float, float, float], recipe: Recipe = PLAIN) -> str:
    return verdict(lines(*rows), recipe, BARE).kind


def test_a_gap_is_overfitting() -> None:
    found = verdict(lines(*[(0.9998, 0.001, 0.9912, 0.04)] * 5), PLAIN, BARE)
    assert found.kind == "overfitting"
    assert "train 99.98 %, test 99.12 %, a gap of 0.86 points" in found.text
    assert kind(*[(0.9940, 0.02, 0.9912, 0.03)] * 5) == "neither"


def test_a_rising_test_loss_is_overfitting_though_the_gap_is_small() -> None:
    rising = [
        (0.99, 0.05, 0.991, 0.030),
        (0.994, 0.03, 0.992, 0.028),
        (0.996, 0.02, 0.992, 0.028),
        (0.996, 0.015, 0.992, 0.034),
        (0.9965, 0.01, 0.992, 0.038),
    ]
    found = verdict(lines(*rising), PLAIN, BARE)
    assert found.kind == "overfitting"
    assert "since epoch 3 the test loss has risen from 0.0280 to 0.0360" in found.text
    assert "the train loss fell from 0.0200 to 0.0100" in found.text
    shaken = [*rising[:3], (0.99, 0.05, 0.992, 0.034), (0.99, 0.06, 0.992, 0.038)]
    assert kind(*shaken) == "neither"  # train got worse, too: too high a rate, not overfitting


def test_a_rise_within_chance_is_none() -> None:
    tiny = [(0.999, 0.002, 0.999, 0.0010), (0.999, 0.0015, 0.999, 0.0010), (0.999, 0.001, 0.999, 0.0019)]
    assert kind(*tiny) == "neither"  # 90 %, but less than a thousandth of a nat


def test_low_and_flat_is_underfitting_low_and_falling_is_still_learning() -> None:
    flat = [(0.95, 0.18, 0.96, 0.140), (0.951, 0.178, 0.96, 0.139), (0.952, 0.177, 0.961, 0.138)]
    falling = [(0.90, 0.4, 0.92, 0.30), (0.93, 0.3, 0.94, 0.22), (0.95, 0.2, 0.955, 0.16)]
    assert kind(*flat) == "underfitting"
    assert "train 95.20 %, test 96.10 %" in verdict(lines(*flat), PLAIN, BARE).text
    assert kind(*falling) == "learning"
    assert "fell from 0.3000 to 0.1600 in two epochs" in verdict(lines(*falling), PLAIN, BARE).text


CONVOLVES = spec({"kind": "conv2d", "out_channels": 4, "kernel_size": 3}, {"kind": "flatten"})
NORMALISED = spec(
    {"kind": "conv2d", "out_channels": 4, "kernel_size": 3}, {"kind": "batch_norm2d"}, {"kind": "flatten"}
)


@pytest.mark.parametrize(
    ("losses", "moves", "longer"),
    [
        ((0.0761, 0.0709, 0.0680, 0.0690, 0.0644), "still falls slowly (0.0735 to 0.0667", True),
        ((0.0417, 0.0410, 0.0430, 0.0441, 0.0448), "rises (0.0413 to 0.0445", False),
        ((0.0480, 0.0470, 0.0490, 0.0475, 0.0468), "hardly changes (0.0475 to 0.0471", False),
        ((0.2, 0.0480, 0.0470, 0.0490, 0.0475, 0.0468), "hardly changes (0.0475 to 0.0471", False),
    ],
)
def test_underfitting_says_how_the_loss_moves(losses: tuple[float, ...], moves: str, longer: bool) -> None:
    found = verdict(lines(*((0.977, 0.07, 0.985, loss) for loss in losses)), PLAIN, BARE)
    assert found.kind == "underfitting"
    assert f"the test loss {moves} in the last 5 epochs, means of two)." in found.text
    assert ("More epochs, more params or" in found.text) == longer


@pytest.mark.parametrize(
    ("recipe", "design", "remedies"),
    [
        (PLAIN, BARE, "More params or another learning rate"),
        (PLAIN, CONVOLVES, "More params, BatchNorm or another learning rate"),
        (PLAIN, NORMALISED, "More params or another learning rate"),
        (AUGMENTED, NORMALISED, "More params, less augmentation or another learning rate"),
        (AUGMENTED, DROPS, "More params, less augmentation, less dropout or another learning rate"),
        (PLAIN.changed(dropout=0.0), DROPS, "More params or another learning rate"),
    ],
)
def test_against_underfitting_only_what_there_is_can_become_less(
    recipe: Recipe, design: ModelSpec, remedies: str
) -> None:
    found = verdict(lines(*[(0.977, 0.07, 0.975, 0.05)] * 5), recipe, design)
    assert found.kind == "underfitting" and f"means of two). {remedies} can help." in found.text


@pytest.mark.parametrize(
    ("recipe", "design", "remedies"),
    [
        (PLAIN, BARE, "Fewer params, augmentation or dropout close it."),
        (AUGMENTED, DROPS, "Fewer params, more augmentation or more dropout close it."),
    ],
)
def test_against_overfitting_there_is_more_of_what_there_is(
    recipe: Recipe, design: ModelSpec, remedies: str
) -> None:
    assert remedies in verdict(lines(*[(0.9998, 0.001, 0.9912, 0.04)] * 5), recipe, design).text


@pytest.mark.parametrize(
    ("recipe", "design", "reason"),
    [
        (AUGMENTED, DROPS, "the training digits are augmented and seen through dropout"),
        (AUGMENTED, BARE, "the training digits are augmented."),
        (PLAIN, DROPS, "the training digits are seen through dropout."),
        (PLAIN.changed(dropout=0.0), DROPS, "the mean of an epoch in which the net still learned"),
        (PLAIN, BARE, "the mean of an epoch in which the net still learned"),
    ],
)
def test_train_below_test_is_called_normal_with_its_reason(
    recipe: Recipe, design: ModelSpec, reason: str
) -> None:
    good = [(0.985, 0.05, 0.993, 0.025), (0.988, 0.04, 0.994, 0.021), (0.989, 0.035, 0.9945, 0.019)]
    found = verdict(lines(*good), recipe, design)
    assert found.kind == "neither" and reason in found.text
    assert "gap −0.55 points" in found.text and "test loss 0.0190, its lowest" in found.text


def test_train_above_test_needs_no_excuse() -> None:
    assert "normal" not in verdict(lines(*[(0.995, 0.02, 0.993, 0.02)] * 3), AUGMENTED, DROPS).text


@pytest.mark.parametrize("count", range(EARLY))
def test_too_few_epochs_say_nothing(count: int) -> None:
    found = verdict(lines(*[(1.0, 0.0, 0.9, 0.5)] * count), PLAIN, BARE)
    assert found.kind == "early" and "3 are needed" in found.text


def test_with_a_validation_split_it_judges() -> None:
    rows = lines(*[(0.9998, 0.001, 0.9912, 0.04)] * 4, split="validation")
    rows[-1] |= {"test_accuracy": 0.9999, "test_loss": 0.001}
    found = verdict(rows, PLAIN, BARE)
    assert found.kind == "overfitting" and "validation 99.12 %" in found.text and "99.99" not in found.text


def test_lines_without_numbers_do_not_count() -> None:
    rows = lines(*[(0.9998, 0.001, 0.9912, 0.04)] * 3)
    assert verdict([*rows[:2], {**rows[2], "test_loss": None}], PLAIN, BARE).kind == "early"
    assert verdict([*rows[:2], {**rows[2], "train_loss": math.nan}], PLAIN, BARE).kind == "early"


fractions = st.floats(0, 1)
nats = st.floats(0, 50)


@given(st.lists(st.tuples(fractions, nats, fractions, nats), max_size=30))
def test_any_curve_has_a_verdict_and_its_percentages_are_its_own(
    rows: list[tuple[float, float, float, float]],
) -> None:
    found = verdict(lines(*rows), AUGMENTED, DROPS)
    if len(rows) < EARLY:
        assert found.kind == "early"
        return
    train, _, test, _ = rows[-1]
    said = re.findall(r"(?:train|test) (\d+\.\d\d) %", found.text)
    assert said[:2] == [f"{100 * train:.2f}", f"{100 * test:.2f}"]
    if train - test >= GAP:
        assert found.kind == "overfitting"


def test_a_net_that_learns_300_digits_by_heart_is_found_out(rendered: data.Dataset) -> None:
    """The real thing: many epochs on few digits, no augmentation."""
    train, test = slice(300), slice(500)
    images, labels = rendered.train_images[train], rendered.train_labels[train]
    few = data.Dataset("few", images, labels, rendered.test_images[test], rendered.test_labels[test])
    net = spec(
        {"kind": "flatten"},
        {"kind": "linear", "out_features": 64},
        {"kind": "relu"},
        {"kind": "linear", "out_features": 10},
    )
    recipe = Recipe.from_dict(
        {"epochs": 12, "batch_size": 32, "optimizer": "adam", "learning_rate": 0.003, "device": "cpu"}
    ).changed(precision="float32")
    events = [event.to_dict() for event in engine.train(engine.TrainingState.new(net, recipe), few)]
    epochs = [event for event in events if event["event"] == "epoch"]
    assert verdict(epochs[:1], recipe, net).kind == "early"
    assert verdict(epochs, recipe, net).kind == "overfitting"
