"""Train the published experiments as published, and our records: one row for every seed that is finished.

All that a seed is while it is trained lies in one file of its own in the work folder, replaced as a whole now
and then, so that a `kill -9` costs less than a minute. Several processes may work side by side: each holds
the locks of the seeds that it trains, on a GPU many at once. A seed whose row is there is not trained again.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize

from mnist_core.architecture.analysis import analyze
from mnist_core.course.experiments import EXPERIMENTS, Experiment
from mnist_core.course.records import Record
from mnist_core.course.results import RESULTS, Result, fingerprint, read_results, recipe_of
from mnist_core.runs import checkpoint, locks, words
from mnist_core.runs.checkpoint import SUFFIX, Checkpoint
from mnist_core.runs.figures import figures_of
from mnist_core.runs.files import drop_torn_line, replace_file, to_line
from mnist_core.training import data, engine
from mnist_core.training.data import Dataset
from mnist_core.training.engine import EpochEvent
from mnist_core.training.recipe import Recipe
from mnist_core.training.state import TrainingState, choose_device
from mnist_core.training.streams import side_by_side

FINAL = (
    "ten-steps-10-one-cycle",
    "task-2",
    "twelve-k-final",
    "session-5-step-5",
    "drill-down-7-learning-rate",
)
FINAL_SEEDS, EXACT_SEEDS = 5, 3
LARGE = 1_000_000  # params above which one seed has to do, on a processor with fewer epochs
LARGE_EPOCHS = 3  # about twenty minutes each on one core
SAVE_EVERY = 30.0  # seconds
LOOK_EVERY = 2.0  # seconds between two looks at the loss, for which a GPU has to come to rest
_FORMAT = "mnist-lab-reproduction-1"

Say = Callable[[str], None]


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


def seeds_of(experiment: Experiment) -> int:
    """How many seeds: 5 for a document's final net and for a record, 3 for other published ones, else 1."""
    if experiment.name in FINAL or isinstance(experiment, Record):
        return FINAL_SEEDS
    return EXACT_SEEDS if experiment.exact and experiment.params < LARGE else 1


def plan(
    experiments: Iterable[Experiment], seeds: int | None = None, device: str = "cpu", name: str = "mnist"
) -> list[Seed]:
    """All seeds in the order in which they are trained: first seed 1 of all, the cheapest first, then 2 …"""
    wanted = [
        Seed(experiment, _recipe(experiment, seed, device), name)
        for experiment in experiments
        for seed in range(1, 1 + (seeds or seeds_of(experiment)))
    ]
    return sorted(wanted, key=lambda seed: (seed.recipe.seed, seed.cost))


def _recipe(experiment: Experiment, seed: int, device: str) -> Recipe:
    """The published recipe; a large net has fewer epochs on a processor."""
    short = device == "cpu" and experiment.params >= LARGE
    epochs = min(LARGE_EPOCHS, experiment.recipe.epochs) if short else None
    return recipe_of(experiment, seed, epochs).changed(device=device)


def work_folder() -> Path:
    """Where unfinished seeds and the weights of finished ones lie: `reproduce` in the data folder."""
    return data.data_folder() / "reproduce"


def kept_checkpoint(work: Path, name: str, seed: int) -> Path:
    """Where the work folder keeps the weights of a finished seed; large nets' are not kept."""
    return work / "checkpoints" / f"{name}-{seed}{SUFFIX}"


def reproduce(
    experiments: Sequence[Experiment] = tuple(EXPERIMENTS.values()),
    seeds: int | None = None,
    threads: int = 1,
    name: str = "mnist",
    out: Path = RESULTS,
    work: Path | None = None,
    say: Say = print,
    jobs: int = 1,
) -> int:
    """Train what is missing in `out`; gives how many seeds other processes still have in their hands.

    `seeds` replaces the number that each experiment gets, `threads` are those of PyTorch; `jobs` are the
    trainings side by side, where there is a GPU. Raises DataError, TrainingError and OSError.
    """
    torch.set_num_threads(threads)
    work = work or work_folder()
    work.mkdir(parents=True, exist_ok=True)
    device = choose_device("auto")
    wanted = plan(experiments, seeds, device.type, name)
    if not _missing(wanted, out):
        return 0
    dataset = data.load(name)

    if device.type == "cuda":
        dataset = dataset.on(device)  # once for all
    advanced = True
    while advanced:  # again, as a seed may have waited for its twin
        advanced = False
        trainings = _trainings(wanted, dataset, work, out)
        for line in side_by_side(trainings, jobs if device.type == "cuda" else 1):
            say(line)
            advanced = True
    return len(_missing(wanted, out))


