"""The built-in stand-in for MNIST."""

from __future__ import annotations

import numpy as np
import torch

from mnist_core.training import synthetic
from mnist_core.training.skeletons import POINTS, SKELETONS


def test_shapes_types_and_balance() -> None:
    train_images, train_labels, test_images, test_labels = synthetic.digits(train=1_000, test=200)
    assert train_images.shape == (1_000, 28, 28) and train_images.dtype == torch.uint8
    assert test_images.shape == (200, 28, 28) and train_labels.dtype == test_labels.dtype == torch.int64
    assert train_labels.bincount().tolist() == [100] * 10 and test_labels.bincount().tolist() == [20] * 10
    assert (train_labels[:-1] != train_labels[1:]).double().mean() > 0.8, "shuffled"


def test_same_seed_same_digits_and_another_seed_others() -> None:
    first, again = synthetic.digits(100, 50, seed=3), synthetic.digits(100, 50, seed=3)
    other = synthetic.digits(100, 50, seed=4)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    drawn = torch.cat([first[0], first[2]]).flatten(1)
    assert len(drawn.unique(dim=0)) == 150, "the test digits are others than the training digits"


def test_digits_are_prepared_as_mnist_is() -> None:
    images, _ = synthetic.render(500, np.random.default_rng(0))
    mass = images.sum(axis=(1, 2), dtype=float)
    place = np.arange(28)
    assert np.abs(images.sum(axis=2) @ place / mass - 13.5).max() <= 0.6
    assert np.abs(images.sum(axis=1) @ place / mass - 13.5).max() <= 0.6
    rows, columns = (images > 20).any(axis=2).sum(axis=1), (images > 20).any(axis=1).sum(axis=1)
    assert np.maximum(rows, columns).min() >= 16 and np.maximum(rows, columns).max() <= 22
    assert images[:, 0].max() == 0, "the border is empty"
    assert 0.09 < images.mean() / 255 < 0.15, "about as much ink as MNIST (0.1307)"
    assert all((image == 0).any() and image.max() > 200 for image in images)


def test_no_two_digits_are_equal() -> None:
    images, _ = synthetic.render(2_000, np.random.default_rng(1))
    assert len(np.unique(images.reshape(2_000, -1), axis=0)) == 2_000


def test_skeletons_are_whole() -> None:
    assert len(SKELETONS) == 10
    for forms in SKELETONS:
        assert abs(sum(form.share for form in forms) - 1) < 1e-9
        for form in forms:
            assert form.points.shape == (POINTS, 2) and form.stroke.shape == (POINTS,)
            assert form.points.min() > -0.1 and form.points.max() < 1.1
            assert np.isfinite(form.points).all()


def test_a_linear_model_learns_them_but_not_all() -> None:
    """Learnable (least squares on pixels is far above chance) and varied (it is far from perfect)."""
    train_images, train_labels, test_images, test_labels = synthetic.digits(4_000, 1_000)
    pixels = train_images.reshape(4_000, -1).double() / 255
    targets = torch.eye(10, dtype=torch.float64)[train_labels]
    weights = torch.linalg.solve(
        pixels.T @ pixels + 10 * torch.eye(784, dtype=torch.float64), pixels.T @ targets
    )
    right = (test_images.reshape(1_000, -1).double() / 255 @ weights).argmax(1) == test_labels
    assert 0.85 < right.double().mean() < 0.995
