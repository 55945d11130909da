"""Compare: which is better, and why?"""

from __future__ import annotations

import streamlit as st

from mnist_core.course import compare
from mnist_core.course.compare import KINDS, Entry
from mnist_core.course.experiments import EXPERIMENTS, Experiment
from mnist_core.course.findings import difference, fit, step
from mnist_core.course.outcome import Outcome
from mnist_core.course.records import ALL, RECORDS, Record
from mnist_core.course.report import outcomes
from mnist_core.course.results import RESULTS, read_results
from mnist_core.course.shipped import shipped
from mnist_core.probe import catalog
from mnist_core.runs import store, words
from mnist_core.runs.checkpoint import shipped_folder
from mnist_core.runs.figures import TARGET_ACCURACY
from pages.parts import state
from pages.parts.entrance import through_app
from pages.parts.scatter import SIGNS, SMALL, next_at, scatter
from pages.parts.standings import standings, sure
from pages.parts.style import plain

STYLE = """<style>
.st-key-chosen { scroll-margin-top: 5rem; gap: 0.75rem; }
.st-key-chosen h3 { font-size: 1.375rem; padding: 0 0 0.25rem; }
.st-key-chosen p:has(> span) { line-height: 1.4; }
.st-key-chosen strong:has(+ span) { font-size: 1.5rem; }
@media (max-width: 640px) {
  .st-key-answers [data-testid="stMetric"] { flex: 1 1 9rem; }
  .st-key-answers [data-testid="stMetricValue"] { font-size: 1.5rem; }
  .st-key-kinds button { padding-inline: 0.5rem; }
}
</style>"""
LIMIT = 20_000  # params that the courses allow at most
SEVERAL = "The mean of trainings with other random numbers (seeds), ± their standard deviation."
ONE = "One training. With 10,000 test images chance alone moves its accuracy between these (95 %, Wilson)."
HUES = {"published": "gray", "reproduced": "blue", "shipped": "violet", "yours": "orange"}
WHAT = {
    "published": "what its document reports, one run",
    "reproduced": "trained here with the published recipe",
    "shipped": "a checkpoint that ships with the lab",
    "yours": "your own run",
}


@st.cache_resource(show_spinner=False, max_entries=2)
def reproduction(modified: float) -> dict[str, Outcome]:
    """The outcomes of the experiments; `modified` tells one state of the data file from another."""
    return outcomes(read_results())


def known() -> dict[str, Outcome]:
    return reproduction(RESULTS.stat().st_mtime if RESULTS.exists() else 0.0)


def collect() -> list[Entry]:
    """All that there is to compare."""
    checkpoints = shipped(shipped_folder())
    reproduced = compare.reproduced(known().values(), checkpoints)
    shipping = compare.shipping(checkpoints, besides=reproduced)
    return [*compare.published(), *reproduced, *shipping, *compare.own(store.list_runs())]


def answers(entries: list[Entry]) -> None:
    """Three figures: the best within the course's limit, the smallest that meets its bar, one's own best."""
    with st.container(horizontal=True, gap="medium", key="answers"):
        best = compare.best_under(entries, LIMIT)
        small = compare.smallest_at_target(entries)
        mine = compare.best_under([entry for entry in entries if entry.kind == "yours"], 10**12)
        _answer(f"Best under {LIMIT:,} params", best, words.percent(best.accuracy if best else None))
        _answer(
            f"Fewest params at {100 * TARGET_ACCURACY:.2f} %", small, f"{small.params:,}" if small else "–"
        )
        _answer("Your best", mine, words.percent(mine.accuracy if mine else None), "no finished run yet")


def _answer(label: str, entry: Entry | None, figure: str, without: str = "none") -> None:
    st.metric(
        label,
        figure,
        f"{plain(entry.name)}, {entry.kind}" if entry else without,
        delta_color="off",
        delta_arrow="off",
        help="Judged by the last epoch's accuracy on the 10,000 test images, of several seeds by the mean.",
    )


def choose() -> None:
    """Takes the entry that was clicked in the table."""
    state.put("chosen_entry", state.trigger("compare_table", "chosen"))


def choose_point() -> None:
    """Takes the entry that was clicked in the figure; clicked again, the next one at the same place."""
    place = state.trigger("compare_chart", "chosen")
    state.put("chosen_entry", next_at(place, state.value("clicked_point"), state.value("chosen_entry")))
    state.put("clicked_point", place[0])


