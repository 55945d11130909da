"""The recipe as checked data."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mnist_core.training.recipe import RECIPES, Augmentation, Recipe, RecipeError

fractions = st.floats(0, 1, allow_nan=False)

augmentations = st.builds(
    Augmentation,
    rotation=st.floats(0, 180),
    translation=st.floats(0, 0.5),
    scale=st.tuples(st.floats(0.1, 1), st.floats(1, 10)),
    shear=st.floats(0, 60),
    interpolation=st.sampled_from(["nearest", "bilinear"]),
    fill=fractions,
    center_crop=st.integers(0, 28),
    brightness=fractions,
    erasing=fractions,
    before=st.none() | st.builds(Augmentation, rotation=st.floats(0, 180)),
)
recipes = st.builds(
    Recipe,
    epochs=st.integers(1, 10_000),
    batch_size=st.integers(1, 10_000),
    optimizer=st.sampled_from(["sgd", "adam", "adamw"]),
    learning_rate=st.floats(1e-9, 100),
    schedule=st.sampled_from(["none", "step", "one_cycle", "cosine", "plateau"]),
    milestones=st.sets(st.integers(1, 10_000), max_size=5).map(lambda epochs: tuple(sorted(epochs))),
    augmentation=augmentations,
    dropout=st.none() | st.floats(0, 0.99),
    ema_decay=st.floats(0, 0.9999),
    validation_size=st.integers(0, 59_000),
    seed=st.integers(0, 2**31 - 1),
    device=st.sampled_from(["auto", "cuda", "mps", "cpu"]),
)


@given(recipes)
def test_json_gives_the_same_recipe_back(recipe: Recipe) -> None:
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert Recipe.from_dict(recipe.to_dict()) == recipe


@given(
    st.text() | st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)
)
def test_any_other_text_is_a_recipe_error(text: str | bytes) -> None:
    try:
        Recipe.from_json(text)
    except RecipeError:
        return
    assert isinstance(json.loads(text), dict)


def test_fields_left_out_have_the_course_defaults() -> None:
    assert Recipe.from_json("{}") == RECIPES["course"]
    assert Recipe.from_json('{"epochs": 3, "augmentation": {"rotation": 10}}').augmentation.rotation == 10


def test_a_recipe_is_frozen() -> None:
    recipe = Recipe()
    for name in Recipe.model_fields:
        with pytest.raises(ValidationError):
            setattr(recipe, name, getattr(recipe, name))


def test_every_problem_is_named_at_once_with_its_place() -> None:
    text = '{"epochs": 0, "optimiser": "sgd", "dropout": -1, "augmentation": {"rotatio": 3, "fill": "red"}}'
    with pytest.raises(RecipeError) as caught:
        Recipe.from_json(text)
    messages = {problem.field: problem.message for problem in caught.value.problems}
    assert messages["epochs"] == "is 0; it should be greater than or equal to 1"
    assert messages["optimiser"] == "there is no such field; did you mean optimizer?"
    assert messages["augmentation.rotatio"] == "there is no such field; did you mean rotation?"
    assert set(messages) == {
        "epochs",
        "optimiser",
        "dropout",
        "augmentation.rotatio",
        "augmentation.fill",
    }
    assert all(f"{field}: {message}" in str(caught.value) for field, message in messages.items())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[]", "expected an object"),
        ("{" * 10_000, "not JSON"),
        ('{"augmentation": ' + '{"before": ' * 6 + "{}" + "}" * 7, "at most 4"),
        ('{"before": ' * 1_000 + "1" + "}" * 1_000, "not JSON"),
        (" " * 30_000, "30,000 characters"),
        ('{"learning_rate": NaN}', "finite"),
        ('{"learning_rate": 1e999}', "learning_rate"),
        ('{"epochs": 1e12}', "epochs"),
        ('{"epochs": true}', "epochs"),
        ('{"epochs": "3"}', "epochs"),
        ('{"version": 2}', "version"),
        ('{"device": "cuda:0"}', "device"),
        ('{"nesterov": true, "optimizer": "adam"}', "it needs sgd"),
        ('{"schedule": "multi_step"}', "name at least one epoch"),
        ('{"milestones": [5, 3]}', "must increase"),
        ('{"augmentation": {"scale": [1.2, 0.8]}}', "put the smaller number first"),
        ('{"augmentation": {"scale": [0.01, 1]}}', "between 0.1 and 10"),
        ('{"schedule": "cosine", "eta_min": 1}', "above learning_rate"),
        ('{"base_momentum": 0.99}', "above max_momentum"),
        ('{"three_phase": true, "pct_start": 0.7}', "at most 0.5"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.from_json(text)
    assert said in str(caught.value)


def test_changed_checks_what_it_changes() -> None:
    recipe = Recipe().changed(epochs=2, augmentation=Augmentation(rotation=5))
    assert (recipe.epochs, recipe.augmentation.rotation) == (2, 5)
    with pytest.raises(RecipeError):
        recipe.changed(epochs=0)
    with pytest.raises(RecipeError):
        recipe.changed(epochs=object())


def test_the_first_recipe_is_what_the_lab_proposes() -> None:
    assert next(iter(RECIPES)) == "fast"


def test_the_published_task_2_recipe() -> None:
    recipe = RECIPES["task-2"]
    assert (recipe.optimizer, recipe.learning_rate, recipe.momentum, recipe.weight_decay) == (
        "sgd",
        0.01,
        0.9,
        0,
    )
    assert (recipe.epochs, recipe.batch_size, recipe.schedule, recipe.seed) == (19, 128, "none", 1)
    assert (recipe.augmentation.rotation, recipe.augmentation.interpolation) == (10, "nearest")


def test_active_says_whether_images_change() -> None:
    assert not Augmentation().active
    assert not Augmentation(center_crop=22, center_crop_probability=0).active
    for augmentation in (
        Augmentation(rotation=1),
        Augmentation(scale=(1, 1.1)),
        Augmentation(center_crop=22),
        Augmentation(brightness=0.1),
        Augmentation(erasing=0.1),
        Augmentation(before=Augmentation(shear=1)),
    ):
        assert augmentation.active


def test_a_recipe_needs_no_torch() -> None:
    code = "import sys, mnist_core.training.recipe; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_erasing_before_something_else_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"before\.erasing"):
        Recipe.from_dict({"augmentation": {"before": {"erasing": 0.5}}})
