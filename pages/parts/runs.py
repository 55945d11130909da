"""Runs on the page: the list of earlier ones, how far one is, what it has reached, its log."""

from __future__ import annotations

from typing import Any

import streamlit as st

from mnist_core.architecture.analysis import analyze
from mnist_core.runs import store, words
from mnist_core.runs.curves import Curves, curves_of
from mnist_core.runs.figures import TARGET_ACCURACY
from mnist_core.runs.files import last_lines
from mnist_core.runs.seeds import Bands
from mnist_core.runs.status import LIVE, RESUMABLE
from mnist_core.runs.store import RunView
from mnist_core.training import recipe_words
from pages.parts import charts, line, log, watch
from pages.parts.headline import Figure
from pages.parts.style import plain

ICONS = {
    "queued": ":material/hourglass_empty:",
    "preparing": ":material/hourglass_top:",
    "training": ":material/play_circle:",
    "done": ":material/check_circle:",
    "paused": ":material/pause_circle:",
    "stopped": ":material/stop_circle:",
    "interrupted": ":material/power_off:",
    "failed": ":material/error:",
    "deleted": ":material/delete:",
}
SYNTHETIC = ":orange-badge[:material/warning: synthetic digits, not MNIST]"


_STYLE = """<style>
/* A live page is drawn again and again: what fades or glides each time takes time from the training. */
.stElementContainer[data-stale], [data-testid="stTabs"] > * {
  transition: none !important; opacity: 1 !important;
}
/* What stands above the curves, on a phone above the figures: as high while a run trains as at its end. */
.st-key-head { min-height: 3rem; }
.st-key-standing { min-height: 2.5rem; }
.st-key-standing [data-testid="stMarkdownContainer"] p { font-size: 0.875rem; }
.st-key-Pause [data-testid="stMarkdownContainer"], .st-key-Stop [data-testid="stMarkdownContainer"] {
  position: absolute; clip-path: inset(50%);
}
.st-key-runs button p {
  display: flex; gap: 0.5em; width: 100%; overflow: hidden;
  font-variant-numeric: tabular-nums; white-space: nowrap;
}
.st-key-runs button > div, .st-key-runs button > div > span { width: 100%; }
.st-key-runs [data-testid="stMarkdownContainer"] { flex: 1; }
.st-key-runs button { padding: 0 0.6rem; }
.st-key-pulse { position: absolute; }
[data-testid="stLayoutWrapper"]:has(> .st-key-before) { flex: 1 0 max-content; }
.st-key-before { flex-wrap: nowrap; }
.st-key-runs button p > * { flex: none; }
.st-key-runs button p em { flex: 0 1 auto; overflow: hidden; text-overflow: ellipsis; font-style: normal; }
.st-key-runs button p strong { margin-left: auto; }
@media (min-width: 641px) {
  [data-testid="stMainBlockContainer"] { padding-inline: 2.5rem; }
  .st-key-head { flex-wrap: nowrap; }
  .st-key-fit { min-height: 2.8rem; }
}
@media (max-width: 640px) {
  .st-key-standing { min-height: 4.75rem; row-gap: 0.25rem; }
  .st-key-fit { min-height: 5.5rem; }
  [data-testid="stLayoutWrapper"]:has(> .st-key-before) { flex-basis: 100%; }
  .st-key-before { justify-content: start; }
}
</style>"""


def style() -> None:
    """Call before the rest of a page that shows runs."""
    st.html(_STYLE)


def icon(state: str) -> str:
    """The state's sign; red only for what is broken, the accent for what is alive."""
    color = "red" if state in ("failed", "interrupted") else "primary" if state in LIVE else "gray"
    return f":{color}[{ICONS[state]}]"


def progress(view: RunView) -> None:
    """Where the run stands, and where a net that has ended can be asked and compared."""
    status = view.status
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="standing"):
        if view.alive:
            line.line("progress", progress_shown(view))
        else:
            st.markdown(_outcome(view), width="content")
            _ways_on(view)
    if view.state in ("failed", "interrupted", "deleted"):
        st.error(plain(status.message).replace("\n", "  \n"), icon=":material/error:")


