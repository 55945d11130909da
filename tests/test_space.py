"""Whatever is drawn is a valid design below the budget, and a recipe."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.model import build
from mnist_core.architecture.text import from_text, to_text
from mnist_core.course import space
from mnist_core.course.space import Form, Stage, draw_design, draw_recipe
from mnist_core.training.recipe import RECIPES, Recipe


class Drawn:
    """Hypothesis chooses the values."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data

    def suggest_int(self, name: str, low: int, high: int) -> int:
        return self.data.draw(st.integers(low, high), name)

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return self.data.draw(st.floats(low, high), name)

    def suggest_categorical(self, name: str, choices: Sequence[str]) -> str:
        return self.data.draw(st.sampled_from(choices), name)


class Random:
    """Chance chooses them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def suggest_int(self, name: str, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return self.random.uniform(low, high)

    def suggest_categorical(self, name: str, choices: Sequence[str]) -> str:
        return self.random.choice(choices)


@given(st.data(), st.integers(space.LEAST_PARAMS, 50_000))
@settings(max_examples=60)
def test_every_design_is_valid_below_the_budget_and_uses_it(data: st.DataObject, budget: int) -> None:
    spec = draw_design(Drawn(data), budget)
    analysis = analyze(spec)
    assert analysis.problems == ()
    assert budget / 2 <= analysis.params < budget
    assert from_text(to_text(spec)) == spec


@given(st.data(), st.integers(space.LEAST_PARAMS, 50_000), st.integers(space.LEAST_MACS, 3_000_000))
@settings(max_examples=40)
def test_a_limit_of_multiplications_holds_too(data: st.DataObject, budget: int, macs: int) -> None:
    analysis = analyze(draw_design(Drawn(data), budget, macs))
    assert analysis.problems == () and analysis.params < budget and analysis.macs <= macs


def test_at_the_ends_of_the_range_there_is_always_a_design() -> None:
    for seed in range(12):
        for budget in (space.LEAST_PARAMS, space.MOST_PARAMS):
            assert analyze(draw_design(Random(seed), budget, space.LEAST_MACS)).params < budget
            assert analyze(draw_design(Random(seed), budget)).params > budget / 2


def test_the_params_are_those_of_the_model() -> None:
    for seed in range(10):
        spec = draw_design(Random(seed), 5_000)
        assert sum(parameter.numel() for parameter in build(spec).parameters()) == analyze(spec).params


def test_the_space_has_every_form() -> None:
    texts = [to_text(draw_design(Random(seed), 8_000)) for seed in range(60)]
    for form in ("res(conv", "x(conv", "x(res(", "max2", "s2p1g", "k5p2", "silu", "drop2d0.05", "conv10k1-b"):
        assert 2 <= sum(form in text for text in texts) <= 58, form
    assert len(set(texts)) == len(texts)


def test_a_form_in_words() -> None:
    stages = (Stage(1, separable=True), Stage(3, others="shared residual"), Stage(2, others="residual"))
    form = Form("3×3", stages, "max", "relu", "nothing", "", "linear")
    assert form.text((8, 10, 12, 14)) == (
        "conv8p1-b bn relu conv8p1g8-b conv10k1-b bn relu "
        "max2 conv12p1-b bn relu 2x(res(conv12p1-b bn relu)) "
        "max2 conv14p1-b bn relu res(conv14p1-b bn relu) gap flat fc10"
    )
    forms = [form]
    while smaller := forms[-1].smaller():
        forms.append(smaller)
    assert [stage.blocks for stage in forms[-1].stages] == [0, 1, 0]
    assert "".join(forms[-1].text((4, 4, 4, 4))) == "conv4p1-b bn relu max2 conv4p1-b bn relu gap flat fc10"


class Known:
    """Gives what is written down, if it may be drawn; remembers what it was asked for."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values, self.asked = values, set[str]()

    def suggest_int(self, name: str, low: int, high: int) -> int:
        self.asked.add(name)
        assert isinstance(self.values[name], int) and low <= self.values[name] <= high, name
        return self.values[name]

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        self.asked.add(name)
        assert low <= self.values[name] <= high, name
        return self.values[name]

    def suggest_categorical(self, name: str, choices: Sequence[str]) -> str:
        self.asked.add(name)
        assert self.values[name] in choices, name
        return self.values[name]


@pytest.mark.parametrize(("values", "budget"), list(zip(space.KNOWN, (20_000, 4_000), strict=True)))
def test_what_is_known_to_do_well_can_be_drawn(values: dict[str, Any], budget: int) -> None:
    draws = Known(values)
    assert 0.95 * budget < analyze(draw_design(draws, budget)).params < budget
    draw_recipe(draws, 3, 469, 1)
    unused = {name for name in set(values) - draws.asked if not name.endswith(": others")}
    assert unused == set(), "but how further blocks are, where there is one"


@given(st.data(), st.integers(1, 30), st.integers(1, 500))
@settings(max_examples=40)
def test_every_recipe_is_one(data: st.DataObject, epochs: int, steps: int) -> None:
    recipe = draw_recipe(Drawn(data), epochs, steps, 7)
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert (recipe.epochs, recipe.seed, recipe.optimizer, recipe.validation_size) == (epochs, 7, "adamw", 0)


@pytest.mark.parametrize(("name", "epochs"), [("fast", 3), ("best", 19)])
def test_weights_are_averaged_as_in_the_recipes_of_the_lab(name: str, epochs: int) -> None:
    recipe = draw_recipe(Random(1), epochs, 469, 1)
    assert recipe.ema_decay == pytest.approx(RECIPES[name].ema_decay, abs=0.001)
