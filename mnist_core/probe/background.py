"""Answers that take a while, computed on a thread of their own, so that who asks never waits unasked.

For each subject (a run) the newest answer is kept. Asked for a newer version, it gives the old answer and
sets to work; the next time the newer one is there. Needs no torch.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, TypeVar

KEPT = 64  # subjects: runs that are looked at, some with the drawing of one of thirty visitors
PATIENCE = 60  # seconds; a page that looks comes back within a few

Answer = TypeVar("Answer")


class NoAnswer(Exception):
    """There is none; the message says why and what to do."""


@dataclass(frozen=True)
class Look(Generic[Answer]):
    """What is known. `answer` is None before there is one; `newest`: it is that of the version asked for.

    `problem` says why the version that was asked for has no answer.
    """

    answer: Answer | None
    newest: bool
    problem: str = ""


@dataclass
class _Subject:
    answer: Any = None
    version: Hashable = None  # of the answer, or of the problem
    problem: str = ""
    work: Future[Any] | None = None
    rest_until: float = 0.0
    asked: float = 0.0  # when last


class Background(Generic[Answer]):
    """One thread and what it has found out. Safe to ask from several threads.

    `prepare` is called once, on that thread, before the first work; it counts for no share.
    """

    def __init__(self, name: str, prepare: Callable[[], None]) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name, initializer=prepare)
        self._subjects: OrderedDict[Hashable, _Subject] = OrderedDict()
        self._lock = Lock()

    def look(
        self, subject: Hashable, version: Hashable, work: Callable[[], Answer], share: float = 1.0
    ) -> Look[Answer]:
        """The newest answer about the subject. Has `work` done when that is of another version.

        At most `share` of the time goes into one subject: after a work that took a second, a share of 0.05
        begins the next one 19 seconds later. `work` may raise NoAnswer; what else it raises comes out here.
        """
        with self._lock:
            return self._look(self._known(subject), version, work, share)

    def wait(self, subject: Hashable, version: Hashable, work: Callable[[], Answer]) -> Look[Answer]:
        """The answer of this version, however long it takes (and whatever share it had)."""
        with self._lock:
            known = self._known(subject)
        while True:
            with self._lock:
                known.rest_until = 0.0
                found = self._look(known, version, work, 1.0)
                going_on = known.work
            if found.newest:
                return found
            if going_on is not None:
                futures.wait([going_on])

    def _look(
        self, known: _Subject, version: Hashable, work: Callable[[], Answer], share: float
    ) -> Look[Answer]:
        idle = known.work is None or known.work.done()
        if idle and known.work:
            ended, known.work = known.work, None
            ended.result()
        if idle and known.version != version and time.monotonic() >= known.rest_until:
            known.work = self._pool.submit(self._do, known, version, work, share)
        return Look(known.answer, known.version == version, known.problem)

    def _known(self, subject: Hashable) -> _Subject:
        known = self._subjects.setdefault(subject, _Subject())
        self._subjects.move_to_end(subject)
        now = known.asked = time.monotonic()
        # What is being worked on or waits to be fetched stays: else it would be begun again and again, and
        # never be there. But who has not come for it for so long comes no more.
        resting = [
            name
            for name, one in self._subjects.items()
            if one is not known and (one.work is None or (one.work.done() and now - one.asked > PATIENCE))
        ]
        for name in resting[: max(len(self._subjects) - KEPT, 0)]:
            del self._subjects[name]
        return known

    def _do(self, known: _Subject, version: Hashable, work: Callable[[], Answer], share: float) -> None:
        start = time.monotonic()
        problem, answer = "", None
        try:
            answer = work()
        except NoAnswer as error:
            problem = str(error)
        now = time.monotonic()
        with self._lock:
            known.answer = known.answer if answer is None else answer
            known.version, known.problem = version, problem
            known.rest_until = now + (now - start) * (1 / share - 1)
