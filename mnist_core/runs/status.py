"""Where a run stands, as data: the content of status.json."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any

LIVE = ("queued", "preparing", "training")  # a worker is at it
RESUMABLE = ("paused", "stopped", "failed", "interrupted")  # it ended before its last epoch
STATES = (*LIVE, *RESUMABLE, "done", "deleted")


@dataclass(frozen=True)
class Status:
    """Where a run stands. `epoch` counts from 1 (0: not begun); `step` is the last one done in it."""

    state: str = "queued"
    message: str = ""  # what is being waited for, or why it ended
    pid: int = 0  # of the worker; 0 before there was one. Told, never trusted
    ahead: int = 0  # runs that wait before this one
    progress: float = 0.0  # of preparing, or of all epochs; in [0, 1]
    epoch: int = 0
    step: int = 0
    steps_per_epoch: int = 0
    images_per_second: float = 0.0
    seconds: float = 0.0  # of training, without waiting and preparing
    waited: float = 0.0  # seconds in the queue
    seconds_left: float = -1.0  # -1: not known
    saved_epoch: int = 0  # epoch in which Resume would go on; 0: it would start again
    device: str = ""
    threads: int = 0
    updated: str = ""  # for people; clocks jump
    figures: dict[str, Any] = field(default_factory=dict)  # see figures.py

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Status:
        """The status in `raw`; a field that is missing or of another type has its default."""
        good: dict[str, Any] = {}
        for declared in fields(cls):
            default = declared.default if declared.default is not MISSING else {}
            value = raw.get(declared.name)
            if isinstance(default, float) and type(value) is int:
                value = float(value)
            if type(value) is type(default):
                good[declared.name] = value
        status = cls(**good)
        return status if status.state in STATES else replace(status, state="failed")