def facts(entry: Entry) -> None:
    """The chosen entry: what it is and reached, where it can be opened, and what is known about it."""
    experiment = EXPERIMENTS.get(entry.name) if entry.kind in ("published", "reproduced") else None
    st.subheader(plain(entry.name), anchor=False)
    st.caption("  \n".join(filter(None, (f"{entry.kind}: {WHAT[entry.kind]}", _title(entry)))))
    best = f" · best epoch {words.percent(entry.best)}" if entry.best is not None else ""
    short = f" of {experiment.recipe.epochs}" if experiment and entry.shortened else ""
    level = "95 %: " if entry.deviation is None else ""
    st.markdown(
        f"**{words.percent(entry.accuracy)}** :gray[{level}{sure(entry)}]  \n"
        f"{entry.params:,} params · {entry.epochs}{short} epochs{best}",
        help=ONE if entry.deviation is None else SEVERAL,
    )
    _doors(entry)
    if entry.kind == "shipped" and entry.name in RECORDS:
        _found(RECORDS[entry.name])
    elif experiment:
        _analysis(experiment)


def _title(entry: Entry) -> str:
    """What a net is for, in its document's words or as its class of records; "" for one's own."""
    about = ALL.get(entry.name) if entry.kind != "yours" else None
    if about is None:
        return ""
    if entry.kind == "shipped":
        own = "our record" if isinstance(about, Record) else "trained with a recipe of the lab's own"
        return f"**{plain(about.title)}** · {own}"
    inexact = "" if about.exact else ", a reconstruction of what it tells"
    return f"**{plain(about.title)}** · {plain(about.document)}{inexact}"


def _doors(entry: Entry) -> None:
    """Where the entry can be opened."""
    with st.container(horizontal=True, gap="small"):
        if st.button("Open in Design", icon=":material/schema:", type="primary"):
            state.open_spec(entry.spec)
            st.switch_page("pages/design.py")
        if entry.run and st.button("Open in Train", icon=":material/model_training:"):
            state.select_run(entry.run)
            st.switch_page("pages/train.py")
        askable = entry.checkpoint in {one.key for one in catalog.entries()}
        which = "The checkpoint of its first seed." if entry.seeds > 1 else None
        if askable and st.button("Open in Draw", icon=":material/draw:", help=which):
            state.put("nets", [entry.checkpoint])
            st.switch_page("pages/draw.py")


def _found(record: Record) -> None:
    """What a record stands against, and how it was found."""
    known = {"best published": record.known, "wanted": record.bar}
    st.markdown("  \n".join(f":gray[{name}] {plain(text)}" for name, text in known.items()))
    with st.expander("How it was found"):
        st.markdown(_small(record.remark or ""))


def _analysis(experiment: Experiment) -> None:
    """What came of an experiment, a tab for each question that has an answer."""
    outcome = known().get(experiment.name)
    against = difference(outcome) if outcome else "Not trained here yet."
    here = f"{words.percent(outcome.mean)} here, " if outcome and against else ""
    said = {
        "Result": here + against,
        "Fit": fit(outcome) if outcome else "",
        "Step": step(experiment, known()),
        "Document": experiment.remark or "",
    }
    said = {name: text for name, text in said.items() if text}
    for tab, text in zip(st.tabs(list(said)), said.values(), strict=True):
        tab.markdown(_small(text))


def _small(text: str) -> str:
    return f":small[{plain(text.replace('`', ''))}]"


through_app()
st.html(STYLE)
entries = collect()
answers(entries)
with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
    kinds = st.segmented_control(
        "Show",
        KINDS,
        default=KINDS,
        selection_mode="multi",
        key="kinds",
        format_func=lambda kind: f":{HUES[kind]}[{SIGNS[kind]}] {kind}",
        persist_state="session",
        label_visibility="collapsed",
        help="  \n".join(f"**{kind}**: {what}" for kind, what in WHAT.items()),
    )
    large = st.toggle(
        f"nets above {SMALL:,} params",
        key="large_nets",
        persist_state="session",
        help="They would squeeze the small ones together in the figure; the table has them always.",
    )
shown = [entry for entry in entries if entry.kind in kinds]
if not shown:
    st.info("Nothing to compare here. Choose another kind above, or train a net.", icon=":material/info:")
    st.stop()
chosen = next((entry for entry in shown if entry.key == state.value("chosen_entry")), None)
chosen = chosen or compare.best_under(shown, LIMIT) or shown[0]
left, right = st.columns([2, 1], gap="large")
with left:
    scatter("compare_chart", shown, chosen, large, choose_point)
with right, st.container(key="chosen"):
    facts(chosen)
standings("compare_table", shown, chosen, choose)
