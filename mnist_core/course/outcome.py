"""What the seeds of an experiment say together, and against what was published. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from statistics import mean, stdev

from mnist_core.course.experiments import Experiment
from mnist_core.course.results import Result, fingerprint, recipe_of

DEVIATIONS = 2.0  # standard deviations over seeds beyond which a difference counts
ENOUGH = 3  # seeds from which on their standard deviation means something
FEW_SEEDS = 0.002  # what counts with fewer: twice the standard error of 10,000 images at 99 %
MOST = 0.005  # what counts however far the seeds lie apart: a wide spread must not excuse everything
LAST = 5  # epochs at the end whose mean tells a difference that lasts from the chance of the very last
COLLAPSE = 0.05  # below the best of its seeds: such a seed has not learned some digit at all
USUAL = 0.1  # deviation over seeds as a share of the errors; 0.09 pooled over all nets with several seeds


@dataclass(frozen=True)
class Outcome:
    """The seeds of one experiment with as many epochs as any of them has. Accuracies are fractions.

    `deviation` is the standard deviation over seeds, n - 1 in the denominator; None for a single seed.
    `published` is the published test accuracy after as many epochs, None where nothing was published.
    """

    experiment: Experiment
    results: tuple[Result, ...]

    @property
    def seeds(self) -> int:
        return len(self.results)

    @property
    def epochs(self) -> int:
        return self.results[0].epochs

    @property
    def shortened(self) -> bool:
        """Whether there are fewer epochs than the recipe has."""
        return self.epochs < self.experiment.recipe.epochs

    @property
    def mean(self) -> float:
        """Mean test accuracy of the last epoch's weights."""
        return mean(result.last for result in self.results)

    @property
    def deviation(self) -> float | None:
        return stdev(r.last for r in self.results) if self.seeds > 1 else None

    @property
    def collapsed(self) -> tuple[Result, ...]:
        """The seeds that end farther than `COLLAPSE` below the best of them."""
        best = max(result.last for result in self.results)
        return tuple(result for result in self.results if result.last < best - COLLAPSE)

    @property
    def sound(self) -> Outcome:
        """The outcome without the seeds that collapsed."""
        return Outcome(self.experiment, tuple(r for r in self.results if r not in self.collapsed))

    @property
    def best(self) -> float:
        """Mean over the seeds of their best epochs' test accuracy."""
        return mean(result.best for result in self.results)

    @property
    def train(self) -> float:
        """Mean train accuracy of the last epoch."""
        return mean(result.train_accuracy[-1] for result in self.results)

    @property
    def published(self) -> float | None:
        curve = self.experiment.published.get("test_accuracy", [])
        return float(curve[self.epochs - 1]) if len(curve) >= self.epochs else None

    @property
    def difference(self) -> float | None:
        """Ours minus the published, as fractions."""
        return None if self.published is None else self.mean - self.published

    @property
    def allowed(self) -> float:
        """How large a difference may be before it counts."""
        return tolerance([result.last for result in self.results])

    @property
    def differs(self) -> bool:
        """Whether ours lies farther from the published than chance explains, on either side."""
        return self.difference is not None and abs(self.difference) > self.allowed + 1e-9

    @property
    def late(self) -> list[float]:
        """Mean test accuracy of the last epochs, one a seed."""
        return [mean(result.test_accuracy[-LAST:]) for result in self.results]

    @property
    def published_late(self) -> float | None:
        """The same of the published run."""
        curve = self.experiment.published.get("test_accuracy", [])
        return None if self.published is None else mean(curve[: self.epochs][-LAST:])

    @property
    def steady(self) -> bool:
        """Whether ours differs, and does so in the mean of the last epochs, too, on the same side."""
        if self.difference is None or self.published_late is None or not self.differs:
            return False
        late = mean(self.late) - self.published_late
        return abs(late) > tolerance(self.late) and (late > 0) == (self.difference > 0)

    @property
    def reached(self) -> bool | None:
        """Whether ours is at least the published minus what is allowed; None where nothing was published."""
        return None if self.difference is None else self.difference >= -self.allowed - 1e-9


def tolerance(seeds: Sequence[float]) -> float:
    """How far the mean of these accuracies, one a seed, may lie from a published one before it counts."""
    wide = DEVIATIONS * stdev(seeds) if len(seeds) > 1 else 0.0
    return min(wide if len(seeds) >= ENOUGH else max(wide, FEW_SEEDS), MOST)


def within_chance(before: Sequence[float], now: Sequence[float]) -> bool:
    """Whether two means of accuracies, one a seed, differ by less than chance makes them differ."""
    return abs(mean(now) - mean(before)) <= DEVIATIONS * hypot(_error(before), _error(now))


def _error(seeds: Sequence[float]) -> float:
    """The standard error of the mean.

    A few seeds often happen to lie close together, so their deviation is taken to be at least the usual one.
    That rests on many seeds, so that two standard errors are enough and no table of t is needed.
    """
    own = stdev(seeds) if len(seeds) > 1 else 0.0
    return max(own, USUAL * (1 - mean(seeds))) / sqrt(len(seeds))


def outcome_of(experiment: Experiment, results: Iterable[Result]) -> Outcome | None:
    """The experiment's outcome; rows of other layers or another recipe do not count. None without rows."""
    own = {r.fingerprint: r for r in results if r.name == experiment.name and _fits(experiment, r)}
    most = max((result.epochs for result in own.values()), default=0)
    chosen = sorted((r for r in own.values() if r.epochs == most), key=lambda result: result.seed)
    return Outcome(experiment, tuple(chosen)) if chosen else None


def _fits(experiment: Experiment, result: Result) -> bool:
    recipe = recipe_of(experiment, result.seed, result.epochs)
    return fingerprint(experiment.spec, recipe, "mnist") == result.fingerprint
