"""Schedules against torch's own classes."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from mnist_core.training.recipe import Recipe
from mnist_core.training.schedule import Plateau, rate_at

STEPS_PER_EPOCH = 7


def optimizer(recipe: Recipe) -> torch.optim.Optimizer:
    weight = torch.nn.Parameter(torch.zeros(1))
    if recipe.optimizer == "sgd":
        return torch.optim.SGD([weight], recipe.learning_rate, recipe.momentum)
    return torch.optim.AdamW([weight], recipe.learning_rate, (recipe.momentum, 0.999))


def momentum_of(group: dict[str, Any]) -> float:
    return float(group["betas"][0] if "betas" in group else group["momentum"])


def torchs(recipe: Recipe) -> list[tuple[float, float]]:
    """(learning rate, momentum) of every step of the run, as torch's scheduler sets them."""
    used = optimizer(recipe)
    steps = recipe.epochs * STEPS_PER_EPOCH
    per_step = recipe.schedule in ("one_cycle", "cosine")
    scheduler = {
        "none": lambda: lr_scheduler.ConstantLR(used, factor=1.0),
        "step": lambda: lr_scheduler.StepLR(used, recipe.step_size, recipe.gamma),
        "multi_step": lambda: lr_scheduler.MultiStepLR(used, list(recipe.milestones), recipe.gamma),
        "cosine": lambda: lr_scheduler.CosineAnnealingLR(used, steps, recipe.eta_min),
        "one_cycle": lambda: lr_scheduler.OneCycleLR(
            used,
            recipe.learning_rate,
            total_steps=steps,
            pct_start=recipe.pct_start,
            anneal_strategy=recipe.anneal_strategy,
            cycle_momentum=recipe.cycle_momentum,
            base_momentum=recipe.base_momentum,
            max_momentum=recipe.max_momentum,
            div_factor=recipe.div_factor,
            final_div_factor=recipe.final_div_factor,
            three_phase=recipe.three_phase,
        ),
    }[recipe.schedule]()
    rates = []
    for step in range(steps):
        rates.append((used.param_groups[0]["lr"], momentum_of(used.param_groups[0])))
        used.step()
        if (per_step and step < steps - 1) or (not per_step and (step + 1) % STEPS_PER_EPOCH == 0):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                scheduler.step()
    return rates


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"schedule": "step", "step_size": 3, "gamma": 0.5},
        {"schedule": "multi_step", "milestones": [1, 4, 9], "gamma": 0.2},
        {"schedule": "cosine"},
        {"schedule": "cosine", "eta_min": 0.001},
        {"schedule": "one_cycle"},
        {"schedule": "one_cycle", "optimizer": "adamw"},
        {"schedule": "one_cycle", "cycle_momentum": False},
        {"schedule": "one_cycle", "anneal_strategy": "linear", "pct_start": 0.2, "div_factor": 10},
        {"schedule": "one_cycle", "three_phase": True, "final_div_factor": 100},
        {"schedule": "one_cycle", "epochs": 1, "pct_start": 0.5},
        {"schedule": "one_cycle", "epochs": 2, "pct_start": 0.01},
    ],
)
def test_every_step_has_torchs_rate_and_momentum(fields: dict[str, object]) -> None:
    recipe = Recipe.from_dict({"epochs": 12, **fields})
    ours = [rate_at(recipe, step, STEPS_PER_EPOCH) for step in range(recipe.epochs * STEPS_PER_EPOCH)]
    for step, (rate, theirs) in enumerate(zip(ours, torchs(recipe), strict=True)):
        assert math.isclose(rate.learning_rate, theirs[0], rel_tol=1e-9, abs_tol=1e-15), step
        assert math.isclose(rate.momentum, theirs[1], rel_tol=1e-9), step


@pytest.mark.parametrize("patience", [0, 2])
def test_plateau_is_torchs(patience: int) -> None:
    recipe = Recipe(schedule="plateau", patience=patience, factor=0.3, threshold=1e-2, epochs=20)
    used = optimizer(recipe)
    scheduler = lr_scheduler.ReduceLROnPlateau(
        used, factor=0.3, patience=patience, threshold=1e-2, cooldown=0, min_lr=0
    )
    plateau = Plateau()
    for epoch, loss in enumerate(
        [1, 0.5, 0.499, 0.5, 0.49, 0.3, 0.4, 0.4, 0.4, 0.4, 0.4, 0.2, 0.3, 0.31, 0.3]
    ):
        rate = rate_at(recipe, epoch * STEPS_PER_EPOCH, STEPS_PER_EPOCH, plateau)
        assert math.isclose(rate.learning_rate, used.param_groups[0]["lr"], rel_tol=1e-12)
        scheduler.step(loss)
        plateau = plateau.after(loss, recipe)
    assert plateau.factor < 1


@pytest.mark.parametrize("epochs", range(1, 6))
@pytest.mark.parametrize("steps_per_epoch", [1, 2, 3])
def test_the_shortest_runs_have_rates_too(epochs: int, steps_per_epoch: int) -> None:
    for three_phase in (False, True):
        recipe = Recipe(schedule="one_cycle", epochs=epochs, three_phase=three_phase)
        for step in range(epochs * steps_per_epoch):
            rate = rate_at(recipe, step, steps_per_epoch)
            assert 0 < rate.learning_rate <= recipe.learning_rate and 0 < rate.momentum < 1


@pytest.mark.parametrize("schedule", ["none", "step", "one_cycle", "cosine", "plateau"])
def test_added_epochs_have_their_own_rate_and_change_nothing_before(schedule: str) -> None:
    recipe = Recipe.from_dict({"epochs": 4, "schedule": schedule})
    longer = recipe.changed(more=[{"epochs": 1, "learning_rate": 0.5}, {"epochs": 2, "learning_rate": 0.25}])
    assert longer.total_epochs == 7
    steps = [rate_at(longer, step, STEPS_PER_EPOCH) for step in range(7 * STEPS_PER_EPOCH)]
    end = 4 * STEPS_PER_EPOCH
    assert steps[:end] == [rate_at(recipe, step, STEPS_PER_EPOCH) for step in range(end)]
    rates = [0.5] * STEPS_PER_EPOCH + [0.25] * 2 * STEPS_PER_EPOCH
    assert [rate.learning_rate for rate in steps[end:]] == rates
    assert {rate.momentum for rate in steps[end:]} == {steps[end - 1].momentum}
