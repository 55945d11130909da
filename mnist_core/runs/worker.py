"""One run in a process of its own: `python -m mnist_core.runs.worker RUN_FOLDER`.

Several folders make it the worker of all these runs, which then share one GPU (training/streams.py).
It takes the run's lock, waits for its turn, trains, and leaves everything in the run folder. PyTorch is
imported only when the turn has come: a run shows signs of life at once, and waiting costs next to nothing.
Exit status: 0 done, stopped or paused; 1 failed; 2 not a run folder, or another worker has it.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from mnist_core.runs import locks, store, wishes
from mnist_core.runs.files import remove_leftovers
from mnist_core.runs.store import Run, RunError
from mnist_core.training.machine import wait_politely

LOOK_EVERY = 0.2  # seconds between two looks at the queue
TELL_EVERY = 0.5  # seconds between two writes of status.json
RESERVE = ".reserve"  # a file that is given up when the disk is full, so that the last status can be written
RESERVE_BYTES = 64 * 1024
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


_ENDED = object()


class Asked(Exception):
    """Somebody asked the worker to end; the argument is the state that it then has: stopped or paused."""


class Deleted(Exception):
    """The run folder is gone: there is nothing left to do and nowhere to say so."""


class Company:
    """What the runs of one process share: their number, the turn to train, and the data once it is loaded."""

    def __init__(self, runs: int = 1) -> None:
        self.runs = runs
        self.share: locks.Share | None = None
        self.ahead = 0  # runs of others that wait before these
        self.every = LOOK_EVERY  # seconds between two questions for the turn
        self._ask_at = 0.0
        self.data: dict[str, Any] = {}

    def has_turn(self, worker: Worker) -> bool:
        """Whether these runs may train; `worker` asks for all of them when it is time to."""
        if not self.share and time.monotonic() >= self._ask_at:
            turn = locks.take_turn(worker.run.folder, worker.threads)
            self.share, self.ahead = turn.share, turn.ahead
            # Asking takes a look at every run that waits: who is far behind asks less often.
            self.every = LOOK_EVERY * (1 + min(turn.ahead, 24))
            self._ask_at = time.monotonic() + self.every
        return self.share is not None

    def leave(self) -> None:
        """Let others have the turn."""
        if self.share:
            self.share.release()


class Worker:
    """The life of one run in a worker: what it says (status.json, worker.log), the wishes that it obeys."""

    def __init__(self, run: Run, company: Company | None = None) -> None:
        self.run = run
        self.company = company or Company()
        self.exit_status = 1
        view = store.read(run, metrics=False)
        self.threads = view.threads
        self.status = replace(
            view.status, state="queued", message="", pid=os.getpid(), ahead=0, seconds_left=-1.0
        )
        self._told = -TELL_EVERY
        self._asked = ""

    def stop(self) -> None:
        """End at the next occasion, as if somebody had wished it."""
        self._asked = "stopped"

    def say(self, text: str) -> None:
        """Add a line to the log. Raises OSError."""
        with (self.run / store.LOG).open("a", encoding="utf-8") as log:
            log.write(f"{text}\n")

    def tell(self, now: bool = True, **changes: Any) -> None:
        """Change the status. Written at once, or with `now=False` only when the last time is a while ago."""
        self.status = replace(self.status, **changes)
        clock = time.monotonic()
        if now or clock - self._told >= TELL_EVERY:
            store.write_status(self.run, self.status)
            self._told = clock

    def is_asked(self) -> str:
        """The state that somebody wants the run to end in: "stopped", "paused", or "" for none."""
        return {"stop": "stopped", "pause": "paused", "": self._asked}[wishes.standing(self.run.folder)]

    def obey(self) -> None:
        """Raise Asked when a stop or pause is wished, Deleted when the folder is gone."""
        if wish := self.is_asked():
            raise Asked(wish)
        if not (self.run / store.REQUEST).exists():
            raise Deleted

    def live(self) -> Iterator[None]:
        """Wait, train, write down how it ended. Yields while it waits, at its turn, then as `train_run`."""
        self.exit_status = self._end(*(yield from self._work()))

    def _work(self) -> Generator[None, None, tuple[str, str]]:
        """All but the end: how it ended, and why."""
        try:
            self._set_up()
            yield from self._await_turn()
            self.tell(state="preparing", message="Starting PyTorch")
            yield
            from mnist_core.runs.record import train_run

            yield from train_run(self)
        except Asked as wish:
            return str(wish), ""
        except RunError as error:
            return "failed", f"Run {self.run.name}: {error}"
        except Deleted:
            return "deleted", f"Run {self.run.name}: its folder was deleted."
        except OSError as error:
            # Who deletes the folder file by file may not have come to the request yet.
            deadline = time.monotonic() + isinstance(error, FileNotFoundError)
            while (self.run / store.REQUEST).exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            if not (self.run / store.REQUEST).exists():
                return "deleted", f"Run {self.run.name}: its folder was deleted."
            return "failed", f"Run {self.run.name}: {self._explain(error)}"
        return "done", ""

    def _set_up(self) -> None:
        remove_leftovers(self.run.folder)
        self.tell()
        (self.run / RESERVE).write_bytes(os.urandom(RESERVE_BYTES))

    def _await_turn(self) -> Iterator[None]:
        """Wait until the runs of this process may train. Yields between two looks at what it is asked."""
        before, began = self.status.waited, time.monotonic()
        while not self.company.has_turn(self):
            ahead = self.company.ahead
            told_enough = time.monotonic() - self._told < max(TELL_EVERY, self.company.every)
            if ahead != self.status.ahead or not self.status.message or not told_enough:
                self.tell(ahead=ahead, message=_waiting(ahead))
            yield
            self.status = replace(self.status, waited=round(before + time.monotonic() - began, 1))
            self.obey()
        locks.leave_queue(self.run.folder)

    def _explain(self, error: OSError) -> str:
        where = f"{Path(error.filename).name}: " if isinstance(error.filename, str) else ""
        what = error.strerror or str(error)
        if error.errno in FULL:
            return (
                f"{where}the disk is full ({what}). What was written is safe: free some space, then resume."
            )
        return f"{where}{what}. See worker.log, mend it, then resume."

    def _end(self, state: str, message: str) -> int:
        """Write the last status and say it in the log, as far as the disk lets us."""
        with suppress(OSError):
            self.say(message or state)
        if state == "deleted":
            return 1
        with suppress(OSError):
            (self.run / RESERVE).unlink(missing_ok=True)
            wishes.withdraw(self.run.folder)
        with suppress(OSError):
            locks.leave_queue(self.run.folder)
        with suppress(OSError):
            (self.run / store.LATEST).unlink(missing_ok=True)
        try:
            last = replace(self.status, state=state, message=message, ahead=0, seconds_left=-1.0)
            store.write_status(self.run, last, durable=True)
        except OSError as error:
            with suppress(OSError):
                self.say(f"status.json cannot be written: {error}")
            return 1
        return 1 if state == "failed" else 0


def _waiting(ahead: int) -> str:
    return f"Waiting for {ahead} other run{'s' if ahead > 1 else ''}" if ahead else "Next in the queue"


def work(workers: Sequence[Worker]) -> int:
    """All of them, which have one company, to their ends; the highest exit status."""
    try:
        lives = [worker.live() for worker in workers]
        while lives := [life for life in lives if next(life, _ENDED) is not _ENDED]:
            if workers[0].company.share:  # each has come to its turn
                break
            time.sleep(LOOK_EVERY)
        if len(lives) > 1:
            from mnist_core.training.streams import side_by_side

            for _ in side_by_side(lives, len(lives)):
                pass
        for life in lives:
            for _ in life:
                pass
    finally:
        workers[0].company.leave()
    return max(worker.exit_status for worker in workers)


def _listen(workers: Sequence[Worker]) -> None:
    """Take a signal to end for a wish to stop."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        for worker in workers:
            worker.stop()

    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):  # the last one is Windows' own
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), on_signal)


def main(arguments: list[str]) -> int:
    """Work on the runs in the folders that the arguments name."""
    runs = [Run(Path(argument).absolute()) for argument in arguments]
    if not runs or not all((run / store.REQUEST).is_file() for run in runs):
        usage = "usage: python -m mnist_core.runs.worker RUN_FOLDER… (folders with request.json)"
        print(usage, file=sys.stderr)
        return 2
    with ExitStack() as held:
        for run in runs:
            lock = locks.take(run / locks.WORKER_LOCK, seconds=5.0)  # a reader may hold it for a moment
            if lock is None:
                print(f"Run {run.name}: another worker is at it.", file=sys.stderr)
                return 2
            held.enter_context(lock)
        wait_politely()
        company = Company(len(runs))
        workers = [Worker(run, company) for run in runs]
        _listen(workers)
        return work(workers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
