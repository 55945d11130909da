"""Several seeds of one design and recipe: mean and standard deviation, as far as they have come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from mnist_core.runs.figures import number
from mnist_core.runs.store import RunView
from mnist_core.training.recipe import Recipe


@dataclass(frozen=True)
class Band:
    """A figure of at least two seeds after one epoch. `deviation` is the sample's (n - 1)."""

    epoch: int
    mean: float
    deviation: float


@dataclass(frozen=True)
class Bands:
    """What at least two seeds have in common, epoch by epoch; accuracies in [0, 1], losses in nats."""

    accuracy: tuple[Band, ...] = ()
    loss: tuple[Band, ...] = ()


@dataclass(frozen=True)
class Summary:
    """What the seeds that were trained alike have reached; `left_out` is the number of the others.

    `accuracies` are the last epoch's of those that are done, in [0, 1].
    """

    seeds: int
    left_out: int
    accuracies: tuple[float, ...]
    bands: Bands

    @property
    def done(self) -> int:
        return len(self.accuracies)

    @property
    def mean(self) -> float | None:
        return mean(self.accuracies) if self.accuracies else None

    @property
    def deviation(self) -> float | None:
        """The sample's standard deviation; None for fewer than two."""
        return stdev(self.accuracies) if self.done > 1 else None


def group_of(view: RunView) -> str:
    """The name that all runs of several seeds have in common; a run alone has one for itself."""
    return view.group or view.run.name


def seed_of(view: RunView) -> int:
    """The seed that it is trained with; 0 where the recipe is broken."""
    return view.recipe.seed if view.recipe else 0


def members_of(group: str, views: Iterable[RunView]) -> list[RunView]:
    """Those of the views that belong to this group, by their seeds."""
    return sorted((view for view in views if group_of(view) == group), key=seed_of)


def alike(views: Iterable[RunView]) -> list[RunView]:
    """Those whose mean says something: one recipe but for the seed, and no rate changed by hand.

    The most that there are of one recipe; of equally many those with the fewest epochs. Needs no metrics.
    """
    parts: dict[Recipe, list[RunView]] = {}
    for view in views:
        if view.recipe and not view.rates and not view.status.figures.get("rate_changes"):
            parts.setdefault(view.recipe.model_copy(update={"seed": 0}), []).append(view)
    most = max(parts, key=lambda recipe: (len(parts[recipe]), -recipe.total_epochs), default=None)
    return parts[most] if most else []


def reached(views: Iterable[RunView]) -> float | None:
    """The mean of what their last epochs reached, in [0, 1]; None before there is one. Needs no metrics.

    All on the same images: on the test set, or on the validation split while one has not seen the test set.
    """
    figures = [view.status.figures for view in views if view.status.figures.get("epochs")]
    for name in ("test_accuracy", "validation_accuracy"):
        found = [value for one in figures if (value := number(one, name)) >= 0]
        if found and len(found) == len(figures):
            return mean(found)
    return None


def summary(members: Sequence[RunView]) -> Summary:
    """Of runs that differ in their seed. Their bands are of the validation split where there is one."""
    views = alike(members)
    done = (view.epochs[-1] for view in views if view.state == "done" and view.epochs)
    accuracies = tuple(value for line in done if (value := number(line, "test_accuracy")) >= 0)
    bands = Bands(_band(views, "accuracy"), _band(views, "loss"))
    return Summary(len(views), len(members) - len(views), accuracies, bands)


def _band(views: Iterable[RunView], figure: str) -> tuple[Band, ...]:
    """Of the figure that epochs are judged by: on the validation split where there is one."""
    by_epoch: dict[int, list[float]] = {}
    for view in views:
        for line in view.epochs:
            judged = (number(line, f"{split}_{figure}") for split in ("validation", "test"))
            value = next((value for value in judged if value >= 0), None)
            if value is not None:
                by_epoch.setdefault(int(number(line, "epoch", 0.0)), []).append(value)
    return tuple(
        Band(epoch, mean(values), stdev(values))
        for epoch, values in sorted(by_epoch.items())
        if len(values) > 1
    )
