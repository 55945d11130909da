"""A recipe in words: what acts is told, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.course.records import RECORDS
from mnist_core.training.recipe import RECIPES, Recipe
from mnist_core.training.recipe_words import acting, sentence

CYCLE = {"schedule": "one_cycle"}


def told(fields: dict[str, Any]) -> dict[str, str]:
    return acting(Recipe.from_dict(fields))


def test_fast_in_words() -> None:
    assert sentence(RECIPES["fast"]) == (
        "3 epochs of AdamW in batches of 128, at a rate that rises to 0.02 and falls again. "
        "The training digits are shown as they are. "
        "What is tested are the weights' averages over about the last 100 steps."
    )
    assert acting(RECIPES["fast"]) == {
        "epochs": "3",
        "batch size": "128",
        "optimizer": "AdamW, momentum 0.9, weight decay 0.01, not of biases and norms",
        "learning rate": "0.02",
        "schedule": "one cycle, linear: from 0.002 up to 0.02 in the first 10 % of the steps, down to 2e-05",
        "augmentation": "none",
        "averaging": "of the weights, decay 0.99",
        "seed": "1",
        "precision": "auto",
    }


def test_added_epochs_and_a_first_augmentation_are_told() -> None:
    first = {"center_crop": 22, "center_crop_probability": 0.1}
    recipe = Recipe.from_dict(
        {
            "more": [{"epochs": 5, "learning_rate": 0.001}],
            "augmentation": {"before": first, "scale": [0.9, 1.1]},
        }
    )
    assert "at a constant rate of 0.01, and 5 more at 0.001. " in sentence(recipe)
    assert acting(recipe)["epochs"] == "15, then 5 more at 0.001"
    wanted = "centre crop of 22 px in 10 % of the images; then zoom 0.9–1.1"
    assert acting(recipe)["augmentation"] == wanted


@pytest.mark.parametrize(
    ("base", "change", "acts"),
    [
        ({}, {"gamma": 0.5}, False),
        ({"schedule": "step"}, {"gamma": 0.5}, True),
        ({}, {"momentum": 0.5}, True),
        (CYCLE, {"momentum": 0.5}, False),  # the cycle has its own
        (CYCLE, {"max_momentum": 0.99}, True),
        (CYCLE | {"cycle_momentum": False}, {"max_momentum": 0.99}, False),
        ({}, {"decay_all": False}, False),
        ({"weight_decay": 0.1}, {"decay_all": False}, True),
        ({"schedule": "plateau"}, {"patience": 3}, True),
        ({"schedule": "cosine"}, {"eta_min": 0.001}, True),
        ({}, {"augmentation": {"fill": 0.5}}, False),
        ({}, {"dropout": 0.1}, True),
        ({}, {"label_smoothing": 0.1}, True),
        ({}, {"validation_size": 500}, True),
    ],
)
def test_what_acts_is_told(base: dict[str, Any], change: dict[str, Any], acts: bool) -> None:
    assert (told(base) != told(base | change)) == acts


def test_every_recipe_of_the_lab_has_words() -> None:
    known = [*EXPERIMENTS.values(), *RECORDS.values()]
    for recipe in [*RECIPES.values(), *(one.recipe for one in known)]:
        assert sentence(recipe).endswith(".") and all(acting(recipe).values())
