"""Digits to show, without torch and without a network: MNIST's if its archives are there, else drawn ones."""

from __future__ import annotations

import gzip
import os
import zlib
from functools import cache
from pathlib import Path

import numpy as np

from mnist_core.training import synthetic

_HEADER = 16  # bytes before the first image in an IDX file of images
_SIDE = 28


def data_folder() -> Path:
    """Where data lies: $MNIST_LAB_DATA, else `data` beside the package."""
    return Path(os.environ.get("MNIST_LAB_DATA") or Path(__file__).parents[2] / "data").expanduser()


@cache
def sample_digit() -> np.ndarray:
    """(28, 28) uint8, ink 255 on paper 0: MNIST's first test digit, a 7."""
    try:
        return _first("t10k-images-idx3-ubyte.gz", 1)[0]
    except (OSError, EOFError, zlib.error, ValueError):
        images, labels = synthetic.render(10, np.random.default_rng(7))
        return images[int(np.flatnonzero(labels == 7)[0])]


def training_digits(count: int, data: str = "mnist") -> tuple[np.ndarray, str]:
    """The first `count` training digits, uint8 (count, 28, 28), and the name of the data they are from."""
    if data == "mnist":
        try:
            return _first("train-images-idx3-ubyte.gz", count), data
        except (OSError, EOFError, zlib.error, ValueError):
            pass
    return synthetic.render(count, np.random.default_rng(7))[0], "synthetic"


def _first(archive: str, count: int) -> np.ndarray:
    with gzip.open(data_folder() / "MNIST" / "raw" / archive) as file:
        pixels = file.read(_HEADER + count * _SIDE**2)[_HEADER:]
    return np.frombuffer(pixels, np.uint8).reshape(count, _SIDE, _SIDE)
