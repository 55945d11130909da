"""Slots and queue: as many at once as allowed, first come first served, and the dead hold nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mnist_core.runs import locks

HOLD_BOTH = """
import sys, time
from pathlib import Path
from mnist_core.runs import locks
folder = Path(sys.argv[1])
worker = locks.take(folder / locks.WORKER_LOCK)
slot = locks.take_turn(folder).share
print("held" if worker and slot else "none", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def one_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_LAB_MAX_RUNS", "1")


def folders(root: Path, count: int) -> list[Path]:
    made = [root / f"run-{index}" for index in range(count)]
    for folder in made:
        folder.mkdir()
    return made


def alive(folder: Path) -> object:
    lock = locks.take(folder / locks.WORKER_LOCK)
    assert lock is not None
    return lock


def test_the_first_gets_the_slot_and_the_others_wait_in_order(tmp_path: Path) -> None:
    a, b, c = folders(tmp_path, 3)
    held = [alive(folder) for folder in (a, b, c)]
    first = locks.take_turn(a)
    assert first.share and first.ahead == 0
    assert (locks.take_turn(b).ahead, locks.take_turn(c).ahead, locks.take_turn(b).ahead) == (0, 1, 0)
    first.share.release()
    assert locks.take_turn(c).share is None  # b came first
    second = locks.take_turn(b)
    assert second.share
    second.share.release()
    assert locks.take_turn(c).share
    assert held


def test_several_slots_are_given_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_LAB_MAX_RUNS", "2")
    a, b, c = folders(tmp_path, 3)
    held = [alive(folder) for folder in (a, b, c)]
    for folder in (a, b, c):
        locks.enqueue(folder)
    turns = [locks.take_turn(folder) for folder in (b, a, c)]
    assert [bool(turn.share) for turn in turns] == [True, True, False]
    assert held


def test_seeds_with_a_thread_each_share_what_one_run_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "cores", lambda: 4)  # so one run has four threads
    a, b, c, whole = folders(tmp_path, 4)
    held = [alive(folder) for folder in (a, b, c, whole)]
    shares = [locks.take_turn(folder, threads=1).share for folder in (a, b, c)]
    assert all(shares)
    assert locks.take_turn(whole).share is None
    for share in shares[1:]:
        share and share.release()
    assert locks.take_turn(whole).share is None  # one thread is still in use
    shares[0] and shares[0].release()
    turn = locks.take_turn(whole)
    assert turn.share and len(turn.share.slots) == 4
    assert locks.take_turn(a, threads=1).share is None and held


def test_who_dies_in_the_queue_or_gives_up_holds_nobody_up(tmp_path: Path) -> None:
    a, b, c, d = folders(tmp_path, 4)
    held = [alive(folder) for folder in (a, c, d)]
    running = locks.take_turn(a)
    for folder in (b, c, d):  # nobody lives in b
        locks.enqueue(folder)
    assert locks.take_turn(c).ahead == 0
    locks.leave_queue(c)
    assert locks.take_turn(d).ahead == 0
    assert running.share and held


def test_kill_9_frees_slot_and_lock(tmp_path: Path) -> None:
    a, b = folders(tmp_path, 2)
    child = subprocess.Popen([sys.executable, "-c", HOLD_BOTH, str(a)], stdout=subprocess.PIPE)
    assert child.stdout and child.stdout.readline() == b"held\n"
    assert locks.is_alive(a) and locks.take_turn(b).share is None
    child.kill()
    child.wait()
    assert not locks.is_alive(a) and locks.take_turn(b).share


@pytest.mark.parametrize("content", [b"", b"{", b"[1, null]", b'{"a": 1}', b"\xff", b"[" * 10_000])
def test_a_broken_queue_file_is_built_anew(tmp_path: Path, content: bytes) -> None:
    (a,) = folders(tmp_path, 1)
    (tmp_path / locks.SLOTS_FOLDER).mkdir()
    (tmp_path / locks.SLOTS_FOLDER / locks.QUEUE_FILE).write_bytes(content)
    assert locks.take_turn(a).share


@pytest.mark.parametrize(("wish", "slots"), [("3", 3), ("0", 1), ("-1", None), ("many", None), ("", None)])
def test_the_number_of_slots(wish: str, slots: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_LAB_MAX_RUNS", wish)
    assert locks.runs_at_once() == (slots or max(1, locks.cores() // 2))


def test_a_lock_is_not_held_where_nothing_is(tmp_path: Path) -> None:
    assert not locks.is_held(tmp_path / "none.lock")
    assert not locks.is_held(tmp_path / "none" / "none.lock")
    assert not (tmp_path / "none.lock").exists()
