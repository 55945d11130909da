"""One digit to show, without torch: MNIST's first test digit if the archive is there, else a drawn one."""

from __future__ import annotations

import gzip
import os
import zlib
from functools import cache
from pathlib import Path

import numpy as np

from mnist_core.training import synthetic

_HEADER = 16  # bytes before the first image in an IDX file of images
_PIXELS = 28 * 28


@cache
def sample_digit() -> np.ndarray:
    """(28, 28) uint8, ink 255 on paper 0."""
    folder = Path(os.environ.get("MNIST_LAB_DATA", Path(__file__).parents[2] / "data"))
    try:
        with gzip.open(folder / "MNIST" / "raw" / "t10k-images-idx3-ubyte.gz") as archive:
            pixels = archive.read(_HEADER + _PIXELS)[_HEADER:]
        return np.frombuffer(pixels, np.uint8).reshape(28, 28)
    except (OSError, EOFError, zlib.error, ValueError):
        images, labels = synthetic.render(10, np.random.default_rng(7))
        return images[int(np.flatnonzero(labels == 7)[0])]
