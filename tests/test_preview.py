"""The augmentation preview: the same digits before and after, and what the data offers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mnist_core.training.augmentation import Augmentation
from mnist_core.training.preview import COUNT, preview
from mnist_core.training.recipe import RECIPES
from mnist_core.training.sample import training_digits


def test_without_augmentation_nothing_changes() -> None:
    shown = preview(Augmentation(), 3, "synthetic")
    assert shown.before.shape == shown.after.shape == (COUNT, 28, 28)
    assert np.abs(shown.before - shown.after).max() < 1e-5


def test_an_augmentation_changes_each_digit_and_a_seed_draws_the_same_again() -> None:
    augmentation = RECIPES["best"].augmentation
    one, again, other = (preview(augmentation, seed, "synthetic") for seed in (3, 3, 4))
    assert np.array_equal(one.after, again.after) and not np.array_equal(one.after, other.after)
    assert (np.abs(one.before - one.after).max(axis=(1, 2)) > 0.1).all()
    assert one.after.min() >= 0 and one.after.max() <= 1


def test_what_is_erased_shows_as_the_mean_grey() -> None:
    shown = preview(Augmentation(erasing=1), 3, "synthetic")
    assert (np.isclose(shown.after, 0.1307, atol=1e-4).sum(axis=(1, 2)) > 5).all()


def test_a_room_without_mnist_sees_synthetic_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_LAB_DATA", str(tmp_path))
    assert training_digits(7)[1] == preview(Augmentation(), 1).data == "synthetic"


@pytest.mark.mnist
def test_with_mnist_they_are_its_first_training_digits(mnist_folder: Path) -> None:
    from mnist_core.training.data import load

    pixels, name = training_digits(100)
    assert name == "mnist" and np.array_equal(pixels, load("mnist").train_images[:100].numpy())
