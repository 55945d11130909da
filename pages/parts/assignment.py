"""The assignment that a design is checked against: chosen, filled in, or fixed by a teacher's link."""

from __future__ import annotations

from typing import Any, get_args

import streamlit as st

from mnist_core.architecture.limits import MAX_PARAMS
from mnist_core.course.assignments import ASSIGNMENTS, FREE, Part

from . import state

_NUMBERS = ("max_params", "min_params", "max_epochs", "last_epochs", "dropout")


def assignment_picker(count: str) -> None:
    """The choice of an assignment, with the `count` of its verdicts; locked where a link has fixed it."""
    current = state.assignment()
    names = [*ASSIGNMENTS, FREE.name]
    state.put("assignment", current.name if current.name in names else FREE.name)
    titles = {name: one.title for name, one in ASSIGNMENTS.items()} | {FREE.name: FREE.title}
    st.selectbox(
        f"Assignment · {count}",
        names,
        key="assignment",
        format_func=lambda name: titles[name] if name != current.name else current.title,
        on_change=_choose,
        disabled=state.locked(),
        help="Fixed by the link you came by." if state.locked() else "What the design is checked against.",
    )


def _choose() -> None:
    name = state.value("assignment")
    state.set_assignment(ASSIGNMENTS.get(name, FREE))


def free_form() -> None:
    """The fields of an assignment of one's own."""
    current = state.assignment()
    if current.name != FREE.name or state.locked():
        return
    for name in _NUMBERS:
        state.put(f"own_{name}", getattr(current, name))
    state.put("own_accuracy", round(100 * (current.accuracy or 0.0), 4))
    state.put("own_parts", list(current.parts))
    state.put("own_structure", current.clean_end)
    with st.expander("Limits of your own", icon=":material/tune:", expanded=True):
        left, right = st.columns(2)
        none, most = "no limit", MAX_PARAMS
        left.number_input("params at most", 1, most, None, placeholder=none, **_own("max_params"))
        right.number_input("params at least", 1, most, None, placeholder=none, **_own("min_params"))
        left.number_input("epochs at most", 1, 10_000, None, placeholder=none, **_own("max_epochs"))
        right.number_input("last epochs that meet it", 1, 100, **_own("last_epochs"))
        left.number_input("test accuracy, %", 0.0, 100.0, step=0.1, **_own("accuracy"))
        right.number_input("only dropout rate", 0.0, 1.0, None, 0.01, placeholder="any", **_own("dropout"))
        st.multiselect("must contain", get_args(Part), **_own("parts"))
        st.checkbox(
            "the course's structure",
            help="Receptive field 5–11 at the first MaxPool, MaxPool and BatchNorm away from the "
            "prediction, nothing but pooling after the last weight layer, a 1×1 beside a MaxPool.",
            **_own("structure"),
        )


def _own(name: str) -> dict[str, Any]:
    """A box that stays the same one while its number changes, so that the keyboard stays in it."""
    return {"key": f"own_{name}", "on_change": _take_limits}


def _take_limits() -> None:
    accuracy, strict = state.value("own_accuracy"), state.value("own_structure")
    fields = {name: state.value(f"own_{name}") for name in _NUMBERS} | {
        "accuracy": round(accuracy / 100, 6) if accuracy else None,
        "parts": tuple(state.value("own_parts")),
        "field_at_pool": (5, 11) if strict else None,
        "pool_distance": 2 if strict else None,
        "norm_distance": 1 if strict else None,
        "clean_end": strict,
        "transition": strict,
    }
    state.set_assignment(FREE.model_copy(update=fields))
