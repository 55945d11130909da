"""The training loop: a generator of events, without files or prints.

`train` reads and changes a `TrainingState`. To stop, simply stop asking for the next event; to go on
later, save the state and call `train` with it again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from mnist_core.training.augment import normalized
from mnist_core.training.data import Dataset
from mnist_core.training.evaluation import evaluate, logits, predict
from mnist_core.training.graph import Stepper, stepper
from mnist_core.training.machine import keep_memory
from mnist_core.training.precision import choose
from mnist_core.training.randomness import ORDER, seed_of
from mnist_core.training.schedule import Rate, rate_at
from mnist_core.training.splits import Splits, split
from mnist_core.training.state import TrainingError, TrainingState, single_values_refused

__all__ = [
    "EpochEvent", "StepEvent", "TrainingError", "TrainingState", "evaluate", "logits", "predict", "train"
]  # fmt: skip


@dataclass(frozen=True)
class StepEvent:
    """After a step. epoch and step count from 1; `loss` is that of this step's batch, in nats."""

    epoch: int
    step: int
    steps_per_epoch: int
    loss: float
    learning_rate: float
    images_per_second: float

    def to_dict(self) -> dict[str, Any]:
        """A line of the journal."""
        return {"event": "step", **asdict(self)}


@dataclass(frozen=True)
class EpochEvent:
    """After an epoch, counted from 1. Accuracies are fractions, losses nats.

    `train_*` are means over the steps of the epoch, so of augmented images and of weights that changed;
    the others are of the averaged weights where the recipe averages. With a validation split the test set is
    read after the last epoch only, before that `test_*` is None. `seconds` includes the evaluation.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    test_loss: float | None
    test_accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    learning_rate: float
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """A line of the journal."""
        return {"event": "epoch", **asdict(self)}


def train(state: TrainingState, data: Dataset, interval: float = 0.25) -> Iterator[StepEvent | EpochEvent]:
    """Train until the recipe's epochs are done; about every `interval` seconds a StepEvent (0: every step).

    At every yield the state is whole and may be saved. Raises TrainingError when data or loss are unfit.
    """
    return (event for event in started(state, data, interval) if event is not None)


def started(
    state: TrainingState, data: Dataset, interval: float = 0.25
) -> Iterator[StepEvent | EpochEvent | None]:
    """As `train`, but it also yields None after every step that has only been started on the device.

    Whoever has other things to start there may do so then.
    """
    if state.recipe.teacher and state.teacher is None:
        raise TrainingError(f"The recipe's teacher, {state.recipe.teacher}, has not been brought.")
    keep_memory()
    splits = split(data, state.recipe, state.device)
    if not state.precision:
        batch = slice(state.recipe.batch_size)
        inputs = normalized(splits.train_images[batch], data.mean, data.std)
        with single_values_refused():
            state.precision, state.remark = choose(state.model, inputs, splits.train_labels[batch])
    take = stepper(state, splits)
    while not state.finished:
        yield from _steps(state, splits, take, interval)
        yield _end_of_epoch(state, splits)


def _steps(
    state: TrainingState, splits: Splits, take: Stepper, interval: float
) -> Iterator[StepEvent | None]:
    """The steps of the current epoch that are left."""
    size, steps = state.recipe.batch_size, splits.steps_per_epoch
    order = splits.order(seed_of(state.recipe.seed, ORDER, state.epoch))
    clock, seen = time.perf_counter(), 0
    while state.step < steps:
        done = state.epoch * steps + state.step
        rate = _rate(state, done, steps)
        with single_values_refused():
            loss = take(order, state.step, done, rate)
        state.step += 1
        seen += min(size, len(order) - done % steps * size)
        if time.perf_counter() - clock >= interval or state.step == steps:
            value = float(loss)  # the only place where the device is waited for
            _check([value, float(state.sums[0])], state, steps, rate)
            now = time.perf_counter()
            state.seconds += now - clock
            speed = seen / max(now - clock, 1e-9)
            yield StepEvent(state.epoch + 1, state.step, steps, value, rate.learning_rate, speed)
            clock, seen = time.perf_counter(), 0
        else:
            yield None


def _rate(state: TrainingState, step: int, steps_per_epoch: int) -> Rate:
    rate = rate_at(state.recipe, step, steps_per_epoch, state.plateau)
    return Rate(rate.learning_rate * state.learning_rate_scale, rate.momentum)


def _end_of_epoch(state: TrainingState, splits: Splits) -> EpochEvent:
    """Judge the weights, close the epoch."""
    start = time.perf_counter()
    last = state.epoch + 1 == state.recipe.total_epochs
    validation: tuple[float, float] | tuple[None, None] = (None, None)
    test = validation
    if splits.validation_images is not None and splits.validation_labels is not None:
        validation = evaluate(state.average, splits.validation_images, splits.validation_labels, splits.data)
    if splits.validation_images is None or last:
        test = evaluate(state.average, splits.test_images, splits.test_labels, splits.data)
    loss_sum, right = state.sums.tolist()
    train_loss, train_accuracy = loss_sum / splits.images_per_epoch, right / splits.images_per_epoch
    steps = splits.steps_per_epoch
    rate = _rate(state, state.epoch * steps + steps - 1, steps)
    # The last step's change is in no training loss.
    _check([loss for loss, _ in (validation, test) if loss is not None], state, steps, rate)
    seconds = state.seconds + time.perf_counter() - start
    state.close_epoch(train_loss if validation[0] is None else validation[0])
    return EpochEvent(
        epoch=state.epoch,
        train_loss=train_loss,
        train_accuracy=train_accuracy,
        test_loss=test[0],
        test_accuracy=test[1],
        validation_loss=validation[0],
        validation_accuracy=validation[1],
        learning_rate=rate.learning_rate,
        seconds=seconds,
    )


_NORMS = (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm2d)


def _check(losses: list[float], state: TrainingState, steps: int, rate: Rate) -> None:
    """Raises TrainingError, with the word what went wrong, when one of these is not a number."""
    lost = [loss for loss in losses if not math.isfinite(loss)]
    if not lost:
        return
    layers = list(state.model.modules())
    bare = any(isinstance(layer, nn.Conv2d) for layer in layers) and not any(
        isinstance(layer, _NORMS) for layer in layers
    )
    raise TrainingError(
        f"Epoch {state.epoch + 1}, by step {state.step} of {steps}: the loss is {lost[0]:g}, not a number. "
        f"The likely cause is the learning rate, {rate.learning_rate:.3g} with {state.recipe.optimizer}: try "
        f"{rate.learning_rate / 10:.3g}{', or put batch_norm2d after the convolutions' * bare}."
    )