def _ways_on(view: RunView) -> None:
    asked = {"net": f"runs/{view.run.name}"}
    with st.container(horizontal=True, width="content", gap="small"):
        if view.checkpoint:
            st.page_link("pages/draw.py", label="ask it on Draw", icon=":material/draw:", query_params=asked)
        if view.state == "done" and view.data == "mnist":  # others are not compared
            st.page_link("pages/compare.py", label="compare", icon=":material/leaderboard:")


def progress_shown(view: RunView) -> dict[str, Any]:
    """How far a live run is, as what a line shows."""
    wish = {"stop": "Stopping after this step", "pause": "Pausing after this step"}.get(view.wish)
    return line.shown(wish or words.progress_line(view), min(1.0, max(0.0, view.status.progress)))


def _outcome(view: RunView) -> str:
    status, figures = view.status, view.status.figures
    epochs = words.counted(view.recipe.total_epochs, "epoch") if view.recipe else "? epochs"
    parts = [f"{icon(view.state)} **{words.STATE_WORDS[view.state].capitalize()}**"]
    parts.append(f"{figures.get('epochs', 0)} of {epochs}")
    if status.seconds:
        parts.append(words.duration(status.seconds))
    if status.waited >= 1:
        parts.append(f"waited {words.duration(status.waited)}")
    if status.device:
        parts.append(f"{status.device}, {words.threads(status.threads)}")
    if view.state in ("paused", "stopped") and status.saved_epoch:
        goes_on = f"Resume goes on in epoch {status.saved_epoch}"
        there = (view.run / store.STATE).is_file()
        parts.append(goes_on if there else f"{store.STATE} is gone, so that Resume starts again")
    return " · ".join(parts)


def headline_of(view: RunView) -> list[Figure]:
    """The three figures. Without a validation split: last epoch, best epoch, when the target was met."""
    figures = view.status.figures
    if figures.get("judged_on") == "validation" or (view.recipe and view.recipe.validation_size):
        held_out = view.recipe.validation_size if view.recipe else 0
        return [
            _figure("Validation, last epoch", figures.get("validation_accuracy"), held_out, _VALIDATION),
            _best(view, "validation"),
            _figure("Test, at the end", figures.get("test_accuracy"), figures.get("test_images"), _TEST_ONCE),
        ]
    where = "test" if view.data == "mnist" else "synthetic test"
    last = figures.get("test_accuracy"), figures.get("test_images")
    shown = [_figure(f"{where.capitalize()}, last epoch", *last, _TEST), _best(view, where)]
    return [*shown, _target(view)] if view.data == "mnist" else shown


def _target(view: RunView) -> Figure:
    figures = view.status.figures
    met, epoch = figures.get("target_seconds"), figures.get("target_epoch")
    unmet = "not yet" if view.alive or view.state in RESUMABLE else "no"
    held = " · ".join([f"epoch {epoch}", *filter(None, [words.held(figures)])])
    return Figure(
        f"{100 * TARGET_ACCURACY:g} % met",
        f"after {words.duration(met)}" if isinstance(met, (int, float)) else unmet,
        held if epoch else "the course's target",
        "Time, evaluations included, until the test accuracy first reached the course's target, and in how "
        "many of the last epochs it held: once may be luck.",
    )


_TEST = (
    "Share of the {images} test images that are named right after the last epoch, and the 95 % interval "
    "(Wilson) that so many images allow. As in the course, the test images are looked at after every epoch; "
    "nothing is selected on them."
)
_TEST_ONCE = "Share of the {images} test images named right. They are looked at once, after the last epoch."
_LOOKED_AT = "The test images are looked at after every epoch, as in the course; nothing is selected on them."
_READ_ONCE = "Epochs are judged by the validation images; the test images are looked at once, at the end."
_VALIDATION = "Share of the {images} held-out training images that are named right after the last epoch."


def _figure(label: str, accuracy: Any, images: Any, what: str) -> Figure:
    """An accuracy and its interval."""
    count, interval = images if isinstance(images, int) and images > 0 else 10_000, "after the first epoch"
    if what == _TEST_ONCE:
        interval = "after the last epoch"
    if isinstance(accuracy, float):
        interval = f"95 %: {words.interval(accuracy, count)}"
    return Figure(label, words.percent(accuracy), interval, what.format(images=f"{count:,}"))


