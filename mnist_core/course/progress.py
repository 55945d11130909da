"""One seed of an experiment while it is trained, and the file that it can be continued from."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize

from mnist_core.architecture.analysis import analyze
from mnist_core.course.experiments import Experiment
from mnist_core.course.results import Result, fingerprint
from mnist_core.runs import words
from mnist_core.runs.checkpoint import Checkpoint
from mnist_core.runs.figures import figures_of
from mnist_core.runs.files import replace_file
from mnist_core.runs.teacher import bring_teacher
from mnist_core.training import engine
from mnist_core.training.data import Dataset
from mnist_core.training.engine import EpochEvent
from mnist_core.training.recipe import Recipe
from mnist_core.training.state import TrainingError, TrainingState

SAVE_EVERY = 30.0  # seconds
LOOK_EVERY = 2.0  # seconds between two looks at the loss, for which a GPU has to come to rest
_FORMAT = "mnist-lab-reproduction-1"


@dataclass(frozen=True)
class Seed:
    """One training that is wanted: an experiment with the recipe that this seed and machine give it."""

    experiment: Experiment
    recipe: Recipe
    data: str

    @property
    def key(self) -> str:
        return fingerprint(self.experiment.spec, self.recipe, self.data)

    @property
    def cost(self) -> int:
        """What it takes, in multiply-accumulates of all epochs for one image."""
        return analyze(self.experiment.spec).macs * self.recipe.epochs

    def __str__(self) -> str:
        return f"{self.experiment.name}, seed {self.recipe.seed}"


class Progress:
    """A seed in training, and the file that it can be continued from.

    A new one has so many `threads`; as sums depend on them, one that goes on has as many as it began with.
    """

    def __init__(self, seed: Seed, path: Path, threads: int) -> None:
        self.seed, self.path = seed, path
        self.epochs: list[dict[str, Any]] = []
        self.processor_seconds = self.seconds = 0.0
        self.threads = threads
        torch.set_num_threads(threads)  # where the seed before this one had another number
        self.state = bring_teacher(self._restored() or TrainingState.new(seed.experiment.spec, seed.recipe))

    def _restored(self) -> TrainingState | None:
        try:
            with safe_open(self.path, framework="pt") as file:
                about = json.loads((file.metadata() or {}).get(_FORMAT, "null"))
                tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        except (FileNotFoundError, SafetensorError, ValueError):
            return None
        if not isinstance(about, dict):
            return None
        try:
            state = TrainingState.from_tensors(self.seed.experiment.spec, self.seed.recipe, tensors)
        except TrainingError:  # of another version of the lab
            return None
        self.epochs, self.threads = about["epochs"], about["threads"]
        self.processor_seconds, self.seconds = about["processor_seconds"], about["seconds"]
        torch.set_num_threads(self.threads)
        return state

    def _save(self) -> None:
        names = ("epochs", "threads", "processor_seconds", "seconds")
        about = json.dumps({name: getattr(self, name) for name in names})
        replace_file(self.path, serialize(self.state.to_tensors(), {_FORMAT: about}))

    def train(self, dataset: Dataset) -> Iterator[EpochEvent | None]:
        """The epochs that are left, one by one; None when others may be given the GPU."""
        saved = clock = time.monotonic()
        events = engine.started(self.state, dataset, interval=LOOK_EVERY)
        while not self.state.finished:
            before = time.process_time()
            event = next(events)
            self.processor_seconds += time.process_time() - before
            now = time.monotonic()
            self.seconds += now - clock
            clock = now
            if isinstance(event, EpochEvent):
                self.epochs.append(event.to_dict())
                yield event
            elif event is None:
                yield None
            if now - saved >= SAVE_EVERY:
                self._save()
                saved = now

    def checkpoint(self, dataset: Dataset) -> Checkpoint:
        """The last epoch's weights, with the same figures as a run's."""
        facts = {
            "params": analyze(self.seed.experiment.spec).params,
            "data": dataset.name,
            "test_images": len(dataset.test_labels),
            "seed": self.seed.recipe.seed,
            "device": self.state.device.type.upper(),
            "threads": self.threads,
            "precision": self.state.precision,
        }
        figures = figures_of(self.epochs, facts)
        return Checkpoint(self.seed.experiment.spec, self.seed.recipe, self.state.model_tensors(), figures)

    def result(self) -> Result:
        """The row of the finished seed."""
        recipe = self.seed.recipe

        def curve(name: str) -> tuple[float, ...]:
            return tuple(epoch[name] for epoch in self.epochs)

        return Result(
            name=self.seed.experiment.name,
            seed=recipe.seed,
            fingerprint=self.seed.key,
            params=analyze(self.seed.experiment.spec).params,
            epochs=recipe.epochs,
            test_accuracy=curve("test_accuracy"),
            test_loss=curve("test_loss"),
            train_accuracy=curve("train_accuracy"),
            train_loss=curve("train_loss"),
            processor_seconds=round(self.processor_seconds, 1),
            seconds=round(self.seconds, 1),
            machine=_machine(self.state.device, self.threads),
            torch=str(torch.__version__),
            date=f"{datetime.now(UTC):%Y-%m-%d}",
            recipe=recipe.model_dump(mode="json", exclude_defaults=True),
        )


def _machine(device: torch.device, threads: int) -> str:
    """ "AMD EPYC, CPU, 1 thread", or the GPU's own name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type != "cpu":
        return device.type.upper()
    return f"{_processor()}, CPU, {words.threads(threads)}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
