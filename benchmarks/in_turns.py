"""The lab's own ways to train, which throughput.py measures: a run's worker, and a bare step.

Each belongs into a process of its own, which trains for as long as a line "NAME SECONDS" on stdin says.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.notebooks import wait
from mnist_core.runs import locks, store
from mnist_core.runs.files import last_lines
from mnist_core.runs.store import Run
from mnist_core.runs.worker import Asked, Worker, work
from mnist_core.training.machine import keep_memory
from mnist_core.training.recipe import RECIPES

BATCH = 128
TRAIN_IMAGES = 60_000

Turn = Callable[[float], Sequence[Any]]
"""What is done for so many seconds; gives (images, seconds) of what was timed, or a figure."""


class InTurns(Worker):
    """A run's worker that trains for as long as a line on stdin says, answers, and waits for the next."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.begin = self.end = self.evaluating = 0.0
        self.before = 0

    def obey(self) -> None:
        """As any worker; it is called after each event, when all files of that have been written."""
        super().obey()
        now = time.perf_counter()
        if self.status.state != "training" or now < self.end:
            return
        if self.end:
            answer([self._images() - self.before, now - self.begin - self.evaluating])
        line = sys.stdin.readline()
        if not line:
            raise Asked("stopped")
        self.before, self.evaluating, self.begin = self._images(), 0.0, time.perf_counter()
        self.end = self.begin + float(line.split()[1])

    def _images(self) -> int:
        return (self.status.epoch - 1) * TRAIN_IMAGES + min(self.status.step * BATCH, TRAIN_IMAGES)

    def timed(self, evaluate: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, which adds its time to `evaluating`."""

        def evaluated(*arguments: Any) -> Any:
            start = time.perf_counter()
            found = evaluate(*arguments)
            self.evaluating += time.perf_counter() - start
            return found

        return evaluated


def answer(values: Sequence[Any]) -> None:
    """Tell the process that asked."""
    print(json.dumps(values), flush=True)


def train_in_turns(net: str, device: str, precision: str) -> None:
    """The process of the lab: a run and its worker, until stdin ends."""
    import torch

    from mnist_core.course.records import ALL
    from mnist_core.training import engine

    recipe = RECIPES["task-2"].changed(epochs=10_000, batch_size=BATCH, device=device, precision=precision)
    with tempfile.TemporaryDirectory() as folder:
        run = store.create(ALL[net].spec, recipe, root=Path(folder), threads=torch.get_num_threads())
        with locks.take(run / locks.WORKER_LOCK) or sys.exit("another worker has the run"):
            worker = InTurns(run)
            with patch.object(engine, "evaluate", worker.timed(engine.evaluate)):
                failed = work([worker])
        if failed:
            sys.exit(last_lines(run / store.LOG))


def bare_turns(net: str, device: str) -> dict[str, Turn]:
    """The bare step, the evaluation, the machine's peak, and the precision that a run would choose."""
    import torch
    import torch.nn.functional as F

    from mnist_core.course.records import ALL
    from mnist_core.training.augment import normalized
    from mnist_core.training.data import load
    from mnist_core.training.engine import TrainingState, evaluate
    from mnist_core.training.precision import autocast, choose

    keep_memory()
    data = load("mnist").on(torch.device(device))
    state = TrainingState.new(ALL[net].spec, RECIPES["task-2"].changed(device=device))
    inputs = normalized(data.train_images[:BATCH], data.mean, data.std)
    inputs, labels = inputs.contiguous(memory_format=torch.channels_last), data.train_labels[:BATCH]
    precision, _ = choose(state.model, inputs, labels)

    def bare(seconds: float) -> tuple[int, float]:
        images, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            with autocast(state.device, precision):
                outputs = state.model(inputs)
            loss = F.cross_entropy(outputs.float(), labels)
            state.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            state.optimizer.step()
            images += BATCH
        wait(device)
        return images, time.perf_counter() - start

    def evaluation(_: float) -> tuple[int, float]:
        start = time.perf_counter()
        evaluate(state.average, data.test_images, data.test_labels, data)
        return len(data.test_labels), time.perf_counter() - start

    return {
        "bare": bare,
        "evaluation": evaluation,
        "precision": lambda _: [precision],
        "peak": lambda _: [peak_gflops(precision, device)],
    }


def peak_gflops(precision: str, device: str) -> float:
    """The fastest matrix product of this device in this precision, in 10⁹ operations a second."""
    import torch

    best = 0.0
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    for size in (512, 1024, 2048) if device == "cpu" else (4096, 8192):
        a = torch.randn(size, size, dtype=kind, device=device)
        for _ in range(6):
            wait(device)
            start = time.perf_counter()
            a @ a
            wait(device)
            best = max(best, 2 * size**3 / (time.perf_counter() - start) / 1e9)
    return best
