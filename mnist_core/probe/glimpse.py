"""A glimpse of a net while it learns: eight random digits and the drawing, and what it says of them now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_core.probe.inference import predict
from mnist_core.probe.judgement import Digits
from mnist_core.runs.checkpoint import describe

SHOWN = 8


@dataclass(frozen=True, eq=False)
class Glimpse:
    """What a net says of `where` (places in `digits`) at one moment of its training.

    probabilities  (8, 10)
    drawn          (10,) of the drawing; None when there is none
    epoch, step    the moment; step 0 is the end of the epoch
    """

    digits: Digits
    where: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    drawn: NDArray[np.float32] | None
    epoch: int
    step: int
    steps_per_epoch: int


def glimpse(path: Path, digits: Digits, turn: int, drawing: NDArray[np.float32] | None = None) -> Glimpse:
    """Ask the weights in a file. Nothing is chosen: each turn draws its digits at random, mistakes or not.

    `drawing` is a prepared digit (28, 28). Raises CheckpointError, also when the file has just gone.
    """
    about = describe(path).figures
    where = np.random.default_rng(turn).choice(len(digits), min(SHOWN, len(digits)), replace=False)
    asked = digits.images[where].astype(np.float32) / 255
    if drawing is not None:
        asked = np.concatenate([asked, drawing[None].astype(np.float32)])
    said = predict(path, asked)
    return Glimpse(
        digits=digits,
        where=where,
        probabilities=said[: len(where)],
        drawn=said[len(where)] if drawing is not None else None,
        epoch=_whole(about.get("epoch", about.get("epochs"))),
        step=_whole(about.get("step")),
        steps_per_epoch=_whole(about.get("steps_per_epoch")),
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
