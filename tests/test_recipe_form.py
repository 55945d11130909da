"""The form of the recipe: what stands in it is what is trained."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from mnist_core.architecture.spec import ModelSpec
from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.course.records import RECORDS
from mnist_core.probe import catalog
from mnist_core.runs import store
from mnist_core.training.recipe import RECIPES, Recipe

SGD = Recipe.from_dict({"nesterov": True, "schedule": "cosine", "eta_min": 0.005})


def page(cloned: dict[str, object] | None = None, design: str = "a design") -> None:
    """A page with nothing but the form; a design of this name is open, or a run with this recipe cloned."""
    import streamlit as st

    from mnist_core.architecture.spec import ModelSpec
    from mnist_core.training.recipe import Recipe
    from pages.parts import state
    from pages.parts.recipe_form import recipe_form

    if "design" not in st.session_state:
        opened = ModelSpec(name=design)
        st.session_state.design, st.session_state.past = (opened, opened), []
        if cloned:
            state.clone("a run", ModelSpec(), Recipe.from_dict(cloned), "synthetic")
    st.session_state["made"] = recipe_form()


def clone(recipe: Recipe) -> AppTest:
    return AppTest.from_function(page, kwargs={"cloned": recipe.to_dict()}, default_timeout=30).run()


def field(test: AppTest, kind: str, label: str) -> object:
    return next(one for one in test.get(kind) if one.label == label)


def change(test: AppTest, kind: str, label: str, value: object) -> Recipe | None:
    """What the form makes with another value in one of its fields."""
    field(test, kind, label).set_value(value).run()
    assert not test.exception
    return test.session_state["made"]


@pytest.fixture
def form() -> AppTest:
    return AppTest.from_function(page, default_timeout=30).run()


def test_nothing_changed_is_the_recipe_as_it_is_named(form: AppTest) -> None:
    assert form.session_state["made"] == RECIPES["fast"]
    assert change(form, "selectbox", "recipe", "best") == RECIPES["best"]


def test_the_form_takes_no_look_at_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(store, "list_runs")
    form = AppTest.from_function(page, default_timeout=30).run()
    assert not form.exception
    shipped = [entry.path.stem for entry in catalog.shipped_entries()]
    assert field(form, "selectbox", "teacher").options == ["none", *shipped]


def test_a_clone_has_the_epochs_that_the_form_shows() -> None:
    asked = Recipe.from_dict({"epochs": 3, "more": [{"epochs": 5, "learning_rate": 0.002}]})
    made = clone(asked).session_state["made"]
    assert made == asked.changed(more=[]) and made.total_epochs == 3


def test_what_has_no_field_is_no_dead_end() -> None:
    form = clone(SGD)
    assert form.session_state["made"] == SGD
    adam = change(form, "selectbox", "optimizer", "adam")
    assert adam is not None and not adam.nesterov
    sgd = change(form, "selectbox", "optimizer", "sgd")
    assert sgd == SGD
    plain = change(form, "number_input", "momentum", 0.0)
    assert plain is not None and not plain.nesterov
    change(form, "selectbox", "schedule", "none")
    slow = change(form, "number_input", "learning rate", 0.001)
    assert slow is not None and slow.learning_rate == 0.001


@pytest.mark.parametrize(
    ("design", "name", "own"),
    [
        ("record-seconds", "record", RECORDS["record-seconds"].recipe),
        ("twelve-k-final", "published", EXPERIMENTS["twelve-k-final"].recipe),
    ],
)
def test_published_nets_and_records_bring_their_own_recipe(design: str, name: str, own: Recipe) -> None:
    form = AppTest.from_function(page, kwargs={"design": design}, default_timeout=30).run()
    assert change(form, "selectbox", "recipe", name) == own
    edited, opened = ModelSpec(name="mine"), form.session_state.design[1]
    form.session_state.design = (edited, opened)
    assert change(form, "number_input", "epochs", 2) == own.changed(epochs=2)  # its copy, renamed, too


def test_what_trains_without_a_field_of_its_own_is_told() -> None:
    own = Recipe.from_dict(
        {"decay_all": False, "augmentation": {"fill": 1, "scale": [0.5, 0.9], "erasing_ratio": [0.5, 2]}}
    )
    form = clone(own)
    assert not form.exception and form.session_state["made"] == own
    assert "This recipe also has decay all off, fill 1.0, erasing ratio [0.5, 2.0]." in [
        one.value for one in form.caption
    ]
    plain = AppTest.from_function(page, default_timeout=30).run()
    change(plain, "selectbox", "recipe", "course")
    assert not plain.caption


def test_dropout_of_the_whole_net(form: AppTest) -> None:
    assert field(form, "number_input", "dropout").value is None
    made = change(form, "number_input", "dropout", 0.2)
    assert made is not None and made.dropout == 0.2
    assert change(form, "number_input", "dropout", None) == RECIPES["fast"]


@pytest.mark.parametrize("text", ["8, 11, 14", "8; 11; 14", " 8 11,14;"])
def test_milestones(form: AppTest, text: str) -> None:
    change(form, "selectbox", "schedule", "multi_step")
    made = change(form, "text_input", "milestones", text)
    assert made is not None and made.milestones == (8, 11, 14)


@pytest.mark.parametrize(("text", "odd"), [("5, 1O", "1O"), ("8.5", "8.5"), ("-3", "-3")])
def test_milestones_that_cannot_be_read_are_refused_by_name(form: AppTest, text: str, odd: str) -> None:
    change(form, "selectbox", "schedule", "multi_step")
    assert change(form, "text_input", "milestones", text) is None
    assert "milestones" in form.error[0].value and f"'{odd}'" in form.error[0].value


def test_the_momentum_shown_is_the_one_that_acts(form: AppTest) -> None:
    change(form, "selectbox", "recipe", "course")
    assert {"momentum"} == momenta(form)
    change(form, "selectbox", "schedule", "one_cycle")
    assert {"base momentum", "max momentum"} == momenta(form)
    made = change(form, "number_input", "base momentum", 0.7)
    assert made is not None and made.base_momentum == 0.7
    change(form, "selectbox", "recipe", "fast")  # one_cycle, but its momentum stays
    assert {"momentum"} == momenta(form)


def momenta(form: AppTest) -> set[str]:
    return {one.label for one in form.number_input if "momentum" in one.label}
