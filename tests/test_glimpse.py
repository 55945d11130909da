"""A glimpse: random digits that nobody picks, the same for all, and what the weights say of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mnist_core.probe.glimpse import SHOWN, glimpse
from mnist_core.probe.inference import predict
from mnist_core.probe.judgement import digits_of
from mnist_core.runs import checkpoint
from mnist_core.runs.checkpoint import CheckpointError

from .test_inference import SPEC, untrained


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "net.safetensors"
    place = {"epoch": 2, "step": 7, "steps_per_epoch": 94}
    checkpoint.save(file, replace(untrained(SPEC), figures=place))
    return file


def test_it_says_what_the_net_says_of_the_digits_and_the_drawing(path: Path) -> None:
    digits = digits_of("synthetic")
    drawing = np.random.default_rng(5).random((28, 28), dtype=np.float32)
    found = glimpse(path, digits, turn=3, drawing=drawing)
    expected = predict(path, digits.images[found.where] / np.float32(255))
    assert found.probabilities == pytest.approx(expected, abs=1e-6)
    assert found.drawn == pytest.approx(predict(path, drawing)[0], abs=1e-6)
    assert (found.epoch, found.step, found.steps_per_epoch) == (2, 7, 94)
    assert glimpse(path, digits, turn=3).drawn is None


def test_a_turn_draws_eight_different_digits_whatever_the_net(path: Path, tmp_path: Path) -> None:
    digits, other = digits_of("synthetic"), tmp_path / "other.safetensors"
    checkpoint.save(other, untrained(SPEC, seed=1))
    seen = [glimpse(path, digits, turn).where for turn in range(60)]
    assert all(len(set(where)) == SHOWN for where in seen)
    assert [list(where) for where in seen] == [list(glimpse(other, digits, turn).where) for turn in range(60)]
    drawn = np.concatenate(seen)
    assert len(set(drawn)) > 400  # 480 draws out of 2,000: about 430 different ones
    assert abs(drawn.mean() / 2_000 - 0.5) < 0.06  # from all over the split: 4 standard errors


def test_a_checkpoint_of_an_epoch_has_no_step(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    checkpoint.save(path, replace(untrained(SPEC), figures={"epochs": 4}))
    found = glimpse(path, digits_of("synthetic"), turn=0)
    assert (found.epoch, found.step) == (4, 0)


def test_a_file_that_has_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        glimpse(tmp_path / "gone.safetensors", digits_of("synthetic"), turn=0)
