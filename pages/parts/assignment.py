"""The assignment that a design is checked against: chosen, filled in, or fixed by a teacher's link."""

from __future__ import annotations

from typing import get_args

import streamlit as st
from pydantic import ValidationError

from mnist_core.architecture.limits import MAX_PARAMS
from mnist_core.course.assignments import ASSIGNMENTS, FREE, Assignment, Part

from . import state


def assignment_picker() -> None:
    """The choice of an assignment; locked where a link has fixed it."""
    current = state.assignment()
    names = [*ASSIGNMENTS, FREE.name]
    state.put("assignment", current.name if current.name in names else FREE.name)
    titles = {name: one.title for name, one in ASSIGNMENTS.items()} | {FREE.name: FREE.title}
    st.selectbox(
        "Assignment",
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
    with st.expander("Limits of your own", icon=":material/tune:", expanded=True):
        left, right = st.columns(2)
        none, most = "no limit", MAX_PARAMS
        max_params = left.number_input("params at most", 1, most, current.max_params, placeholder=none)
        min_params = right.number_input("params at least", 1, most, current.min_params, placeholder=none)
        max_epochs = left.number_input("epochs at most", 1, 10_000, current.max_epochs, placeholder=none)
        last = right.number_input("last epochs that meet it", 1, 100, current.last_epochs)
        accuracy = left.number_input(
            "test accuracy, %", 0.0, 100.0, round(100 * (current.accuracy or 0.0), 4), 0.1
        )
        dropout = right.number_input("only dropout rate", 0.0, 1.0, current.dropout, 0.01, placeholder="any")
        parts = st.multiselect("must contain", get_args(Part), current.parts)
        strict = st.checkbox(
            "the course's structure",
            current.clean_end,
            help="Receptive field 5–11 at the first MaxPool, MaxPool and BatchNorm away from the "
            "prediction, nothing but pooling after the last weight layer, a 1×1 beside a MaxPool.",
        )
    fields = {
        "max_params": max_params,
        "min_params": min_params,
        "max_epochs": max_epochs,
        "last_epochs": last,
        "accuracy": round(accuracy / 100, 6) if accuracy else None,
        "dropout": dropout,
        "parts": tuple(parts),
        "field_at_pool": (5, 11) if strict else None,
        "pool_distance": 2 if strict else None,
        "norm_distance": 1 if strict else None,
        "clean_end": strict,
        "transition": strict,
    }
    try:
        changed = Assignment.model_validate(FREE.model_dump() | fields)
    except ValidationError as error:
        st.error(f"{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}.")
        return
    if changed != current:
        state.set_assignment(changed)
        st.rerun()
