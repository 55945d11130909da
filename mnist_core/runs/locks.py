"""Who is alive, and whose turn it is.

The operating system frees a lock the moment its process ends, however it ends. So a run is alive exactly
while somebody holds `worker.lock` (or, in the moment between the launch and the worker, `launch.lock`) in its
folder: no process ids, no clocks. A worker that trains holds one of the slots `runs/.slots/0.lock`,
`1.lock`, … for each of its threads; the others wait in the order of `runs/.slots/queue.json`.
"""

from __future__ import annotations

import errno
import json
import os
import sys
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


def runs_at_once() -> int:
    """How many runs may train at once: `MNIST_LAB_MAX_RUNS`, else one for every two cores.

    Several seeds share what one run may use, with a thread each.
    """
    wish = os.environ.get("MNIST_LAB_MAX_RUNS", "")
    return max(1, int(wish)) if wish.isascii() and wish.isdigit() else max(1, cores() // 2)


def threads_a_run() -> int:
    """Threads that a run may use: the cores shared fairly among the runs."""
    return max(1, cores() // runs_at_once())


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
        return _is_seen_held(path)
    if lock is None:
        return True
    lock.release()
    return False


def _is_seen_held(path: Path) -> bool:
    """The same for who may only read there; False where that cannot be told."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # until the file is closed
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def is_alive(folder: Path) -> bool:
    """Whether a worker lives in this run folder, or is just being launched."""
    # This order: the launcher lets go only after the worker has taken hold.
    return is_held(folder / LAUNCH_LOCK) or is_held(folder / WORKER_LOCK)


class Share:
    """The slots that a worker holds."""

    def __init__(self, slots: list[FileLock]) -> None:
        self.slots = slots

    def release(self) -> None:
        for slot in self.slots:
            slot.release()


@dataclass(frozen=True)
class Turn:
    """Answer to `take_turn`: the worker's share, or None and how many runs wait before this one."""

    share: Share | None
    ahead: int


def enqueue(folder: Path) -> None:
    """Put the run at the end of the queue (it stays where it is if it waits already)."""
    root = folder.parent
    with _queue_lock(root):
        _write_queue(root, _living(root, folder.name))


def take_turn(folder: Path, threads: int = 0) -> Turn:
    """Take slots for this run when its turn has come. First come, first served; the dead drop out.

    `threads` is how many it needs, 0 as many as a run may use.
    """
    root, usual = folder.parent, threads_a_run()
    need = min(threads, usual) or usual
    with _queue_lock(root):
        names = _living(root, folder.name)
        ahead = names.index(folder.name)
        slots = [_slot(root, index) for index in range(runs_at_once() * usual)]
        free = [slot for slot in map(take, slots) if slot]
        mine = free[:need] if len(free) >= need + ahead * usual else []  # the others are for those ahead
        for slot in free[len(mine) :]:
            slot.release()
        if mine:
            names.remove(folder.name)
        _write_queue(root, names)
    return Turn(Share(mine) if mine else None, ahead)


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