def _best(view: RunView, where: str) -> Figure:
    figures = view.status.figures
    epoch = f"epoch {figures['best_epoch']}" if figures.get("best_epoch") else "of all epochs"
    held = words.held(figures) if where == "validation" and view.data == "mnist" else ""
    return Figure(
        "Best",
        words.percent(figures.get("best_accuracy")),
        f"{epoch} · {100 * TARGET_ACCURACY:g} % {held}" if held else epoch,
        f"The highest {where} accuracy of all epochs. It flatters: it was picked on the images that it is "
        "measured on. The checkpoint holds the last epoch's weights.",
    )


def curves(view: RunView, bands: Bands, limit: int | None) -> None:
    """Accuracy and loss, side by side (below each other on a phone), see `charts`."""
    drawn = curves_shown(view, bands, limit)
    left, right = st.columns(2)
    with left:
        charts.show("accuracy", drawn["accuracy"])
    with right:
        charts.show("loss", drawn["loss"])
    st.caption(_READ_ONCE if view.recipe and view.recipe.validation_size else _LOOKED_AT)


def curves_shown(view: RunView, bands: Bands, limit: int | None) -> dict[str, Any]:
    """What the two charts show, as data by name."""
    drawn, name = curves_of(view), view.run.name
    epochs = view.recipe.total_epochs if view.recipe else 1
    return {
        "accuracy": charts.accuracy_shown(drawn, epochs, name, view.data == "mnist", bands.accuracy, limit),
        "loss": charts.loss_shown(drawn, epochs, name, bands.loss, limit),
    }


def title(view: RunView) -> None:
    """What this run trains: the design by name, its size, the recipe in short."""
    parts = [f"**{plain(view.title)}**"]
    if view.spec:
        parts.append(f"{analyze(view.spec).params:,} params")
    if view.recipe:
        recipe = view.recipe
        epochs = words.counted(recipe.total_epochs, "epoch")
        parts.append(f"{epochs}, {recipe.optimizer} {recipe.learning_rate:g}")
        parts.append(f"seed {recipe.seed}")
    parts.append("MNIST" if view.data == "mnist" else SYNTHETIC)
    if view.rates:
        parts.append(f"rate by hand: {words.rate_changes(view)}")
    st.markdown(" · ".join(parts) + f" :gray[· {words.when(view)}]", width="stretch")


def details(view: RunView) -> tuple[bool, bool]:
    """Log, confusion matrix, mistakes, recipe and files, for those who want them.

    Whether what is open changes when an epoch ends, and whether it waits for something right now.
    """
    changes = waits = False
    names = ["Log", "Confusion", "Mistakes", "Recipe", "Files"]
    printed, confusion, mistakes, recipe, files = st.tabs(names, key="details", on_change="rerun")
    with confusion:
        if confusion.open:  # not before: the net is asked about every digit
            changes, waits = True, watch.matrix(view)
    with mistakes:
        if mistakes.open:
            changes, waits = True, watch.mistakes(view)
    with printed:
        if printed.open:
            log.log("log", log_shown(view))
    with recipe:
        if recipe.open:
            _recipe(view)
    with files:
        if files.open:
            st.caption(f"`{view.run.folder}`")
            st.code(last_lines(view.run / store.LOG) or "worker.log is empty", language=None)
            changes = True
    return changes, waits


def _recipe(view: RunView) -> None:
    """What acted in words, all fields behind a button."""
    if view.recipe is None:
        st.caption("The recipe of this run cannot be read.")
        return
    st.markdown(recipe_words.sentence(view.recipe))
    rows = recipe_words.acting(view.recipe) | words.acted(view)
    st.markdown("| field | value |\n|---|---|\n" + "".join(f"| {name} | {rows[name]} |\n" for name in rows))
    with st.expander("all fields"):
        st.json(view.recipe.to_dict())


def log_shown(view: RunView) -> dict[str, Any]:
    """What the log shows, as data."""
    empty = "The log of the epochs will stand here, in the notebooks' form, to be copied."
    return log.shown(words.notebook_log(view), empty)


def nothing_yet(epochs: int) -> None:
    """What stands where a run will be shown."""
    st.markdown(
        "No run yet. **Train** starts one; its curves grow here while it learns. With the recipe *fast* "
        "a net of 20,000 params knows 99 % after the first epoch."
    )
    empty = Curves((), (), (), (), (), (), (), ())
    left, right = st.columns(2)
    with left:
        charts.show("accuracy", charts.accuracy_shown(empty, epochs, ""))
    with right:
        charts.show("loss", charts.loss_shown(empty, epochs, ""))
