"""What does it cost, and what does it see?"""

import streamlit as st

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.spec import ModelSpec
from mnist_core.course.assignments import Verdict, check
from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.course.mistakes import MISTAKES
from mnist_core.training.sample import sample_digit
from pages.parts import state
from pages.parts.answer import budget, count, figures, verdict_list
from pages.parts.assignment import assignment_picker, free_form
from pages.parts.entrance import through_app
from pages.parts.evidence import evidence
from pages.parts.exchange import exchange_menu
from pages.parts.field import effective_of, field_view
from pages.parts.latest import latest_run
from pages.parts.layers import layer_list
from pages.parts.style import plain

EMPTY = "empty"
STARTS = {
    EMPTY: ModelSpec(),
    **{name: experiment.spec for name, experiment in EXPERIMENTS.items()},
    **{name: mistake.spec for name, mistake in MISTAKES.items()},
}


def described(name: str) -> str:
    """How the list shows what one can start from."""
    if name in EXPERIMENTS:
        e = EXPERIMENTS[name]
        return f"{name} · {e.params:,} params · {e.document}" + ("" if e.exact else " (reconstruction)")
    return f"{name} · wrong on purpose" if name in MISTAKES else name


def open_start() -> None:
    """Puts what was chosen in place of the design; undo brings the former one back."""
    state.open_spec(STARTS[state.value("start")])


def rename() -> None:
    name = state.value("name").strip() or "untitled"
    state.set_spec(state.current_spec().model_copy(update={"name": name}))


def head(verdicts: tuple[Verdict, ...]) -> None:
    """One line: what is designed, the steps back and forth, what it is for and whether it fulfils that."""
    spec = state.current_spec()
    state.put("start", spec.name if STARTS.get(spec.name) == spec else None)  # an edited one is another
    state.put("name", spec.name)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="head"):
        st.selectbox(
            "Start from",
            list(STARTS),
            key="start",
            on_change=open_start,
            format_func=described,
            placeholder="an experiment, or empty",
        )
        st.text_input("Name", key="name", max_chars=80, on_change=rename)
        for key, label, action, can in (
            ("undo", "Undo (Ctrl+Z)", state.undo, state.can_undo()),
            ("redo", "Redo (Ctrl+Y)", state.redo, state.can_redo()),
        ):
            icon = f":material/{key}:"
            st.button(label, key=key, icon=icon, help=label, on_click=action, disabled=not can)
        exchange_menu()
        with st.container(key="asked"):
            assignment_picker(count(verdicts))


def remark() -> None:
    """What there is to know about the published experiment or the mistake that one has opened."""
    opened = state.baseline().name
    if opened in MISTAKES:
        st.info(MISTAKES[opened].lesson, icon=":material/school:")
    elif experiment := EXPERIMENTS.get(opened):
        kind = "" if experiment.exact else "A reconstruction."
        if said := " ".join(filter(None, (kind, experiment.remark))):
            st.caption(f"From the text “{experiment.document}”: {experiment.title}. {said}")


through_app()
analysis = analyze(state.current_spec())
verdicts = check(analysis, state.assignment(), latest_run(analysis.spec))
head(verdicts)
if message := state.notice():
    st.warning(plain(message), icon=":material/info:")
with st.container(key="workbench"):
    left, right = st.columns([13, 7], gap="medium")
with right:
    figures(analysis, analyze(state.baseline()))
    budget(analysis.params, state.assignment())
    free_form()
    field_view(analysis, sample_digit(), effective_of(analysis.spec))
    verdict_list(verdicts)
    if not analysis.problems:
        st.page_link("pages/train.py", label="Train this", icon=":material/model_training:")
with left:
    layer_list(analysis)
    remark()
evidence(analysis)
