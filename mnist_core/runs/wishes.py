"""What a run's worker is asked to do, as files in the run folder: to stop, to pause, to take another rate.

Nothing here needs torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from mnist_core.runs.files import replace_file

STOP, PAUSE, RATE = "stop", "pause", "rate"
SCALES = (1e-3, 1e3)  # what the schedule's rate may be multiplied with by hand

Wish = Literal["stop", "pause", ""]


class RunError(Exception):
    """A run that cannot be made, found or changed as asked; the message says what to do."""


def request_stop(folder: Path) -> None:
    """Ask the worker to stop after the step it is at; what it has is kept. Harmless when none lives.

    Raises RunError where one may only read.
    """
    _request(folder, STOP)


def request_pause(folder: Path) -> None:
    """Ask the worker to save its state and end, to be resumed later; otherwise as `request_stop`."""
    _request(folder, PAUSE)


def _request(folder: Path, wish: str) -> None:
    try:
        (folder / wish).touch()
    except FileNotFoundError:  # the folder is gone, and the worker with it
        pass
    except OSError as error:
        raise RunError(f"Run {folder.name} cannot be asked to {wish}: {error.strerror or error}.") from None


def standing(folder: Path) -> Wish:
    """What the worker has been asked and has not obeyed yet. To stop goes before to pause."""
    if (folder / STOP).exists():
        return "stop"
    return "pause" if (folder / PAUSE).exists() else ""


def withdraw(folder: Path) -> None:
    """Forget old wishes to stop or pause. One for another rate stays until it is met."""
    for name in (STOP, PAUSE):
        (folder / name).unlink(missing_ok=True)


def request_rate(folder: Path, scale: float) -> None:
    """Ask the worker to train at `scale` times the schedule's rate, within SCALES. Raises RunError."""
    try:
        replace_file(folder / RATE, f"{scale!r}".encode(), durable=False)
    except OSError as error:
        raise RunError(f"Run {folder.name}: its rate cannot be changed: {error.strerror or error}.") from None


def wished_rate(folder: Path) -> float | None:
    """The factor that was asked for and that the worker has not taken yet; None for none."""
    try:
        scale = float((folder / RATE).read_text())
    except (OSError, ValueError):
        return None
    return scale if SCALES[0] <= scale <= SCALES[1] else None


def rate_is_met(folder: Path, scale: float) -> None:
    """Forget the wish for this rate; one for another that has come meanwhile stays."""
    if wished_rate(folder) == scale:
        (folder / RATE).unlink(missing_ok=True)
