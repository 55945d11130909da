"""Everything that can be compared: published figures, their reproduction, shipped checkpoints, own runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Literal

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.spec import ModelSpec
from mnist_core.course.experiments import EXPERIMENTS, Experiment
from mnist_core.course.outcome import Outcome
from mnist_core.course.shipped import Shipped
from mnist_core.runs.figures import TARGET_ACCURACY, number
from mnist_core.runs.seeds import alike, group_of, seed_of
from mnist_core.runs.store import RunView
from mnist_core.runs.words import wilson

Kind = Literal["published", "reproduced", "shipped", "yours"]
KINDS: tuple[Kind, ...] = ("published", "reproduced", "shipped", "yours")
TEST_IMAGES = 10_000


@dataclass(frozen=True)
class Entry:
    """One line of the comparison. Accuracies are fractions of the test images.

    `key` is the kind and a name, unique. `accuracy` is the last epoch's, for several seeds their mean with
    its standard `deviation`; `best` the best epoch's (of several seeds the mean). `shortened` tells that
    there were fewer epochs than published. `checkpoint` is the key that Draw has for its checkpoint, if any;
    `run` the name of one's own run, of several seeds the first one's.
    """

    key: str
    kind: Kind
    name: str
    spec: ModelSpec
    params: int
    epochs: int
    accuracy: float
    best: float | None
    seeds: int = 1
    deviation: float | None = None
    shortened: bool = False
    checkpoint: str | None = None
    run: str | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """What 10,000 images allow a single seed's accuracy to be (95 %, Wilson); None for several seeds."""
        return wilson(self.accuracy, TEST_IMAGES) if self.deviation is None else None


def published(experiments: Iterable[Experiment] = EXPERIMENTS.values()) -> list[Entry]:
    """The figures of the documents; experiments that were never published with one are left out."""
    return [
        Entry(
            key=f"published/{experiment.name}",
            kind="published",
            name=experiment.name,
            spec=experiment.spec,
            params=experiment.params,
            epochs=experiment.recipe.epochs,
            accuracy=experiment.published["last_test_accuracy"],
            best=experiment.published["best_test_accuracy"],
        )
        for experiment in experiments
        if experiment.published.get("last_test_accuracy") is not None
    ]


def reproduced(outcomes: Iterable[Outcome], checkpoints: Iterable[Shipped] = ()) -> list[Entry]:
    """What came out when the experiments were trained here; `checkpoints` are those that ship."""
    names = {one.name for one in checkpoints}
    return [
        Entry(
            key=f"reproduced/{outcome.experiment.name}",
            kind="reproduced",
            name=outcome.experiment.name,
            spec=outcome.experiment.spec,
            params=outcome.experiment.params,
            epochs=outcome.epochs,
            accuracy=outcome.mean,
            best=outcome.best,
            seeds=outcome.seeds,
            deviation=outcome.deviation,
            shortened=outcome.shortened,
            checkpoint=f"shipped/{name}" if name in names else None,
        )
        for outcome in outcomes
        for name in [f"{outcome.experiment.name}-as-published"]
    ]


def shipping(checkpoints: Iterable[Shipped], besides: Iterable[Entry] = ()) -> list[Entry]:
    """The checkpoints that ship; what all their seeds reached where it is known, else the one's figure.

    A checkpoint that one of the entries `besides` has is left out: it would be the same net a second time.
    """
    there = {entry.checkpoint for entry in besides}
    return [
        Entry(
            key=f"shipped/{one.name}",
            kind="shipped",
            name=one.name,
            spec=one.spec,
            params=one.params,
            epochs=one.epochs,
            accuracy=accuracy,
            best=one.best if one.mean is None else None,
            seeds=one.seeds or 1,
            deviation=one.std,
            checkpoint=f"shipped/{one.name}",
        )
        for one in checkpoints
        if (accuracy := one.accuracy if one.mean is None else one.mean) is not None
        if f"shipped/{one.name}" not in there
    ]


def own(views: Sequence[RunView]) -> list[Entry]:
    """The finished runs on MNIST. Seeds of one are one entry; what was trained otherwise stands alone."""
    groups: dict[str, list[RunView]] = {}
    for view in views:
        if view.state == "done" and view.data == "mnist" and view.spec and view.recipe and _last(view) >= 0:
            groups.setdefault(group_of(view), []).append(view)
    entries = []
    for members in groups.values():
        same = alike(members)
        entries += [_own(sorted(same, key=seed_of))] if same else []
        entries += [_own([view]) for view in members if view not in same]
    return entries


def _own(members: Sequence[RunView]) -> Entry:
    first = members[0]
    assert first.spec and first.recipe
    accuracies = [_last(view) for view in members]
    best = [number(view.status.figures, "best_accuracy") for view in members if _judged_on_test(view)]
    return Entry(
        key=f"yours/{first.run.name}",
        kind="yours",
        name=first.title,
        spec=first.spec,
        params=analyze(first.spec).params,
        epochs=first.recipe.total_epochs,
        accuracy=mean(accuracies),
        best=mean(best) if len(best) == len(members) else None,
        seeds=len(members),
        deviation=stdev(accuracies) if len(members) > 1 else None,
        checkpoint=f"runs/{first.run.name}" if first.checkpoint else None,
        run=first.run.name,
    )


def _last(view: RunView) -> float:
    return number(view.status.figures, "test_accuracy")


def _judged_on_test(view: RunView) -> bool:
    return view.status.figures.get("judged_on") == "test"


# -- the answers --


def best_under(entries: Iterable[Entry], limit: int) -> Entry | None:
    """The most accurate with fewer params than `limit`; of equals the smallest."""
    fitting = [entry for entry in entries if entry.params < limit]
    return max(fitting, key=lambda entry: (entry.accuracy, -entry.params), default=None)


def smallest_at_target(entries: Iterable[Entry]) -> Entry | None:
    """The one with the fewest params at 99.40 % or more in its last epoch; of equals the most accurate."""
    met = [entry for entry in entries if entry.accuracy >= TARGET_ACCURACY]
    return min(met, key=lambda entry: (entry.params, -entry.accuracy), default=None)
