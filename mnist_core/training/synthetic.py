"""The built-in stand-in for MNIST: digits drawn from stroke skeletons, for tests and rooms without network.

A digit starts as one of several skeletons (`skeletons.py`), is bent by a smooth random field, slanted, turned
and stretched, drawn with a pen of random width, fitted into a 20 × 20 box and placed with its centre of mass
in the middle of 28 × 28, as MNIST's digits were. Same seed, same digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mnist_core.training.skeletons import SKELETONS, Skeleton

if TYPE_CHECKING:
    from torch import Tensor

TRAIN, TEST, SEED = 12_000, 2_000, 20_260
SIDE, BOX = 28, 20
_PEN = (0.75, 1.1, 1.65)  # half the width of a stroke in pixels: least, most often, most
_CHUNK = 2_000  # digits drawn at a time, so that a render takes tens of megabytes


def digits(train: int = TRAIN, test: int = TEST, seed: int = SEED) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(train images, train labels, test images, test labels): uint8 (N, 28, 28) and int64 (N,), shuffled."""
    import torch  # only here: a page that shows one digit must not wait for torch

    streams = np.random.SeedSequence(seed).spawn(2)
    train_images, train_labels = render(train, np.random.default_rng(streams[0]))
    test_images, test_labels = render(test, np.random.default_rng(streams[1]))
    return (
        torch.from_numpy(train_images),
        torch.from_numpy(train_labels),
        torch.from_numpy(test_images),
        torch.from_numpy(test_labels),
    )


def render(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """`count` digits, all ten equally often (± 1): uint8 (count, 28, 28) and int64 (count,)."""
    labels = rng.permutation(np.arange(count) % 10)
    images = np.zeros((count, SIDE, SIDE), dtype=np.uint8)
    for digit, forms in enumerate(SKELETONS):
        where = np.flatnonzero(labels == digit)
        forms_of = rng.choice(len(forms), size=len(where), p=[form.share for form in forms])
        for index, form in enumerate(forms):
            chosen = where[forms_of == index]
            for start in range(0, len(chosen), _CHUNK):
                part = chosen[start : start + _CHUNK]
                images[part] = _draw(form, len(part), rng)
    return images, labels


def _draw(form: Skeleton, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` different drawings of one skeleton, uint8 (count, 28, 28)."""
    pen = rng.triangular(*_PEN, size=count)
    points = _bend(np.repeat(form.points[None], count, axis=0), rng)
    points = np.einsum("nij,npj->npi", _affine(form, count, rng), points)
    low, high = points.min(axis=1), points.max(axis=1)
    box = rng.uniform(BOX - 1.5, BOX + 0.5, size=count)
    scale = (box - 2 * pen) / np.maximum((high - low).max(axis=1), 1e-6)
    points = (points - (low + high)[:, None] / 2) * scale[:, None, None] + (SIDE - 1) / 2
    return _centred(_ink(points, form.stroke, pen))


def _bend(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Move points (N, P, 2) by a smooth field of their own for each digit: joined strokes stay joined."""
    x, y = points[..., 0], points[..., 1]
    waves = np.stack(
        [np.sin(np.pi * x), 0.6 * np.sin(2 * np.pi * y), x * y, x * x, y * y, np.cos(3 * x + 2 * y)], -1
    )
    return points + waves @ rng.normal(0, 0.055, size=(len(points), waves.shape[-1], 2))


def _affine(form: Skeleton, count: int, rng: np.random.Generator) -> np.ndarray:
    """Random matrices (N, 2, 2): width against height, slant to the right, rotation."""
    width = rng.uniform(0.55, 1.0, size=count)
    slant = rng.normal(-0.18, 0.2, size=count).clip(-0.7, 0.35)
    angle = rng.normal(0, 0.1, size=count).clip(-0.3, 0.3)
    stretch = np.zeros((count, 2, 2))
    stretch[:, 0, 0], stretch[:, 0, 1], stretch[:, 1, 1] = width, slant, 1
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1).reshape(count, 2, 2)
    return turn @ stretch


def _ink(points: np.ndarray, stroke: np.ndarray, pen: np.ndarray) -> np.ndarray:
    """Grey values in [0, 1], (N, 28, 28), of a pen of half-width `pen` (N,) moved along `points` (N, P, 2).

    Each point leaves a Gaussian spot weighted with the way the pen goes there; a straight line then has the
    profile exp(-d² / 2 pen²), which is cut at d = pen with an edge one pixel wide. Spots are products of a
    function of x and one of y, so a picture is one product of two matrices.
    """
    ways = np.linalg.norm(np.diff(points, axis=1), axis=2) * (stroke[1:] == stroke[:-1])
    weight = np.zeros(points.shape[:2])
    weight[:, :-1] += ways / 2
    weight[:, 1:] += ways / 2
    pixels = np.arange(SIDE)
    spots = np.exp(-((points[..., None] - pixels) ** 2) / (2 * pen[:, None, None, None] ** 2)).astype(
        np.float32
    )
    weight = (weight / (np.sqrt(2 * np.pi) * pen[:, None])).astype(np.float32)
    ink = np.matmul((spots[:, :, 1] * weight[..., None]).transpose(0, 2, 1), spots[:, :, 0])
    edge = np.exp(-0.5)
    return ((ink - edge) * (pen[:, None, None] / edge) + 0.5).clip(0, 1)


def _centred(grey: np.ndarray) -> np.ndarray:
    """Whole-pixel shift that puts the centre of mass in the middle; uint8 (N, 28, 28)."""
    pixels = np.arange(SIDE)
    mass = grey.sum(axis=(1, 2)).clip(1e-6)
    down = (SIDE - 1) / 2 - (grey.sum(axis=2) @ pixels) / mass
    right = (SIDE - 1) / 2 - (grey.sum(axis=1) @ pixels) / mass
    rows = (pixels - np.rint(down).astype(int)[:, None])[:, :, None]
    columns = (pixels - np.rint(right).astype(int)[:, None])[:, None, :]
    inside = (rows >= 0) & (rows < SIDE) & (columns >= 0) & (columns < SIDE)
    moved = grey[np.arange(len(grey))[:, None, None], rows.clip(0, SIDE - 1), columns.clip(0, SIDE - 1)]
    return np.rint(255 * moved * inside).astype(np.uint8)
