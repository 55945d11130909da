"""Train: does it learn?"""

import streamlit as st

from mnist_core.architecture.analysis import analyze
from mnist_core.runs import manage, store, words
from mnist_core.runs.seeds import group_of, members_of
from mnist_core.runs.store import Run, RunError
from mnist_core.training.recipe import Recipe
from pages.parts import headline, line, pulse, runs, seeds, state, watch
from pages.parts.entrance import through_app
from pages.parts.recipe_form import recipe_form
from pages.parts.run_list import run_list
from pages.parts.run_menu import controls
from pages.parts.style import plain
from pages.parts.tryout import tryout


def start(recipe: Recipe, data: str, count: int) -> None:
    """Starts a run of the current design for each seed."""
    done, spec = state.actions(), state.current_spec()
    try:
        with st.spinner("Starting"), done.once("train") as first:
            if first:
                done.run = manage.start_seeds(spec, recipe, data, count)[0].name
    except RunError as error:
        state.set_notice(str(error))


def say_notice() -> None:
    if notice := state.notice():
        st.error(plain(notice), icon=":material/error:")


@st.fragment
def head(run: Run) -> None:
    """What the run is, and its buttons; not in `show`, so that news of a live run draws no button again."""
    if state.page_is_wanted():
        st.rerun()
    view = store.read(run)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="head"):
        runs.title(view)
        controls(view)


@st.fragment
def show(run: Run, members: tuple[Run, ...], drawn: str) -> None:
    """The run as it is now. When `drawn` is not its runs' news any more, the whole page is drawn again.

    `members` are the runs of all its seeds, itself among them.
    """
    views = [store.read(member) for member in members]
    view = views[members.index(run)]
    if pulse.news(views) != drawn or state.page_is_wanted():
        st.rerun()
    beat = st.empty()  # first, so that a look at the run before has gone when this one is drawn
    runs.progress(view)
    seeds.seeds(view, views)
    headline.headline("headline", runs.headline_of(view))
    line.line("fit", watch.fit(view))
    limit = state.assignment().max_epochs
    runs.curves(view, seeds.bands(views), limit)
    watch.live(view)
    found = runs.details(view)
    with beat:
        pulse.pulse(view, views, limit, *found)


through_app()
runs.style()
spec = state.current_spec()
analysis = analyze(spec)
# It is filled once the recipe is known.
top = st.container(horizontal=True, vertical_alignment="center", gap="small")
with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="start"):
    recipe = recipe_form()
    count = st.number_input(
        "seeds",
        1,
        manage.MAX_SEEDS,
        key="seeds",
        persist_state="session",
        width=90,
        help="Train so many times, with consecutive seeds, and show mean ± standard deviation: one run alone "
        "may be lucky. Differences below twice the standard deviation say little.",
    )
    data = st.segmented_control(
        "data",
        store.DATA_NAMES,
        format_func=lambda name: "MNIST" if name == "mnist" else name,
        default="mnist",
        required=True,
        key="data",
        persist_state="session",
        help="MNIST: 60,000 digits to learn from and 10,000 to be tested on, fetched once. "
        "Synthetic: drawn by the lab itself, for a room without network; figures say nothing about MNIST.",
    )
    st.button(
        "Train",
        type="primary",
        icon=":material/model_training:",
        disabled=bool(analysis.problems) or recipe is None,
        on_click=state.put,
        args=("train pressed", True),
        help="Starts a run. It goes on when you close this page, and is found again here.",
    )
# Here and not in the button's callback, which knows the form as it was drawn before the last change.
if state.value("train pressed"):
    state.put("train pressed", False)
    if recipe and not analysis.problems:
        start(recipe, data, count)
with top:
    device = words.machine(recipe.device if recipe else "auto")
    st.markdown(f"Train **{plain(spec.name)}** · {analysis.params:,} params · {device}", width="content")
    st.page_link("pages/design.py", label="change the design", icon=":material/edit:")
    with st.container(horizontal=True, horizontal_alignment="right", gap="small", key="before"):
        if recipe and not analysis.problems:
            tryout(spec, recipe, data)
if data == "synthetic":
    st.caption(f"{runs.SYNTHETIC} The run's figures will say nothing about MNIST.")
if analysis.problems:
    st.error(f"This design cannot be trained. {plain(str(analysis.problems[0]))}", icon=":material/error:")
    st.page_link("pages/design.py", label="Mend it on the Design page", icon=":material/build:")
say_notice()

state.select_started()
earlier = store.list_runs()
name = state.selected_run() or (earlier[0].run.name if earlier else None)
if name:
    state.select_run(name)
run = store.find(name) if name else None
with st.sidebar:
    run_list(earlier, name)
if run:
    now = store.read(run, metrics=False)
    group = members_of(group_of(now), earlier)
    group = group if run in [view.run for view in group] else [now]
    members = tuple(view.run for view in group)
    views = [store.read(member) for member in members]
    head(run)
    show(run, members, pulse.news(views))
elif name:
    st.info(
        f"There is no run {plain(name)} here; it may have been deleted. Choose another one, or train.",
        icon=":material/info:",
    )
else:
    runs.nothing_yet(recipe.epochs if recipe else 1)
