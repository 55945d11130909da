"""A run that is killed again and again: kill -9 at random moments, resume, and nothing may be lost.

    python benchmarks/kills.py [--json] [--kills N] [--seed N]

A small net learns synthetic digits. A process that stands for the server (it resumes the run and looks at it
like the page) and the worker are started; after a random time, counted from the start or from the first step
of training in turns, the worker, the server or both get SIGKILL, each of the three once in every three kills,
in random order. It goes on until a killed worker has been resumed N times; a server that is killed alone is
no resume, as the worker trains on. At each kill every line that stood in metrics.jsonl at the one before must
still be there, at its place, when a state had been saved by then (before that a run begins anew). After the
last one the run goes on for a while and is stopped. Then the same training is done once without a break, and
weights, averaged weights, optimizer and all lines must be equal bit for bit.

Fields: machine, resumes (of a killed worker: of_worker + of_both), of_worker (alone), of_both, of_server
(alone), lost_lines, torn_lines (last lines that a kill cut, repaired), epochs, equal (bool), seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import machine  # noqa: E402
from mnist_core.architecture.text import from_text  # noqa: E402
from mnist_core.runs import locks, store, wishes  # noqa: E402
from mnist_core.runs.files import last_lines  # noqa: E402
from mnist_core.runs.store import Run  # noqa: E402
from mnist_core.training.machine import wait_politely  # noqa: E402
from mnist_core.training.recipe import Recipe  # noqa: E402

SPEC = from_text("conv6k5s2-b bn relu drop0.1 flat fc10", "killed")
RECIPE = Recipe.from_dict(
    {
        "epochs": 10_000,
        "batch_size": 100,
        "optimizer": "adamw",
        "learning_rate": 0.001,
        "ema_decay": 0.99,
        "device": "cpu",
        "precision": "float32",
        "augmentation": {"rotation": 10, "translation": 0.1},
    }
)
VICTIMS = ("of_worker", "of_server", "of_both")
REMARKS = {
    "of_worker": " (the worker alone)",
    "of_server": " (the server alone: no resume, the worker trains on)",
    "of_both": " (worker and server)",
}
LONGEST = 4.0  # seconds before a kill
SERVER = """
import sys, time
from pathlib import Path
from mnist_core.runs import launch, store
run = store.Run(Path(sys.argv[1]))
try:
    launch.start(run)
except store.RunError:  # the worker has outlived its server: it is only watched
    pass
while True:
    store.read(run)
    time.sleep(0.2)
