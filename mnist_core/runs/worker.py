"""One run in a process of its own: `python -m mnist_core.runs.worker RUN_FOLDER`.

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
from contextlib import suppress
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
# How long an OpenMP thread that waits for others spins before it sleeps: some µs (GNU), 1 ms (Intel, LLVM).
# As fast on idle cores, and several times faster when a browser or another run wants the same two cores.
PATIENCE = {"GOMP_SPINCOUNT": "3000", "KMP_BLOCKTIME": "1"}


class Asked(Exception):
    """Somebody asked the worker to end; the argument is the state that it then has: stopped or paused."""


class Deleted(Exception):
    """The run folder is gone: there is nothing left to do and nowhere to say so."""


class Worker:
    """The life of one worker: what it says (status.json, worker.log) and the wishes that it obeys."""

    def __init__(self, run: Run) -> None:
        self.run = run
        view = store.read(run, metrics=False)
        self.threads = view.threads
        self.status = replace(
            view.status, state="queued", message="", pid=os.getpid(), ahead=0, seconds_left=-1.0
        )
        self._told = -TELL_EVERY
        self._asked = ""

    def listen(self) -> None:
        """Take a signal to end for a wish to stop."""
        for name in ("SIGTERM", "SIGINT", "SIGBREAK"):  # the last one is Windows' own
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._asked = "stopped"

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

    def work(self) -> int:
        """Wait, train, and write down how it ended; the exit status."""
        try:
            self._set_up()
            with self._await_turn():
                self.tell(state="preparing", message="Starting PyTorch")
                wait_politely()
                from mnist_core.runs.record import train_run

                train_run(self)
        except Asked as wish:
            return self._end(str(wish), "")
        except RunError as error:
            return self._end("failed", f"Run {self.run.name}: {error}")
        except Deleted:
            return self._end("deleted", f"Run {self.run.name}: its folder was deleted.")
        except OSError as error:
            if not (self.run / store.REQUEST).exists():
                return self._end("deleted", f"Run {self.run.name}: its folder was deleted.")
            return self._end("failed", f"Run {self.run.name}: {self._explain(error)}")
        return self._end("done", "")

    def _set_up(self) -> None:
        remove_leftovers(self.run.folder)
        self.tell()
        (self.run / RESERVE).write_bytes(os.urandom(RESERVE_BYTES))

    def _await_turn(self) -> locks.Share:
        before, began = self.status.waited, time.monotonic()
        while True:
            turn = locks.take_turn(self.run.folder, self.threads)
            if turn.share:
                self.status = replace(self.status, waited=round(before + time.monotonic() - began, 1))
                return turn.share
            if turn.ahead != self.status.ahead or not self.status.message:
                self.tell(ahead=turn.ahead, message=_waiting(turn.ahead))
            time.sleep(LOOK_EVERY)
            self.obey()

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
            print(message or state, flush=True)
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
            self.tell(state=state, message=message, ahead=0, seconds_left=-1.0)
        except OSError as error:
            with suppress(OSError):
                print(f"status.json cannot be written: {error}", flush=True)
            return 1
        return 1 if state == "failed" else 0


def _waiting(ahead: int) -> str:
    return f"Waiting for {ahead} other run{'s' if ahead > 1 else ''}" if ahead else "Next in the queue"


def main(arguments: list[str]) -> int:
    """Work on the run in the folder that the only argument names."""
    run = Run(Path(arguments[0] if arguments else "").absolute())
    if len(arguments) != 1 or not (run / store.REQUEST).is_file():
        print(
            "usage: python -m mnist_core.runs.worker RUN_FOLDER (a folder with request.json)", file=sys.stderr
        )
        return 2
    lock = locks.take(run / locks.WORKER_LOCK, seconds=5.0)  # a reader may hold it for a moment
    if lock is None:
        print(f"Run {run.name}: another worker is at it.", file=sys.stderr)
        return 2
    for name, value in PATIENCE.items():  # read when PyTorch is imported
        os.environ.setdefault(name, value)
    with lock:
        worker = Worker(run)
        worker.listen()
        return worker.work()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
