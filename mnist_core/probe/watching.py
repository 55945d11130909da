"""What there is to look at in a run, and looking at it. PyTorch is imported only when one looks.

While a run holds images out for validation and has not ended, they are what is looked at: the test set is
not read then.
"""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_core.probe.background import NoAnswer
from mnist_core.runs.checkpoint import CheckpointError
from mnist_core.runs.store import LATEST, RunView

if TYPE_CHECKING:
    from mnist_core.probe.glimpse import Glimpse
    from mnist_core.probe.judgement import Judgement

CHANGE_EVERY = 8.0  # seconds for which the same digits stay: long enough to see the guesses change


@dataclass(frozen=True)
class Sight:
    """A file with weights as it is now, and the images to show it: a split of the data.

    `held_out` is the size of the validation split; 0 stands for the test set.
    """

    path: Path
    version: Hashable
    data: str
    held_out: int


def sight(view: RunView, newest: bool = False) -> Sight | None:
    """The run's checkpoint, or with `newest` the weights of this moment; None before there are any."""
    latest = view.run / LATEST
    path = latest if newest and latest.is_file() else view.checkpoint
    if path is None:
        return None
    try:
        file = path.stat()
    except OSError:  # just being replaced, or deleted
        return None
    held_out = view.recipe.validation_size if view.recipe and view.state != "done" else 0
    version = (path.name, file.st_mtime_ns, file.st_size, held_out)
    return Sight(path, version, view.data, held_out)


def turn(now: float | None = None) -> int:
    """Which eight digits it is the turn of; the same for all who watch."""
    return int((time.time() if now is None else now) // CHANGE_EVERY)


def prepare() -> None:
    """Import what looking needs: some seconds the first time."""
    import mnist_core.probe.glimpse  # noqa: F401


def judgement_of(sight: Sight) -> Judgement:
    """What the weights say of the whole split. Raises NoAnswer."""
    from mnist_core.probe.judgement import digits_of, judge
    from mnist_core.training.data import DataError

    try:
        return judge(sight.path, digits_of(sight.data, sight.held_out))
    except (CheckpointError, DataError) as error:
        raise NoAnswer(str(error)) from None


def glimpse_of(sight: Sight, turn: int, drawing: NDArray[np.float32] | None) -> Glimpse:
    """What the weights say of eight digits and a prepared drawing (28, 28). Raises NoAnswer."""
    from mnist_core.probe.glimpse import glimpse
    from mnist_core.probe.judgement import digits_of
    from mnist_core.training.data import DataError

    try:
        return glimpse(sight.path, digits_of(sight.data, sight.held_out), turn, drawing)
    except (CheckpointError, DataError) as error:
        raise NoAnswer(str(error)) from None
