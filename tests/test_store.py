"""The run folder: what is asked is found again, and nothing that a crash leaves can break the reading."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_core.architecture.spec import ModelSpec
from mnist_core.runs import locks, store
from mnist_core.runs.files import GrowingLines, drop_torn_line, read_lines, replace_file, to_line
from mnist_core.runs.status import LIVE, STATES, Status
from mnist_core.runs.store import Run, RunError
from mnist_core.training.recipe import Recipe

SPEC = ModelSpec.from_json(
    '{"name": "Täsk 2 / x", "layers": [{"kind": "flatten"}, {"kind": "linear", "out_features": 10}]}'
)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return store.create(SPEC, Recipe(epochs=3, seed=7), "synthetic", tmp_path)


def test_what_is_asked_is_found_again(run: Run, tmp_path: Path) -> None:
    view = store.read(run)
    assert (view.spec, view.recipe, view.data) == (SPEC, Recipe(epochs=3, seed=7), "synthetic")
    assert store.find(run.name, tmp_path) == run
    assert [listed.run for listed in store.list_runs(tmp_path)] == [run]
    assert "t-sk-2-x" in run.name
    assert view.checkpoint is None and view.steps == () and view.epochs == ()


def test_runs_made_in_the_same_second_are_different_runs(tmp_path: Path) -> None:
    made = [store.create(SPEC, Recipe(), "mnist", tmp_path) for _ in range(50)]
    assert len({run.name for run in made}) == 50
    assert len(store.list_runs(tmp_path)) == 50
    assert len(store.list_runs(tmp_path, newest=7)) == 7


def test_unknown_data_and_folders_that_cannot_be_written_have_a_word(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="data is 'cifar'"):
        store.create(SPEC, Recipe(), "cifar", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="MNIST_LAB_RUNS"):
        store.create(SPEC, Recipe(), "mnist", tmp_path / "file" / "runs")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\\b", ".slots", "a\0b", "none", "x" * 5000])
def test_a_name_from_a_url_leads_nowhere_else(name: str, run: Run, tmp_path: Path) -> None:
    assert store.find(name, tmp_path) is None
    assert store.find(f"../{tmp_path.name}/{run.name}", tmp_path) is None


def test_a_run_is_alive_exactly_while_its_worker_holds_the_lock(
    run: Run, holder: subprocess.Popen[bytes]
) -> None:
    store.write_status(run, Status(state="training", pid=holder.pid, epoch=2, saved_epoch=2))
    (run / store.LOG).write_text("first\nSomething: went wrong\n\n")
    (run / store.STATE).touch()
    assert store.read(run).state == "training"
    holder.kill()
    holder.wait()
    view = store.read(run)
    assert view.state == "interrupted" and not view.alive
    assert view.status.message == (
        f"Run {run.name}: the worker (pid {holder.pid}) ended without finishing; last line of worker.log: "
        "“Something: went wrong”. Resume goes on in epoch 2."
    )
    assert json.loads((run / store.STATUS).read_text())["state"] == "interrupted"


@pytest.mark.parametrize(
    ("saved_epoch", "there", "then"),
    [(0, True, "goes on."), (0, False, "starts it again."), (3, False, "starts it again.")],
)
def test_what_resume_would_do_is_told_by_the_state_that_is_there(
    run: Run, saved_epoch: int, there: bool, then: str
) -> None:
    """A power cut may empty status.json."""
    (run / store.LOG).write_text("epoch 2: accuracy 0.9\n")
    if there:
        (run / store.STATE).touch()
    if saved_epoch:
        store.write_status(run, Status(state="training", saved_epoch=saved_epoch))
    else:
        (run / store.STATUS).write_bytes(b"")
    assert store.read(run).status.message.endswith(f"Resume {then}")


@pytest.mark.skipif(sys.platform == "win32", reason="nobody else's folders there")
def test_who_may_only_read_a_run_sees_whether_it_lives(
    run: Run, holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, seconds: float = 0.0) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    store.write_status(run, Status(state="training", pid=holder.pid))
    monkeypatch.setattr(locks, "take", refuse)
    assert store.read(run).state == "training"
    holder.kill()
    holder.wait()
    assert store.read(run).state == "interrupted"


def test_a_worker_that_is_being_launched_counts_as_alive(run: Run) -> None:
    with locks.take(run / locks.LAUNCH_LOCK):
        assert store.read(run).state == "queued"
    assert store.read(run).state == "interrupted"
    assert "never started" in store.read(run).status.message


def test_many_readers_of_a_dead_run_agree(run: Run) -> None:
    store.write_status(run, Status(state="training", pid=1))
    states: list[str] = []
    store.read(run)
    readers = [
        threading.Thread(target=lambda: states.extend(store.read(run).state for _ in range(20)))
        for _ in range(8)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert states == ["interrupted"] * 160


def test_a_clock_that_jumps_changes_nothing(run: Run, holder: subprocess.Popen[bytes]) -> None:
    status = json.dumps({"state": "training", "pid": holder.pid, "updated": "1970-01-01T00:00:00+00:00"})
    (run / store.STATUS).write_text(status)
    for file in (run / store.STATUS, run / store.REQUEST, run / locks.WORKER_LOCK):
        os.utime(file, (4e9, 4e9))
    assert store.read(run).state == "training"


def test_torn_and_broken_files_are_read_as_far_as_they_go(run: Run) -> None:
    lines = [{"event": "step", "epoch": 1, "step": n, "loss": 0.5} for n in range(3)]
    whole = b"".join(map(to_line, lines))
    (run / store.METRICS).write_bytes(b'{"torn": \n[1]\n\xff\xfe\n' + whole + b'{"event": "epoch", "epo')
    assert [line["step"] for line in store.read(run).steps] == [0, 1, 2]
    (run / store.STATUS).write_bytes(b'{"state": "trai')
    assert store.read(run).state in STATES
    (run / store.REQUEST).write_bytes(b"{")
    view = store.read(run)
    assert (view.state, view.spec, view.recipe) == ("failed", None, None)
    assert store.REQUEST in view.status.message
    shutil.rmtree(run.folder)
    assert store.read(run).state == "deleted"


@settings(max_examples=60)
@given(
    st.sampled_from([store.REQUEST, store.STATUS, store.METRICS, store.LOG, store.CHECKPOINT]),
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner) | st.dictionaries(st.sampled_from(list(Status.__annotations__)), inner)
            ),
        ).map(lambda value: json.dumps(value).encode() + b"\n"),
    ),
)
def test_reading_never_raises(tmp_path: Path, name: str, content: bytes) -> None:
    run = store.create(SPEC, Recipe(), "synthetic", tmp_path)
    (run / name).write_bytes(content)
    view = store.read(run)
    assert view.state in STATES and view.state not in LIVE
    store.list_runs(tmp_path)
    shutil.rmtree(run.folder)


@given(
    st.lists(st.binary(max_size=12).map(lambda part: part.replace(b"\n", b"")), max_size=5),
    st.binary(max_size=9000),
)
def test_only_the_torn_line_is_dropped(tmp_path: Path, whole: list[bytes], torn: bytes) -> None:
    path, kept = tmp_path / "lines", b"".join(line + b"\n" for line in whole)
    path.write_bytes(kept + torn.replace(b"\n", b""))
    drop_torn_line(path)
    assert path.read_bytes() == kept


@given(st.lists(st.one_of(st.integers(1, 60), st.none()), max_size=12))
def test_reading_on_equals_reading_all(tmp_path: Path, moves: list[int | None]) -> None:
    """A number lets the file grow by so many bytes, None begins it anew (as a run that starts again)."""
    path, count = tmp_path / "grows", 0
    path.write_bytes(b"")
    reader = GrowingLines(path)
    pending = b""
    for move in moves:
        if move is None:
            path.write_bytes(b"")
            pending = b""
        else:
            while len(pending) < move:
                pending += to_line({"number": count})
                count += 1
            with path.open("ab") as file:
                file.write(pending[:move])
            pending = pending[move:]
        assert list(reader.read()) == read_lines(path)


@given(st.dictionaries(st.text(), st.floats() | st.text() | st.integers()))
def test_a_line_is_one_line_and_valid_json(value: dict[str, object]) -> None:
    line = to_line(value)
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert set(json.loads(line, parse_constant=lambda name: pytest.fail(name))) == set(value)


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path, done = tmp_path / "status.json", threading.Event()
    replace_file(path, b"0" * 50_000, durable=False)

    def write() -> None:
        try:
            for digit in b"123456789" * 20:
                replace_file(path, bytes([digit]) * 50_000, durable=False)
        finally:
            done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        content = path.read_bytes()
        assert content == content[:1] * 50_000
    writer.join()
    assert read_lines(tmp_path / "none") == [] and os.listdir(tmp_path) == ["status.json"]
