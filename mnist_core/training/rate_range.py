"""The learning-rate range test (Smith 2017, arXiv 1506.01186, section 3.3).

An untrained model takes steps at a rate that grows from one to the next. The loss first stays, then falls,
then explodes; a good rate lies where it falls, well before its lowest point.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mnist_core.training.data import Dataset
from mnist_core.training.randomness import ORDER, seed_of
from mnist_core.training.schedule import Rate
from mnist_core.training.splits import split
from mnist_core.training.state import TrainingState, single_values_refused
from mnist_core.training.step import Step

LOW, HIGH, STEPS = 1e-5, 10.0, 120
SMOOTHING = 0.9  # weight of the past in the smoothed loss
EXPLODED = 3.0  # times the lowest smoothed loss: from there on it only gets worse
MARGIN = 10.0  # the proposal lies this factor below the rate of the lowest loss


@dataclass(frozen=True)
class Point:
    """One step: the rate it was taken at, the loss of its batch before it (nats), and that smoothed."""

    rate: float
    loss: float
    smoothed: float


def rate_range(
    state: TrainingState, data: Dataset, low: float = LOW, high: float = HIGH, steps: int = STEPS
) -> Iterator[Point]:
    """Train this fresh state for at most `steps` steps, at rates from `low` to `high` in equal factors.

    All of the recipe but its schedule holds. Ends early when the loss explodes. Raises TrainingError.
    """
    recipe = state.recipe
    splits = split(data, recipe, state.device)
    order = splits.order(seed_of(recipe.seed, ORDER, 0)).repeat(
        1 + steps * recipe.batch_size // splits.images_per_epoch
    )
    take = Step(state, splits)
    total = weight = 0.0
    best = math.inf
    for step in range(steps):
        rate = low * (high / low) ** (step / max(1, steps - 1))
        with single_values_refused():
            loss = float(take(order, step, step, Rate(rate, recipe.momentum)))
        if not math.isfinite(loss):
            return
        total, weight = SMOOTHING * total + (1 - SMOOTHING) * loss, SMOOTHING * weight + (1 - SMOOTHING)
        smoothed = total / weight
        best = min(best, smoothed)
        yield Point(rate, loss, smoothed)
        if smoothed > EXPLODED * best:
            return


def proposal(points: Sequence[Point]) -> float | None:
    """A tenth of the rate at which the smoothed loss is lowest, to one digit; None where it never fell."""
    if not points:
        return None
    lowest = min(points, key=lambda point: point.smoothed)
    if lowest.smoothed > 0.9 * points[0].smoothed:
        return None
    return float(f"{lowest.rate / MARGIN:.0e}")
