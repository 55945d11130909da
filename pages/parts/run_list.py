"""The sidebar's list of runs, newest first; several seeds are one line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import streamlit as st

from mnist_core.runs import words
from mnist_core.runs.seeds import alike, group_of, reached, seed_of
from mnist_core.runs.status import LIVE
from mnist_core.runs.store import RunView
from pages.parts import state
from pages.parts.runs import icon
from pages.parts.style import plain

LISTED = 60  # lines


def run_list(views: Sequence[RunView], selected: str | None) -> None:
    """The runs as buttons; a click shows one. `views` are the newest first."""
    st.subheader("Runs", anchor=False)
    if not views:
        st.caption("Your runs will be listed here, the newest first.")
    groups: dict[str, list[RunView]] = {}
    for view in views:
        groups.setdefault(group_of(view), []).append(view)
    with st.container(key="runs", gap=None):
        for members in islice(groups.values(), LISTED):
            members.sort(key=seed_of)
            view = next((view for view in members if view.run.name == selected), members[0])
            st.button(
                _label(view, members),
                key=f"run {view.run.name}",
                type="secondary" if view.run.name == selected else "tertiary",
                help=f"{words.STATE_WORDS[view.state]} · {view.data} · {view.run.name}",
                width="stretch",
                on_click=state.select_run,
                args=(view.run.name,),
            )
        if len(groups) > LISTED:
            st.caption(f"and {len(groups) - LISTED:,} older ones, in the folder of the runs")


def _label(view: RunView, members: Sequence[RunView]) -> str:
    kind = "" if view.data == "mnist" else " :orange[:material/warning:]"
    seeds = f" :gray[×{len(members)}]" if len(members) > 1 else ""
    same = alike(members) or [view]
    done = [one for one in same if one.state == "done"]
    figure = words.percent(reached(done or same))
    name = f"*{plain(view.title.strip())}*"  # the part that gives way where it is too long, see runs.py
    return f"{icon(_state(members))} {name}{seeds} :gray[{words.when(view)}]{kind} **{figure}**"


def _state(members: Sequence[RunView]) -> str:
    """One word for several runs: what lives comes first, then what ended before its time."""
    states = [view.state for view in members]
    order = ("training", *LIVE, "failed", "interrupted")
    return next((state for state in order if state in states), states[0])
