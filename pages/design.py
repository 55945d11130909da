"""What does it cost, and what does it see?"""

from __future__ import annotations

import streamlit as st

from mnist_core.architecture.analysis import Analysis, analyze
from mnist_core.architecture.rules import number_text, one_or_two
from mnist_core.architecture.spec import ModelSpec
from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.training.sample import sample_digit
from pages.parts import state
from pages.parts.field import field_view
from pages.parts.layers import layer_list
from pages.parts.table import analysis_table

EMPTY = "empty"


def open_experiment() -> None:
    """Puts the chosen experiment, or nothing, in place of the design; undo brings it back."""
    chosen = state.value("experiment")
    state.open_spec(EXPERIMENTS[chosen].spec if chosen in EXPERIMENTS else ModelSpec())


def rename() -> None:
    name = state.value("name").strip() or "untitled"
    state.set_spec(state.current_spec().model_copy(update={"name": name}))


def head() -> None:
    """One line: what is being designed, and the steps back and forth."""
    spec = state.current_spec()
    names = [EMPTY, *EXPERIMENTS]
    state.put("experiment", spec.name if spec.name in EXPERIMENTS else None)
    state.put("name", spec.name)
    pick, title, back, forth, _ = st.columns([3, 3, 0.6, 0.6, 4], vertical_alignment="bottom")
    pick.selectbox(
        "Start from",
        names,
        key="experiment",
        on_change=open_experiment,
        format_func=lambda name: name if name == EMPTY else f"{name} · {EXPERIMENTS[name].params:,}",
        placeholder="an experiment, or empty",
    )
    title.text_input("Name", key="name", max_chars=80, on_change=rename)
    for column, key, label, action, can in (
        (back, "undo", "Undo (Ctrl+Z)", state.undo, state.can_undo()),
        (forth, "redo", "Redo (Ctrl+Y)", state.redo, state.can_redo()),
    ):
        column.button("", key=key, icon=f":material/{key}:", help=label, on_click=action, disabled=not can)


def answer(analysis: Analysis) -> None:
    """The three figures of a design, and how far they are from what one started with."""
    before = analyze(state.baseline())
    params, field, macs = st.columns(3)
    change = analysis.params - before.params
    whole = analysis.complete
    params.metric(
        "params",
        f"{analysis.params:,}" if whole else "–",
        f"{change:+,}" if change and whole else None,
        delta_color="inverse",
        help="Trainable numbers: every weight, bias, scale and shift.",
    )
    field.metric(
        "receptive field",
        f"{_field(analysis)} px" if analysis.output else "–",
        help="Side of the square of pixels that an output depends on, padding counted. The image has 28 px.",
    )
    macs.metric(
        "MACs",
        _millions(analysis.macs) if whole else "–",
        help="Multiply-accumulates for one image: kernel size × input channels / groups × output values.",
    )


def _millions(number: int) -> str:
    return f"{number / 1e6:.2f} M" if number >= 1e5 else f"{number:,}"


def _field(analysis: Analysis) -> str:
    return number_text(one_or_two(analysis.output.field)) if analysis.output else "–"


message = state.notice()
if message:
    st.warning(message, icon=":material/info:")
head()
analysis = analyze(state.current_spec())
left, right = st.columns([13, 7], gap="medium")
with right:
    answer(analysis)
    field_view(analysis, sample_digit())
with left:
    layer_list(analysis)
analysis_table(analysis)
