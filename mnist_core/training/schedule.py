"""The learning rate as a function of the step: torch's schedules without their hidden state.

A rate that depends on nothing but the recipe and the step needs no saving, and a resumed run has it at once.
Only plateau depends on what happened; `Plateau` is the little that has to be remembered.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from mnist_core.training.recipe import Recipe


@dataclass(frozen=True)
class Rate:
    """What one step is taken with. `momentum` is Adam's first beta when the optimizer is Adam or AdamW."""

    learning_rate: float
    momentum: float


@dataclass(frozen=True)
class Plateau:
    """ReduceLROnPlateau's memory: the factor reached, the best loss, epochs without gain since."""

    factor: float = 1.0
    best: float = math.inf
    bad_epochs: int = 0

    def after(self, loss: float, recipe: Recipe) -> Plateau:
        """The memory after an epoch with this loss (mode min, threshold relative, no cooldown)."""
        if loss < self.best * (1 - recipe.threshold):
            return Plateau(self.factor, loss, 0)
        if self.bad_epochs + 1 > recipe.patience:
            return Plateau(self.factor * recipe.factor, self.best, 0)
        return Plateau(self.factor, self.best, self.bad_epochs + 1)


def rate_at(recipe: Recipe, step: int, steps_per_epoch: int, plateau: Plateau | None = None) -> Rate:
    """The rate of a step; steps are counted from 0 over the whole run.

    Epochs added with `more` keep the momentum of the schedule's last step.
    """
    rate, epoch = recipe.learning_rate, step // steps_per_epoch
    steps = recipe.epochs * steps_per_epoch
    if recipe.more and epoch >= recipe.epochs:
        last = rate_at(recipe, steps - 1, steps_per_epoch, plateau)
        return Rate(_added(recipe, epoch), last.momentum)
    match recipe.schedule:
        case "step":
            rate *= recipe.gamma ** (epoch // recipe.step_size)
        case "multi_step":
            rate *= recipe.gamma ** bisect_right(recipe.milestones, epoch)
        case "cosine":
            rate = _between(rate, recipe.eta_min, step / steps, "cos")
        case "one_cycle":
            return _one_cycle(recipe, step, steps)
        case "plateau":
            rate *= (plateau or Plateau()).factor
    return Rate(rate, recipe.momentum)


def _added(recipe: Recipe, epoch: int) -> float:
    """The rate of an epoch (from 0) after the schedule's last; beyond all of them that of the last one."""
    ends = list(accumulate((more.epochs for more in recipe.more), initial=recipe.epochs))[1:]
    return recipe.more[min(bisect_right(ends, epoch), len(ends) - 1)].learning_rate


def _between(start: float, end: float, part: float, form: str) -> float:
    if form == "cos":
        return end + (start - end) / 2 * (1 + math.cos(math.pi * part))
    return start + (end - start) * part


def _one_cycle(recipe: Recipe, step: int, steps: int) -> Rate:
    """OneCycleLR: up to the peak and down to nearly nothing, momentum the other way round."""
    peak, low = recipe.learning_rate, recipe.learning_rate / recipe.div_factor
    last = low / recipe.final_div_factor
    rise = recipe.pct_start * steps - 1
    base, top = recipe.base_momentum, recipe.max_momentum
    phases = [(rise, low, peak, top, base), (steps - 1, peak, last, base, top)]
    if recipe.three_phase:
        fall = 2 * recipe.pct_start * steps - 2
        phases[1:] = [(fall, peak, low, base, top), (steps - 1, low, last, top, top)]
    begin = 0.0
    for end, from_rate, to_rate, from_momentum, to_momentum in phases:
        if step <= end or end == steps - 1:
            part = min(1.0, (step - begin) / (end - begin)) if end > begin else 1.0
            form = recipe.anneal_strategy
            momentum = _between(from_momentum, to_momentum, part, form)
            return Rate(
                _between(from_rate, to_rate, part, form),
                momentum if recipe.cycle_momentum else recipe.momentum,
            )
        begin = end
    raise AssertionError("the last phase takes every step")
