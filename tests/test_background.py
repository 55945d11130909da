"""Background: who asks never waits, the newest answer is kept, and no subject takes more than its share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from mnist_core.probe.background import KEPT, Background, Look, NoAnswer


def nothing() -> None:
    pass


def settled(ask: Callable[[], Look[str]]) -> Look[str]:
    """The look once its version is the newest."""
    deadline = time.monotonic() + 10
    while not (found := ask()).newest:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    return found


def test_the_old_answer_stands_while_the_new_one_is_computed() -> None:
    background: Background[str] = Background("test", nothing)
    go = threading.Event()

    def slow() -> str:
        go.wait(10)
        return "two"

    assert settled(lambda: background.look("run", 1, lambda: "one")) == Look("one", True)
    start = time.monotonic()
    assert background.look("run", 2, slow) == Look("one", False)
    assert background.look("run", 2, slow) == Look("one", False)
    assert time.monotonic() - start < 1
    go.set()
    assert settled(lambda: background.look("run", 2, slow)) == Look("two", True)


def test_a_version_is_computed_once_by_one_thread_prepared_once() -> None:
    prepared: list[str] = []
    background: Background[str] = Background("test", lambda: prepared.append(threading.current_thread().name))
    worked: list[str] = []

    def work() -> str:
        worked.append(threading.current_thread().name)
        return "done"

    for subject in "abc":
        for _ in range(3):
            settled(lambda subject=subject: background.look(subject, 1, work))
    assert len(worked) == 3 and prepared == worked[:1] and len(set(worked)) == 1
    assert threading.current_thread().name not in worked


def test_a_share_leaves_time_for_others() -> None:
    background: Background[str] = Background("test", nothing)
    starts: list[float] = []

    def work() -> str:
        starts.append(time.monotonic())
        time.sleep(0.05)
        return "done"

    settled(lambda: background.look("run", 1, work, share=0.2))
    settled(lambda: background.look("run", 2, work, share=0.2))
    assert starts[1] - starts[0] >= 0.05 / 0.2
    before = time.monotonic()
    assert background.wait("run", 3, work).newest  # who waits does not rest
    assert time.monotonic() - before < 5


def test_why_there_is_no_answer_is_said_and_the_last_one_stays() -> None:
    background: Background[str] = Background("test", nothing)

    def fail() -> str:
        raise NoAnswer("the file has gone")

    assert background.wait("run", 1, fail) == Look(None, True, "the file has gone")
    assert background.wait("run", 2, lambda: "one") == Look("one", True)
    assert background.wait("run", 3, fail) == Look("one", True, "the file has gone")


def test_what_nobody_expected_comes_out_and_the_next_one_works() -> None:
    background: Background[str] = Background("test", nothing)

    def broken() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        background.wait("run", 1, broken)
    background.look("other", 1, broken)
    with pytest.raises(ZeroDivisionError):
        settled(lambda: background.look("other", 1, broken))
    assert background.wait("run", 1, lambda: "one") == Look("one", True)


def test_more_subjects_than_are_kept_are_all_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnist_core.probe.background.KEPT", 2)
    background: Background[int] = Background("test", nothing)
    worked: list[int] = []

    def work(subject: int) -> int:
        worked.append(subject)
        time.sleep(0.005)
        return subject

    answered: set[int] = set()
    deadline = time.monotonic() + 10
    while len(answered) < 12 and time.monotonic() < deadline:  # pages that look again and again, in turn
        for subject in set(range(12)) - answered:
            if background.look(subject, 1, lambda subject=subject: work(subject)).newest:
                answered.add(subject)
    assert sorted(worked) == list(range(12))  # each once
    with ThreadPoolExecutor(12) as pages:  # pages that wait
        found = pages.map(lambda n: background.wait(n, 2, lambda: work(n)).answer, range(12))
        assert list(found) == list(range(12))
    assert len(worked) == 24


def test_only_so_many_subjects_are_kept() -> None:
    background: Background[str] = Background("test", nothing)
    for subject in range(KEPT + 1):
        background.wait(subject, 1, lambda: "one")
    assert background.look(KEPT, 1, lambda: "two") == Look("one", True)
    assert background.look(0, 1, lambda: "two").answer is None


def test_an_answer_that_nobody_comes_back_for_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnist_core.probe.background.PATIENCE", 0)
    background: Background[str] = Background("test", nothing)
    for subject in range(KEPT):
        background.look(subject, 1, lambda: "one")
    background.wait(KEPT, 1, lambda: "one")  # on the same thread, so that all are done
    background.look(KEPT + 1, 1, lambda: "one")
    assert background.look(0, 1, lambda: "two").answer is None