"""


def start(run: Run) -> subprocess.Popen[bytes]:
    """The process that resumes the run, as the server does."""
    return subprocess.Popen([sys.executable, "-c", SERVER, str(run.folder)], cwd=ROOT)


def end(server: subprocess.Popen[bytes]) -> None:
    """Kill -9, and wait until it is dead."""
    server.kill()
    server.wait()


def end_worker(run: Run) -> bool:
    """Kill -9 the worker and wait until it is dead; False where none lives."""
    if not locks.is_held(run / locks.WORKER_LOCK):
        return False
    pid = store.read(run, metrics=False).status.pid
    if pid == 0:  # just started, and its pid not yet written; to the system 0 is one's own process group
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:  # that of the worker before
        return False
    while locks.is_held(run / locks.WORKER_LOCK):
        time.sleep(0.01)
    return True


def torment(run: Run, kills: int, chance: random.Random) -> dict[str, int]:
    """Kill until the worker was killed and resumed so often, then let it come to an end.

    Counts what was killed and what was lost.
    """
    counts = dict.fromkeys(("resumes", *VICTIMS, "lost_lines", "torn_lines"), 0)
    server, seen, due = start(run), b"", list[str]()
    while counts["resumes"] < kills or due:
        due = due or chance.sample(VICTIMS, len(VICTIMS))
        if sum(counts[victim] for victim in VICTIMS) % 2:
            wait_for_training(run)
        time.sleep(chance.uniform(0, LONGEST))
        victim = due.pop()
        if victim != "of_worker":
            end(server)
        worker_died = victim != "of_server" and end_worker(run)
        if worker_died or victim == "of_server":
            counts[victim] += 1
        else:  # its worker had only just been started: it is due again
            due.append(victim)
        there = read_bytes(run)
        counts["torn_lines"] += not there.endswith(b"\n") and bool(there)
        counts["lost_lines"] += seen.count(b"\n") * (not there.startswith(seen))
        if (run / store.STATE).exists():
            seen = there[: there.rfind(b"\n") + 1]
        end(server)
        server = start(run)
        wait_for_life(run)
        counts["resumes"] += worker_died
    end(server)
    finish(run)
    counts["lost_lines"] += seen.count(b"\n") * (not read_bytes(run).startswith(seen))
    return counts


def read_bytes(run: Run) -> bytes:
    """metrics.jsonl as it is; empty when it is not there yet."""
    try:
        return (run / store.METRICS).read_bytes()
    except OSError:
        return b""


def wait_for_life(run: Run) -> None:
    """Until the worker holds its lock."""
    deadline = time.monotonic() + 60
    while not locks.is_held(run / locks.WORKER_LOCK):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the run was not resumed: {last_lines(run / store.LOG)}")
        time.sleep(0.02)


def wait_for_training(run: Run) -> None:
    """Until it trains, if it lives."""
    while (view := store.read(run, metrics=False)).alive and view.state != "training":
        time.sleep(0.05)


def finish(run: Run) -> None:
    """Let it train for a while more, then stop it."""
    server = None if store.read(run).alive else start(run)
    lines = len(store.read(run).steps)
    while len(store.read(run).steps) < lines + 8:
        time.sleep(0.1)
    wishes.request_stop(run.folder)
    while store.read(run).alive:
        time.sleep(0.05)
    if server:
        end(server)


def is_equal_to_unbroken(run: Run) -> bool:
    """Whether the state and all lines are those of one training without a break."""
    import torch
    from safetensors.torch import load_file

    from mnist_core.training.data import load
    from mnist_core.training.engine import EpochEvent, TrainingState, train

    view = store.read(run)
    torch.set_num_threads(view.status.threads)
    saved = load_file(run / store.STATE)
    epochs, step, _ = saved["position"].tolist()
    state = TrainingState.new(SPEC, RECIPE)
    mine: dict[tuple[int, int], Any] = {}
    for event in train(state, load("synthetic"), interval=0):
        at = (event.epoch, 10**9 if isinstance(event, EpochEvent) else event.step)
        mine[at] = event.to_dict()
        if (state.epoch, state.step) == (epochs, step):
            break
    tensors = state.to_tensors()
    same = all(torch.equal(tensors[name], saved[name]) for name in saved if name != "numbers")
    for line in (*view.steps, *view.epochs):
        at = (line["epoch"], line.get("step", 10**9))
        known = mine.get(at, {})
        same &= all(known.get(name) == value for name, value in line.items() if name not in _CLOCKS)
    moments = [(line["epoch"], line["step"]) for line in view.steps]
    told = [line["epoch"] for line in view.epochs]
    return same and moments == sorted(set(moments)) and told == list(range(1, epochs + 1))


_CLOCKS = ("seconds", "images_per_second")


def main() -> None:
    """Kill, compare, print."""
    parser = argparse.ArgumentParser(description="kill -9 at random moments; nothing may be lost.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--kills", type=int, default=100, help="of the worker, alone or with its server")
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    wait_politely()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run = store.create(SPEC, RECIPE, "synthetic", Path(folder))
        result: dict[str, Any] = {"machine": machine()}
        result |= torment(run, wanted.kills, random.Random(wanted.seed))
        result["epochs"] = len(store.read(run).epochs)
        result["equal"] = is_equal_to_unbroken(run)
    result["seconds"] = round(time.monotonic() - began, 1)
    if wanted.json:
        print(json.dumps(result))
    else:
        print(f"{result.pop('machine')}\n{result.pop('resumes')} resumes of a worker that was killed:")
        for name, value in result.items():
            print(f"{name:12} {value}{REMARKS.get(name, '')}")
    sys.exit(0 if result["equal"] and not result["lost_lines"] else 1)


if __name__ == "__main__":
    main()
