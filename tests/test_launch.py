"""Real workers in processes of their own: started, killed, resumed, queued, outliving who started them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mnist_core.architecture.spec import ModelSpec
from mnist_core.runs import checkpoint, launch, locks, store, wishes
from mnist_core.runs.files import last_lines
from mnist_core.runs.store import Run, RunError, RunView
from mnist_core.training.recipe import Recipe

SPEC = ModelSpec.from_json(
    '{"name": "t", "layers": [{"kind": "flatten"}, {"kind": "linear", "out_features": 10}]}'
)
QUICK = Recipe.from_dict({"epochs": 2, "batch_size": 100, "device": "cpu", "precision": "float32"})
ENDLESS = QUICK.changed(epochs=10_000)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("MNIST_LAB_MAX_RUNS", "1")
    yield tmp_path / "runs"
    for view in store.list_runs(tmp_path / "runs"):  # nothing may go on after its test
        if view.alive and view.status.pid:
            os.kill(view.status.pid, signal.SIGKILL)


def started(root: Path, recipe: Recipe = ENDLESS) -> Run:
    run = store.create(SPEC, recipe, "synthetic", root)
    launch.start(run)
    return run


def wait(run: Run, condition: Callable[[RunView], Any], seconds: float = 90) -> RunView:
    deadline = time.monotonic() + seconds
    while not condition(view := store.read(run)):
        assert time.monotonic() < deadline, f"{view.status} {last_lines(run / store.LOG)}"
        time.sleep(0.05)
    return view


def kill(run: Run) -> int:
    pid = wait(run, lambda view: view.status.pid).status.pid  # 0 for a moment, which is one's own group
    os.kill(pid, signal.SIGKILL)
    wait(run, lambda view: not view.alive)
    return pid


def test_a_started_run_lives_at_once_and_waits_for_its_turn(root: Path) -> None:
    folder = root / "other"
    folder.mkdir(parents=True)
    held = locks.take(folder / locks.WORKER_LOCK)
    slot = locks.take_turn(folder).share  # the only slot is taken: no worker gets as far as PyTorch
    first, second = started(root), started(root)
    assert store.read(first).alive and store.read(second).alive
    wait(second, lambda view: view.status.message == "Waiting for 1 other run")
    assert wait(first, lambda view: view.status.message).status.message == "Next in the queue"
    seen = wait(first, lambda view: view.status.waited > 0).status.waited
    wishes.request_stop(first.folder)
    ended = wait(first, lambda view: not view.alive)
    assert ended.state == "stopped" and ended.status.waited >= seen
    seen = wait(second, lambda view: view.status.message == "Next in the queue").status.waited
    pid = kill(second)
    assert store.read(second).status.waited >= seen > 0
    message = store.read(second).status.message
    assert store.read(second).state == "interrupted" and f"pid {pid}" in message and "worker.log" in message
    assert held and slot


def test_a_run_cannot_be_started_twice(root: Path) -> None:
    folder = root / "other"
    folder.mkdir(parents=True)
    held, slot = locks.take(folder / locks.WORKER_LOCK), locks.take_turn(folder).share
    run = store.create(SPEC, ENDLESS, "synthetic", root)
    outcomes: list[str] = []

    def press() -> None:
        try:
            launch.start(run)
            outcomes.append("started")
        except RunError as error:
            outcomes.append(str(error))

    tabs = [threading.Thread(target=press) for _ in range(4)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    assert outcomes.count("started") == 1
    assert all("being worked on already" in outcome for outcome in outcomes if outcome != "started")
    with pytest.raises(RunError, match="only a run that is paused"):
        launch.resume(run)
    kill(run)
    assert held and slot


def test_of_two_servers_that_start_a_run_at_once_one_does(root: Path) -> None:
    folder = root / "other"
    folder.mkdir(parents=True)
    held, slot = locks.take(folder / locks.WORKER_LOCK), locks.take_turn(folder).share
    runs = [store.create(SPEC, ENDLESS, "synthetic", root) for _ in range(5)]
    script = (
        "import sys; from pathlib import Path; from mnist_core.runs import launch; "
        "from mnist_core.runs.store import Run, RunError\n"
        "for line in map(str.strip, sys.stdin):\n"
        "    try: launch.start(Run(Path(line)))\n"
        "    except RunError as error: print(error, flush=True)\n"
        "    else: print('started', flush=True)\n"
    )
    command = [sys.executable, "-c", script]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as other:
        for run in runs:
            for server in (one, other):
                server.stdin.write(f"{run.folder}\n")
            outcomes = sorted((one.stdout.readline(), other.stdout.readline()))
            assert "being worked on already" in outcomes[0] and outcomes[1] == "started\n"
            assert (run / store.LOG).read_text().count("another worker") == 0
            kill(run)
    assert held and slot


def test_a_broken_folder_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be started"):
        launch.start(Run(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_a_worker_that_has_just_ended_is_given_the_time_to_go(tmp_path: Path) -> None:
    run = store.create(SPEC, QUICK, "synthetic", tmp_path)
    lock = locks.take(run / locks.WORKER_LOCK)
    assert lock
    with pytest.raises(RunError, match="being worked on already"), launch.claim(run):
        pass
    store.write_status(run, replace(store.read(run).status, state="paused"))
    with ThreadPoolExecutor() as pool:
        claimed = pool.submit(launch.claim(run).__enter__)
        time.sleep(0.3)
        assert not claimed.done()
        lock.release()
        assert claimed.result() is None


@pytest.mark.slow
def test_kill_9_and_resume_end_as_if_nothing_had_happened(root: Path) -> None:
    recipe = QUICK.changed(epochs=60)
    whole = started(root, recipe)
    wait(whole, lambda view: view.state == "done")
    run = started(root, recipe)
    for epochs in (1, 5):
        wait(run, lambda view, epochs=epochs: len(view.epochs) >= epochs)
        pid = kill(run)
        view = store.read(run)
        assert view.state == "interrupted"
        said = f"the worker (pid {pid}) ended without finishing; last line of worker.log: “"
        assert said in view.status.message
        assert "Resume goes on in epoch" in view.status.message
        before = (run / store.METRICS).read_bytes()
        before = before[: before.rfind(b"\n") + 1]
        launch.resume(run)
        wait(run, lambda view: view.state == "training")
        assert (run / store.METRICS).read_bytes().startswith(before)
    view = wait(run, lambda view: not view.alive)
    assert view.state == "done"

    def epochs_of(run: Run) -> list[dict[str, Any]]:
        return [{key: line[key] for key in line if key != "seconds"} for line in store.read(run).epochs]

    assert epochs_of(run) == epochs_of(whole)
    one, two = (checkpoint.load(each / store.CHECKPOINT).tensors for each in (run, whole))
    assert all(torch.equal(one[name], two[name]) for name in one)
    with pytest.raises(RunError, match="is done"):
        launch.start(run)


@pytest.mark.slow
def test_two_runs_share_one_slot_in_order(root: Path) -> None:
    first, second = started(root), started(root)
    wait(first, lambda view: view.epochs)
    assert store.read(second).state == "queued"
    os.kill(store.read(first).status.pid, signal.SIGTERM)
    assert wait(first, lambda view: not view.alive).state == "stopped"
    wait(second, lambda view: view.state == "training")
    wishes.request_pause(second.folder)
    assert wait(second, lambda view: not view.alive).state == "paused"


@pytest.mark.slow
def test_a_run_outlives_the_server_that_started_it(root: Path) -> None:
    run = store.create(SPEC, ENDLESS, "synthetic", root)
    script = (
        "import sys, time; from pathlib import Path; from mnist_core.runs import launch; "
        "from mnist_core.runs.store import Run; launch.start(Run(Path(sys.argv[1]))); "
        "print('up', flush=True); time.sleep(60)"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", script, str(run.folder)], stdout=subprocess.PIPE, start_new_session=True
    )
    assert server.stdout and server.stdout.readline() == b"up\n"
    os.killpg(server.pid, signal.SIGKILL)  # the server and all of its process group
    server.wait()
    lines = len(wait(run, lambda view: view.epochs).epochs)
    wait(run, lambda view: len(view.epochs) > lines)
    wishes.request_stop(run.folder)
    assert wait(run, lambda view: not view.alive).state == "stopped"
    assert json.loads((run / store.STATUS).read_text())["state"] == "stopped"


@pytest.mark.slow
def test_one_worker_for_several_runs_is_killed_and_each_is_resumed(root: Path) -> None:
    runs = [store.create(SPEC, QUICK.changed(epochs=60, seed=seed), "synthetic", root) for seed in (1, 2)]
    launch.start_together(runs)
    views = [wait(run, lambda view: view.status.saved_epoch > 1) for run in runs]
    assert views[0].status.pid == views[1].status.pid
    with pytest.raises(RunError, match="being worked on already"):
        launch.start_together([runs[1]])
    kill(runs[0])
    assert [store.read(run).state for run in runs] == ["interrupted", "interrupted"]
    for run in runs:
        launch.resume(run)
    views = [wait(run, lambda view: view.state == "done") for run in runs]
    assert all([line["epoch"] for line in view.epochs] == list(range(1, 61)) for view in views)
