"""Where runs are started: here, each in a process of its own that outlives page, browser and server."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path

from mnist_core.runs import locks, store, wishes
from mnist_core.runs.status import LIVE, RESUMABLE
from mnist_core.runs.store import Run, RunError

ALIVE_WITHIN = 20.0  # seconds a worker may take to hold its lock, on a very busy machine
LEAVE_WITHIN = 5.0  # seconds in which it lets go of its lock after it has written how the run ended
LOOK_EVERY = 0.02  # seconds

_children: list[subprocess.Popen[bytes]] = []  # kept so that those that ended are reaped


def start(run: Run) -> None:
    """Launch the worker of a new run, or of one to be resumed; returns as soon as it lives.

    Raises RunError when the run is being worked on already, is done, or its worker cannot be started.
    """
    start_together([run])


def start_together(*workers: Sequence[Run]) -> None:
    """Launch a worker for each of these sequences of runs, which share a GPU; returns as soon as all live.

    Raises RunError.
    """
    with ExitStack() as claims:
        for run in chain(*workers):
            claims.enter_context(claim(run))
        begin(*workers)


@contextmanager
def claim(run: Run) -> Iterator[None]:
    """While this is held, nobody else can start the run or add to it, and it counts as alive.

    Raises RunError when the run is being worked on already, or its folder cannot be written.
    """
    try:
        launch = locks.take(run / locks.LAUNCH_LOCK, seconds=1.0)
    except OSError as error:
        raise RunError(f"Run {run.name} cannot be started: {error.strerror or error}.") from None
    try:
        if launch is None or _is_worked_on(run):
            raise RunError(f"Run {run.name} is being worked on already. Stop it first, or just watch it.")
        yield
    finally:
        if launch:
            launch.release()


def _is_worked_on(run: Run) -> bool:
    """Whether a worker has the run. One that has just written how it ended is given the time to go."""
    deadline = time.monotonic() + LEAVE_WITHIN
    while locks.is_held(run / locks.WORKER_LOCK):
        if store.read(run, metrics=False).state in LIVE or time.monotonic() > deadline:
            return True
        time.sleep(LOOK_EVERY)
    return False


def begin(*workers: Sequence[Run]) -> None:
    """Launch the workers of runs that one has claimed; returns as soon as all live. Raises RunError."""
    for run in chain(*workers):
        _announce(run)
    children = [_spawn(runs) for runs in workers]
    for runs, child in zip(workers, children, strict=True):
        for run in runs:
            _await_life(run, child)


def resume(run: Run) -> None:
    """Go on with a run that was paused, stopped or interrupted, or that failed. Raises RunError."""
    state = store.read(run, metrics=False).state
    if state not in RESUMABLE:
        raise RunError(
            f"Run {run.name} is {state}; only a run that is {', '.join(RESUMABLE)} can be resumed."
        )
    start(run)


def _announce(run: Run) -> None:
    """Queue the run, and write down that it waits."""
    status = store.read(run, metrics=False).status
    if status.state == "done":
        raise RunError(f"Run {run.name} is done; start a new one.")
    try:
        wishes.withdraw(run.folder)
        locks.enqueue(run.folder)
        store.write_status(run, replace(status, state="queued", message="", pid=0, seconds_left=-1.0))
    except OSError as error:
        raise RunError(
            f"Run {run.name} cannot be started: {error.strerror or error}. "
            f"Free some space in {run.folder.parent}."
        ) from None


def _spawn(runs: Sequence[Run]) -> subprocess.Popen[bytes]:
    """The worker's process, in a session of its own; what breaks it stands in the first run's worker.log."""
    run = runs[0]
    package_home = str(Path(__file__).parents[2])
    known = os.environ.get("PYTHONPATH")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([package_home, known] if known else [package_home]),
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    folders = [str(one.folder.absolute()) for one in runs]
    command = [sys.executable, "-m", "mnist_core.runs.worker", *folders]
    _children[:] = [child for child in _children if child.poll() is None]
    try:
        with (run / store.LOG).open("ab") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
                creationflags=_windows_flags(),
            )
    except OSError as error:
        raise RunError(f"Run {run.name}: its worker cannot be started: {error.strerror or error}.") from None
    _children.append(child)
    return child


def _windows_flags() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    return 0


def _await_life(run: Run, child: subprocess.Popen[bytes]) -> None:
    """Wait until the worker holds its lock. One that ended at once is found dead by the next reader."""
    deadline = time.monotonic() + ALIVE_WITHIN
    while time.monotonic() < deadline and child.poll() is None:
        if locks.is_held(run / locks.WORKER_LOCK):
            return
        time.sleep(LOOK_EVERY)
