"""Who is alive, and whose turn it is.

The operating system frees a lock the moment its process ends, however it ends. So a run is alive exactly
while somebody holds `worker.lock` (or, in the moment between the launch and the worker, `launch.lock`) in its
folder: no process ids, no clocks. Workers that may train at once each hold one of the slots
`runs/.slots/0.lock`, `1.lock`, …; the others wait in the order of `runs/.slots/queue.json`.
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from mnist_core.runs.files import replace_file

WORKER_LOCK = "worker.lock"
LAUNCH_LOCK = "launch.lock"
SLOTS_FOLDER = ".slots"
QUEUE_FILE = "queue.json"
QUEUE_WAIT = 30.0  # seconds; the queue's lock is held for milliseconds


def cores() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def slot_count() -> int:
    """How many workers may train at once: `MNIST_LAB_MAX_RUNS`, else one for every two cores."""
    wish = os.environ.get("MNIST_LAB_MAX_RUNS", "")
    return max(1, int(wish)) if wish.isascii() and wish.isdigit() else max(1, cores() // 2)


def threads_a_run() -> int:
    """Threads that a worker may use: the cores shared fairly among the slots."""
    return max(1, cores() // slot_count())


def take(path: Path, seconds: float = 0.0) -> FileLock | None:
    """The lock at `path`, waiting at most `seconds`; None while somebody else holds it.

    Raises OSError when the folder is missing or cannot be written.
    """
    if not path.parent.is_dir():  # filelock would make it, and a deleted run would be back
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    lock = FileLock(path)
    try:
        lock.acquire(timeout=seconds, poll_interval=0.02)
    except Timeout:
        return None
    return lock


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock at `path`. False where there is no such file or folder."""
    if not path.exists():
        return False
    try:
        lock = take(path)
    except OSError:
        return False
    if lock is None:
        return True
    lock.release()
    return False


def is_alive(folder: Path) -> bool:
    """Whether a worker lives in this run folder, or is just being launched."""
    # This order: the launcher lets go only after the worker has taken hold.
    return is_held(folder / LAUNCH_LOCK) or is_held(folder / WORKER_LOCK)


@dataclass(frozen=True)
class Turn:
    """Answer to `take_turn`: the slot's lock, or None and how many runs wait before this one."""

    slot: FileLock | None
    ahead: int


def enqueue(folder: Path) -> None:
    """Put the run at the end of the queue (it stays where it is if it waits already)."""
    root = folder.parent
    with _queue_lock(root):
        _write_queue(root, _living(root, folder.name))


def take_turn(folder: Path) -> Turn:
    """Take a slot for this run when its turn has come. First come, first served; the dead drop out."""
    root = folder.parent
    with _queue_lock(root):
        names = _living(root, folder.name)
        ahead = names.index(folder.name)
        free = [slot for slot in (take(_slot(root, index)) for index in range(slot_count())) if slot]
        mine = free.pop() if len(free) > ahead else None  # the first ones in the queue will take the others
        for slot in free:
            slot.release()
        if mine:
            names.remove(folder.name)
        _write_queue(root, names)
    return Turn(mine, ahead)


def leave_queue(folder: Path) -> None:
    """Give the place in the queue up."""
    root = folder.parent
    with _queue_lock(root):
        _write_queue(root, [name for name in _living(root, folder.name) if name != folder.name])


def _slot(root: Path, index: int) -> Path:
    return root / SLOTS_FOLDER / f"{index}.lock"


def _queue_lock(root: Path) -> FileLock:
    (root / SLOTS_FOLDER).mkdir(parents=True, exist_ok=True)
    return FileLock(root / SLOTS_FOLDER / "queue.lock", timeout=QUEUE_WAIT)


def _living(root: Path, name: str) -> list[str]:
    """The queue without dead runs and with `name`, at the end if it is new."""
    try:
        stored = json.loads((root / SLOTS_FOLDER / QUEUE_FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        stored = []  # lost or broken: every waiting worker puts itself in again
    names = [item for item in stored if isinstance(item, str)] if isinstance(stored, list) else []
    living = [item for item in dict.fromkeys(names) if item == name or is_alive(root / item)]
    return living if name in living else [*living, name]


def _write_queue(root: Path, names: list[str]) -> None:
    path = root / SLOTS_FOLDER / QUEUE_FILE
    data = json.dumps(names).encode()
    if not path.exists() or path.read_bytes() != data:
        replace_file(path, data, durable=False)
