"""metrics.jsonl: one line for every event of a run, whole or not there."""

from __future__ import annotations

import errno
import math
import os
from pathlib import Path
from typing import Any

from mnist_core.runs.figures import number
from mnist_core.runs.files import drop_torn_line, read_lines, to_line

_RATE = 0.5  # steps after a step at which its rate is changed


class Journal:
    """Appends lines. After a crash the lines may be ahead of the saved state; the training then repeats that
    part, and what is told already is not told again: no line is lost, none is doubled.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        drop_torn_line(path)
        lines = read_lines(path)
        self.epochs = [line for line in lines if line.get("event") == "epoch"]
        self.rates = [line for line in lines if line.get("event") == "rate"]
        self._last = max((_moment(line) for line in lines), default=(0.0, 0.0))
        self._file = path.open("ab", buffering=0)

    @property
    def scale(self) -> float:
        """What the schedule's rate is multiplied with, as told last."""
        return number(self.rates[-1], "scale", 1.0) if self.rates else 1.0

    def is_ahead_of(self, epoch: int, step: int) -> bool:
        """Whether it tells of more than has been trained again since the state that one went on from."""
        return self._last > (epoch, step + _RATE)

    def write(self, line: dict[str, Any]) -> None:
        """Append the event unless the journal has it already. Raises OSError when the disk is full."""
        moment = _moment(line)
        # Only rates come twice at one moment: they can be changed again before the next step.
        if moment < self._last or (moment == self._last and line.get("event") != "rate"):
            return
        data = to_line(line)
        try:
            written = self._file.write(data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from None
        if written != len(data):  # a full disk may take a part: the torn line will be dropped
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        self._last = moment
        if line.get("event") == "epoch":
            self.epochs.append(line)
        elif line.get("event") == "rate":
            self.rates.append(line)

    def sync(self) -> None:
        """Wait until all lines are on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def _moment(line: dict[str, Any]) -> tuple[float, float]:
    """When in the run a line belongs: (epoch, step), the epoch's own line after all its steps.

    A rate that is changed after a step comes between that step and the next.
    """
    step = math.inf if line.get("event") == "epoch" else number(line, "step", 0.0)
    return number(line, "epoch", 0.0), step + _RATE * (line.get("event") == "rate")
