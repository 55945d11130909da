"""The confusion matrix and the mistakes are what one counts by hand, image by image."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_core.probe.examples import example
from mnist_core.probe.judgement import Digits, Judgement, digits_of, first_guesses, judge
from mnist_core.runs import checkpoint
from mnist_core.runs.checkpoint import shipped_folder
from mnist_core.training import data, evaluation
from mnist_core.training.data import DataError, Dataset
from mnist_core.training.recipe import Recipe
from mnist_core.training.splits import split

from .test_inference import SPEC, untrained


@st.composite
def judgements(draw: st.DrawFn) -> Judgement:
    count, seed = draw(st.integers(1, 60)), draw(st.integers(0, 2**31))
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(10) * 0.2, count).astype(np.float32)
    labels = rng.integers(0, 10, count)
    losses = -np.log(probabilities[np.arange(count), labels] + 1e-30)
    images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    return Judgement(Digits("any", "test", images, labels, np.arange(count)), probabilities, losses)


@given(judgements())
def test_the_matrix_is_what_one_counts(found: Judgement) -> None:
    counted = [[0] * 10 for _ in range(10)]
    for label, probabilities in zip(found.digits.labels, found.probabilities, strict=True):
        counted[label][max(range(10), key=lambda digit: probabilities[digit])] += 1
    assert found.confusion.tolist() == counted


@given(judgements())
def test_cells_and_mistakes_hold_each_image_once_the_worst_first(found: Judgement) -> None:
    places = []
    for true in range(10):
        for said in range(10):
            cell = found.cell(true, said)
            assert len(cell) == found.confusion[true, said]
            assert all(found.digits.labels[at] == true and found.said[at] == said for at in cell)
            assert list(found.losses[cell]) == sorted(found.losses[cell], reverse=True)
            places += list(cell)
    assert sorted(places) == list(range(len(found.digits)))
    wrong = found.mistakes()
    assert sorted(wrong) == [
        at for at in range(len(found.digits)) if found.digits.labels[at] != found.said[at]
    ]
    assert list(found.losses[wrong]) == sorted(found.losses[wrong], reverse=True)


@given(judgements())
@settings(max_examples=20)
def test_first_guesses_are_the_three_likeliest(found: Judgement) -> None:
    for probabilities in found.probabilities[:5]:
        guesses = first_guesses(probabilities)
        assert [p for _, p in guesses] == sorted(map(float, probabilities), reverse=True)[:3]
        assert all(float(probabilities[digit]) == p for digit, p in guesses)


def test_judging_agrees_with_the_evaluation_of_training(
    rendered: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "load", lambda name: rendered)
    path = tmp_path / "net.safetensors"
    net = untrained(SPEC)
    checkpoint.save(path, net)
    digits = digits_of("synthetic")
    found = judge(path, digits)
    loss, accuracy = evaluation.evaluate(net.model(), rendered.test_images, rendered.test_labels, rendered)
    assert found.losses.mean() == pytest.approx(loss, rel=1e-5)
    assert found.confusion.trace() / len(digits) == pytest.approx(accuracy, abs=1e-9)
    assert found.confusion.sum() == len(digits) == 2_000
    some = range(0, 2_000, 191)
    assert [found.losses[at] for at in some] == pytest.approx(
        [-math.log(found.probabilities[at, digits.labels[at]]) for at in some], rel=1e-4
    )
    assert (digits.split, found.epochs) == ("test", 0)


def test_the_validation_digits_are_those_that_training_holds_out(
    rendered: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "load", lambda name: rendered)
    held = split(rendered, Recipe(validation_size=300), torch.device("cpu"))
    digits = digits_of("synthetic", 300)
    assert digits.split == "validation" and len(digits) == 300
    assert held.validation_images is not None and held.validation_labels is not None
    assert np.array_equal(digits.images, held.validation_images.numpy())
    assert np.array_equal(digits.labels, held.validation_labels.numpy())
    assert np.array_equal(rendered.train_images.numpy()[digits.numbers], digits.images)


def test_missing_data_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_LAB_DATA", str(tmp_path))
    digits_of.cache_clear()
    with pytest.raises(DataError, match="MNIST is not in"):
        digits_of("mnist")
    assert not list(tmp_path.rglob("*.gz"))


@pytest.mark.mnist
def test_the_shipped_net_names_9956_of_mnists_test_digits(mnist_folder: Path) -> None:
    digits_of.cache_clear()
    digits = digits_of("mnist")
    for index in (0, 582, 9_999):
        assert np.array_equal(digits.images[index], example(index).pixels)
        assert digits.labels[index] == example(index).label and digits.numbers[index] == index
    found = judge(shipped_folder() / "task-2.safetensors", digits)
    assert found.confusion.trace() == 9_956 and found.confusion.sum() == 10_000
    assert len(found.mistakes()) == 44 and found.epochs == 19
    assert found.confusion.sum(axis=1).tolist() == np.bincount(digits.labels).tolist()