def _trainings(
    wanted: Sequence[Seed], dataset: Dataset, work: Path, out: Path
) -> Iterator[Iterator[str | None]]:
    """Trainings of seeds that nobody else has in hand, until none is left; they say how it goes."""
    while True:
        for seed in _missing(wanted, out):
            lock = locks.take(work / f"{seed.key}.lock")
            if lock is not None:
                yield _training(seed, lock, dataset, work, out)
                break
        else:
            return


def _training(seed: Seed, lock: FileLock, dataset: Dataset, work: Path, out: Path) -> Iterator[str | None]:
    try:
        if not _missing([seed], out):  # somebody has just finished it
            return
        twin = _copy(seed, work, out)
        if twin is None:
            yield from _finish(seed, dataset, work, out)
        else:
            yield f"{seed}: the same training as {twin.name}, {words.percent(twin.last)}"
    finally:
        lock.release()


def _missing(wanted: Sequence[Seed], out: Path) -> list[Seed]:
    done = {(result.name, result.fingerprint) for result in read_results(out)}
    return [seed for seed in wanted if (seed.experiment.name, seed.key) not in done]


def _copy(seed: Seed, work: Path, out: Path) -> Result | None:
    """If another experiment has the same layers and recipe, its row, which now stands for this one, too."""
    twin = next((result for result in read_results(out) if result.fingerprint == seed.key), None)
    if twin is not None:
        _append(replace(twin, name=seed.experiment.name, same_as=twin.same_as or twin.name), work, out)
    return twin


def _finish(seed: Seed, dataset: Dataset, work: Path, out: Path) -> Iterator[str | None]:
    """Train the seed to its end, from its saved state if there is one, and write its row."""
    path = work / f"{seed.key}.safetensors"
    progress = _Progress(seed, path)
    yield f"{seed}: from epoch {progress.state.epoch + 1} of {seed.recipe.epochs}"
    for event in progress.train(dataset):
        if event is None:
            yield None
            continue
        test, train = words.percent(event.test_accuracy), words.percent(event.train_accuracy)
        used = words.duration(progress.processor_seconds)
        yield f"{seed}: epoch {event.epoch}, test {test}, train {train}, {used} of processor time"
    if seed.experiment.params < LARGE:
        kept = kept_checkpoint(work, seed.experiment.name, seed.recipe.seed)
        kept.parent.mkdir(exist_ok=True)
        checkpoint.save(kept, progress.checkpoint(dataset))
    _append(progress.result(), work, out)
    path.unlink(missing_ok=True)


class _Progress:
    """A seed in training, and the file that it can be continued from.

    Sums depend on how they are split among threads, so a seed goes on with as many as it began with.
    """

    def __init__(self, seed: Seed, path: Path) -> None:
        self.seed, self.path = seed, path
        self.epochs: list[dict[str, Any]] = []
        self.processor_seconds = self.seconds = 0.0
        self.threads = torch.get_num_threads()
        self.state = self._restored() or TrainingState.new(seed.experiment.spec, seed.recipe)

    def _restored(self) -> TrainingState | None:
        try:
            with safe_open(self.path, framework="pt") as file:
                about = json.loads((file.metadata() or {}).get(_FORMAT, "null"))
                tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        except (FileNotFoundError, SafetensorError, ValueError):
            return None
        if not isinstance(about, dict):
            return None
        self.epochs, self.threads = about["epochs"], about["threads"]
        self.processor_seconds, self.seconds = about["processor_seconds"], about["seconds"]
        torch.set_num_threads(self.threads)
        return TrainingState.from_tensors(self.seed.experiment.spec, self.seed.recipe, tensors)

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


def _append(result: Result, work: Path, out: Path) -> None:
    """Add one whole line; what a crash has torn is cut off first."""
    with FileLock(work / "rows.lock"):
        drop_torn_line(out)
        with out.open("ab", buffering=0) as file:
            file.write(to_line(result.to_dict()))
            os.fsync(file.fileno())


def _machine(device: torch.device, threads: int) -> str:
    """ "AMD EPYC, CPU, 1 thread", or the graphics card's own name."""
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
