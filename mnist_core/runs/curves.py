"""A run's metric lines as curves: the points a chart draws, few enough to redraw every second."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from mnist_core.runs.figures import number
from mnist_core.runs.store import RunView

MAX_POINTS = 300  # more cannot be told apart on a screen
MAX_LINES = 10_000  # of steps, 40 minutes: a look at a night's run costs no more than one at these
SMOOTHING = 0.8  # weight of the past in the smoothed step loss

Point = tuple[float, float]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Curves:
    """Points (x, y) with x in epochs: 1.5 is the middle of the second epoch. Accuracies in [0, 1]."""

    step_loss: tuple[Point, ...]
    smoothed_loss: tuple[Point, ...]
    train_loss: tuple[Point, ...]
    test_loss: tuple[Point, ...]
    train_accuracy: tuple[Point, ...]
    test_accuracy: tuple[Point, ...]
    validation_loss: tuple[Point, ...]
    validation_accuracy: tuple[Point, ...]


def curves_of(view: RunView) -> Curves:
    """The curves of a run; lines without a number (a loss that was NaN) leave a gap."""
    lines = thinned(view.steps, MAX_LINES)
    steps = _points((_place(line), number(line, "loss")) for line in lines)
    return Curves(
        step_loss=thinned(steps),
        smoothed_loss=thinned(smoothed(steps)),
        **{
            name: thinned(_points((number(line, "epoch"), number(line, name)) for line in view.epochs))
            for name in (
                "train_loss",
                "test_loss",
                "train_accuracy",
                "test_accuracy",
                "validation_loss",
                "validation_accuracy",
            )
        },
    )


def _place(line: dict[str, Any]) -> float:
    """Where a step line lies, in epochs: step 469 of 469 of epoch 1 lies at 1."""
    return number(line, "epoch") - 1 + number(line, "step") / max(1.0, number(line, "steps_per_epoch"))


def _points(pairs: Iterable[Point]) -> tuple[Point, ...]:
    return tuple((x, y) for x, y in pairs if abs(x) < 1e9 and abs(y) < 1e30)


def smoothed(points: Sequence[Point], past: float = SMOOTHING) -> tuple[Point, ...]:
    """Exponential moving average of y. The weights of what has been seen sum to 1, so it starts unbiased."""
    total, weight, result = 0.0, 0.0, []
    for x, y in points:
        total = past * total + (1 - past) * y
        weight = past * weight + (1 - past)
        result.append((x, total / weight))
    return tuple(result)


def thinned(points: Sequence[Item], most: int = MAX_POINTS) -> tuple[Item, ...]:
    """At most `most` of them, evenly picked; first and last stay."""
    if len(points) <= most:
        return tuple(points)
    return tuple(points[round(index * (len(points) - 1) / (most - 1))] for index in range(most))
