"""Digits to ask about when one does not want to draw: MNIST's test digits, else digits of the stand-in."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_core.probe.inference import load_model
from mnist_core.probe.judgement import Digits, judge
from mnist_core.training.data import data_folder
from mnist_core.training.synthetic import render

IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
COUNT, SIDE = 10_000, 28

Images = NDArray[np.uint8]  # (N, 28, 28), ink 255 on paper 0
Labels = NDArray[np.int64]  # (N,)


@dataclass(frozen=True, eq=False)
class Example:
    """One digit whose label is known: `pixels` uint8 (28, 28); `index` from 0."""

    pixels: Images
    label: int
    index: int
    data: str  # "mnist" or "synthetic"


def example(index: int) -> Example:
    """Test digit number `index` of MNIST if its archives are there, else of the stand-in; wraps around.

    Nothing is downloaded, so that this works without a network.
    """
    images, labels, data = _all()
    index %= len(images)
    return Example(images[index], int(labels[index]), index, data)


def count() -> int:
    """How many such digits there are: 10,000 of MNIST's, fewer of the stand-in's."""
    return len(_all()[0])


def mistakes(path: Path) -> tuple[int, ...]:
    """The numbers of those digits that a checkpoint names wrong, first the one it is furthest off.

    Takes a second or two, once for each state of the file. Raises CheckpointError.
    """
    load_model(path)  # says what is wrong with a file that is none
    state, (_, labels, data) = path.stat(), _all()
    return _mistakes(path, (state.st_mtime_ns, state.st_size, data, len(labels)))


@lru_cache(maxsize=16)
def _mistakes(path: Path, state: tuple[int, int, str, int]) -> tuple[int, ...]:
    images, labels, data = _all()
    digits = Digits(data, "test", images.copy(), labels, np.arange(len(labels)))  # writable, as torch wants
    return tuple(judge(path, digits).mistakes().tolist())


def _all() -> tuple[Images, Labels, str]:
    try:
        return *_mnist(data_folder() / "MNIST" / "raw"), "mnist"
    except (OSError, EOFError, zlib.error, ValueError):  # not there yet, or damaged: training fetches them
        return *_stand_in(), "synthetic"


@lru_cache(maxsize=2)
def _mnist(raw: Path) -> tuple[Images, Labels]:
    images = gzip.decompress((raw / IMAGES).read_bytes())[16:]  # after the header of an IDX file
    labels = gzip.decompress((raw / LABELS).read_bytes())[8:]
    shaped = np.frombuffer(images, np.uint8).reshape(COUNT, SIDE, SIDE)
    return shaped, np.frombuffer(labels, np.uint8).reshape(COUNT).astype(np.int64)


@lru_cache(maxsize=1)
def _stand_in() -> tuple[Images, Labels]:
    return render(500, np.random.default_rng(28))
