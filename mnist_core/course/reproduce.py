"""Train the published experiments as published, and our records: one row for every seed that is finished.

All that a seed is while it is trained lies in one file of its own in the work folder, replaced as a whole now
and then, so that a `kill -9` costs less than a minute. Several processes may work side by side: each holds
the locks of the seeds that it trains, on a GPU many at once. A seed whose row is there is not trained again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from filelock import FileLock

from mnist_core.course.experiments import EXPERIMENTS, LARGE, Experiment
from mnist_core.course.progress import Progress, Seed
from mnist_core.course.results import RESULTS, Result, read_results, recipe_of
from mnist_core.runs import checkpoint, locks, words
from mnist_core.runs.checkpoint import SUFFIX
from mnist_core.runs.files import drop_torn_line, to_line
from mnist_core.training import data
from mnist_core.training.data import Dataset
from mnist_core.training.recipe import Recipe
from mnist_core.training.state import TrainingError, choose_device
from mnist_core.training.streams import side_by_side

LARGE_EPOCHS = 3  # about half an hour on one core

Say = Callable[[str], None]


def plan(
    experiments: Iterable[Experiment], seeds: int | None = None, device: str = "cpu", name: str = "mnist"
) -> list[Seed]:
    """All seeds in the order in which they are trained: first seed 1 of all, the cheapest first, then 2 …"""
    wanted = [
        Seed(experiment, _recipe(experiment, seed, device), name)
        for experiment in experiments
        for seed in range(1, 1 + (seeds or experiment.seeds))
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
    trainings side by side, where there is a GPU. Raises DataError, OSError and, after all others have been
    trained, TrainingError for those that cannot be.
    """
    torch.set_num_threads(threads)
    work = work or work_folder()
    for folder in (work, out.parent):
        folder.mkdir(parents=True, exist_ok=True)
    device = choose_device("auto")
    wanted = plan(experiments, seeds, device.type, name)
    rows = _Rows(out, work / "rows.lock")
    if not rows.missing(wanted):
        say(f"Nothing to train: all {len(wanted)} seeds have their rows in {out}.")
        return 0
    dataset = data.load(name)
    if device.type == "cuda":
        dataset = dataset.on(device)  # once for all
    reproduction = _Reproduction(rows, work, dataset, threads)
    advanced = True
    while advanced:  # again, as a seed may have waited for its twin
        advanced = False
        trainings = reproduction.trainings(wanted)
        for line in side_by_side(trainings, jobs if device.type == "cuda" else 1):
            say(line)
            advanced = True
    if reproduction.failed:
        raise TrainingError("\n".join(reproduction.failed.values()))
    return len(rows.missing(wanted))


@dataclass(frozen=True)
class _Rows:
    """The file of rows, which grows under a lock."""

    path: Path
    lock: Path

    def missing(self, wanted: Sequence[Seed]) -> list[Seed]:
        """Those of the seeds that have no row yet."""
        done = {(result.name, result.fingerprint) for result in read_results(self.path)}
        return [seed for seed in wanted if (seed.experiment.name, seed.key) not in done]

    def copied(self, seed: Seed) -> Result | None:
        """The row of an experiment with the same layers and recipe, now as one of this seed's, too."""
        twin = next((result for result in read_results(self.path) if result.fingerprint == seed.key), None)
        if twin is not None:
            self.append(replace(twin, name=seed.experiment.name, same_as=twin.same_as or twin.name))
        return twin

    def append(self, result: Result) -> None:
        """Add one whole line; what a crash has torn is cut off first."""
        with FileLock(self.lock):
            drop_torn_line(self.path)
            with self.path.open("ab", buffering=0) as file:
                file.write(to_line(result.to_dict()))
                os.fsync(file.fileno())


@dataclass(frozen=True)
class _Reproduction:
    """What all its trainings share; `failed` says of those that cannot be trained why, by key."""

    rows: _Rows
    work: Path
    dataset: Dataset
    threads: int
    failed: dict[str, str] = field(default_factory=dict)

    def trainings(self, wanted: Sequence[Seed]) -> Iterator[Iterator[str | None]]:
        """Trainings of seeds that nobody else has in hand, until none is left; they say how it goes."""
        while True:
            for seed in self.rows.missing(wanted):
                lock = None if seed.key in self.failed else locks.take(self.work / f"{seed.key}.lock")
                if lock is not None:
                    yield self._training(seed, lock)
                    break
            else:
                return

    def _training(self, seed: Seed, lock: FileLock) -> Iterator[str | None]:
        try:
            if not self.rows.missing([seed]):  # somebody has just finished it
                return
            twin = self.rows.copied(seed)
            if twin is None:
                yield from self._finish(seed)
            else:
                yield f"{seed}: the same training as {twin.name}, {words.percent(twin.last)}"
        except TrainingError as error:
            self.failed[seed.key] = f"{seed}: {error}"
            yield self.failed[seed.key]
        finally:
            lock.release()

    def _finish(self, seed: Seed) -> Iterator[str | None]:
        """Train the seed to its end, from its saved state if there is one, and write its row."""
        path = self.work / f"{seed.key}.safetensors"
        progress = Progress(seed, path, self.threads)
        yield f"{seed}: from epoch {progress.state.epoch + 1} of {seed.recipe.epochs}"
        for event in progress.train(self.dataset):
            if event is None:
                yield None
                continue
            test, train = words.percent(event.test_accuracy), words.percent(event.train_accuracy)
            used = words.duration(progress.processor_seconds)
            yield f"{seed}: epoch {event.epoch}, test {test}, train {train}, {used} of processor time"
        if seed.experiment.params < LARGE:
            kept = kept_checkpoint(self.work, seed.experiment.name, seed.recipe.seed)
            kept.parent.mkdir(exist_ok=True)
            checkpoint.save(kept, progress.checkpoint(self.dataset))
        self.rows.append(progress.result())
        path.unlink(missing_ok=True)
