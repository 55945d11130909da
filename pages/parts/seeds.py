"""Several seeds on the page: mean ± standard deviation, and which seed's run is shown."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from mnist_core.runs import words
from mnist_core.runs.seeds import Bands, Summary, reached, summary
from mnist_core.runs.store import RunView
from pages.parts import state


def bands(members: Sequence[RunView]) -> Bands:
    """Mean ± standard deviation of several seeds, epoch by epoch; nothing for a run alone."""
    return summary(members).bands if len(members) > 1 else Bands()


def seeds(shown: RunView, members: Sequence[RunView]) -> None:
    """The line above the figures of a run that is one of several; nothing for a run alone."""
    if len(members) < 2:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.markdown(_result(summary(members)), width="content")
        key = f"seed of {members[0].run.name}"
        state.put(key, shown.run.name)
        st.segmented_control(
            "The run of seed",
            [view.run.name for view in members],
            format_func={view.run.name: _seed(view) for view in members}.__getitem__,
            key=key,
            on_change=_select,
            args=(key,),
            label_visibility="collapsed",
        )


def _result(found: Summary) -> str:
    others = f"; without {found.left_out} trained otherwise" if found.left_out else ""
    of = f"last epoch, {found.done} of {found.seeds} seeds{others}"
    if found.mean is None:
        return f"mean ± standard deviation :gray[{found.seeds} seeds, none done yet{others}]"
    if found.deviation is None:
        return f"**{words.percent(found.mean)}** :gray[{of}]"
    return (
        f"**{100 * found.mean:.2f} ± {100 * found.deviation:.2f} %** :gray[mean ± standard deviation, {of}]"
    )


def _seed(view: RunView) -> str:
    seed = view.recipe.seed if view.recipe else "?"
    return f"seed {seed}: {words.percent(reached([view]))}"


def _select(key: str) -> None:
    name = state.value(key)
    if name:
        state.select_run(name)
    state.ask_for_page()
