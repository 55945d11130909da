"""What one may do to the run on the page: pause, stop, resume, another rate, more epochs, and the menu."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from mnist_core.course.grading import grading
from mnist_core.runs import launch, manage, store, wishes
from mnist_core.runs.status import RESUMABLE
from mnist_core.runs.store import Run, RunError, RunView
from pages.parts import state

_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def controls(view: RunView) -> None:
    """The buttons that fit the run's state, in one row; Pause and Stop show their signs alone."""
    with st.container(horizontal=True, width="content", gap="xsmall", key="controls"):
        if view.alive:
            _wish(view, "Pause", wishes.request_pause, "Pause: save everything and end. Resume goes on.")
            _wish(view, "Stop", wishes.request_stop, "Stop: end now. What is learned is kept.")
            _rate(view)
        elif view.state in RESUMABLE and view.spec and view.recipe:
            resume = (launch.resume, view.run)
            st.button("Resume", icon=":material/resume:", on_click=_do, args=resume, key="resume")
            _rate(view)
        elif view.state == "done" and view.recipe:
            _more_epochs(view)
        if view.state != "deleted":
            _menu(view)


def _do(action: Callable[..., object], *arguments: object) -> None:
    """For callbacks: what cannot be done becomes a notice; the whole page is drawn again."""
    try:
        with state.actions().once((action, arguments)) as first:
            if first:
                action(*arguments)
    except RunError as error:
        state.set_notice(str(error))
    state.ask_for_page()


def _wish(view: RunView, name: str, action: Callable[[Path], None], what: str) -> None:
    st.button(
        name,
        icon=f":material/{name.lower()}:",
        on_click=_do,
        args=(action, view.run.folder),
        disabled=bool(view.wish),
        help=what,
        key=name,
    )


def _rate(view: RunView) -> None:
    wished = wishes.wished_rate(view.run.folder)
    now = wished or (view.rates[-1]["scale"] if view.rates else 1.0)
    with st.popover("Rate", icon=":material/speed:", help="Another learning rate from here on"):
        st.pills(
            "learning rate, × the recipe's",
            _SCALES,
            default=now if now in _SCALES else None,
            format_func=lambda scale: f"× {scale:g}",
            key=f"scale {view.run.name}",
            on_change=_change_rate,
            args=(view.run,),
            help="The schedule goes on, times this factor. The run's figures tell of the change.",
        )
        if wished:
            st.caption(f"× {now:g}: asked for, not taken yet")


def _change_rate(run: Run) -> None:
    scale = state.value(f"scale {run.name}")
    if scale is not None:
        _do(manage.change_rate, run, scale)


def _more_epochs(view: RunView) -> None:
    """Epochs after the schedule's end; nothing is proposed that the schedule has not used itself."""
    recipe = view.recipe
    assert recipe is not None
    last = next((line["learning_rate"] for line in reversed(view.epochs) if line.get("learning_rate")), 1e-3)
    with st.popover("More epochs", icon=":material/add:", help="Go on with this run"):
        epochs = st.number_input("epochs", 1, 1000, 5, key=f"more {view.run.name}")
        rate = st.number_input(
            "learning rate",
            0.0,
            100.0,
            float(f"{max(last, recipe.learning_rate / 100):.3g}"),
            step=recipe.learning_rate / 100,
            format="%g",
            key=f"more rate {view.run.name}",
            help=f"The schedule has ended (at {last:.3g}); the added epochs all have this rate.",
        )
        if recipe.validation_size:
            st.caption("The test set is then read once more, at the new end.")
        action = (manage.train_more, view.run, epochs, rate)
        st.button("Go on", type="primary", on_click=_do, args=action, key="go on")


def _menu(view: RunView) -> None:
    run, asked = view.run, state.assignment()
    with st.popover("Manage", icon=":material/more_horiz:", help="Rename, clone, download, delete"):
        st.text_input(
            "Name",
            view.label,
            max_chars=store.LABEL_LENGTH,
            placeholder=view.title,
            key=f"label {run.name}",
            on_change=_rename,
            args=(run,),
        )
        if view.spec and view.recipe and view.data in store.DATA_NAMES:
            st.button(
                "Clone",
                icon=":material/content_copy:",
                help="Put this run's design and recipe into the form above, to be changed and trained anew.",
                on_click=_do,
                args=(state.clone, run.name, view.spec, view.recipe, view.data),
                key="clone",
                width="stretch",
            )
        st.download_button(
            "Download as zip",
            lambda: manage.archive(run, grading(store.read(run), asked)),
            f"{run.name}.zip",
            "application/zip",
            icon=":material/download:",
            on_click="ignore",
            width="stretch",
        )
        if view.alive:
            st.caption("Stop it to delete it.")
        elif st.checkbox("Delete this run and its files", key=f"sure {run.name}"):
            st.button(
                "Delete for good",
                icon=":material/delete:",
                on_click=_delete,
                args=(run,),
                key="delete",
                width="stretch",
            )


def _rename(run: Run) -> None:
    _do(manage.rename, run, state.value(f"label {run.name}"))


def _delete(run: Run) -> None:
    _do(manage.delete, run)
    if not run.folder.exists():
        state.select_run(None)
