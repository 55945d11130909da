"""Runs on the page: the list of earlier ones, how far one is, what it has reached, its log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mnist_core.architecture.analysis import analyze
from mnist_core.runs import store, words
from mnist_core.runs.curves import Curves, curves_of
from mnist_core.runs.figures import TARGET_ACCURACY
from mnist_core.runs.files import last_lines
from mnist_core.runs.seeds import Band
from mnist_core.runs.status import LIVE
from mnist_core.runs.store import RunView
from pages.parts import charts, watch

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
.stElementContainer[data-stale], [data-testid="stTabs"] > *, [data-testid="stProgressBarTrack"] > * {
  transition: none !important; opacity: 1 !important;
}
.st-key-runs button p {
  display: flex; gap: 0.5em; width: 100%; overflow: hidden;
  font-variant-numeric: tabular-nums; white-space: nowrap;
}
.st-key-runs button > div, .st-key-runs button > div > span { width: 100%; }
.st-key-runs [data-testid="stMarkdownContainer"] { flex: 1; }
.st-key-runs button { padding: 0 0.6rem; }
.st-key-runs button p strong { margin-left: auto; }
[data-testid="stMetricValue"] { font-size: clamp(1.5rem, 2.2vw, 2.25rem); }
@media (min-width: 641px) { [data-testid="stMainBlockContainer"] { padding-inline: 2.5rem; } }
@media (max-width: 640px) {
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


def plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]()#+-.!|~$:<>" else letter for letter in text)


def progress(view: RunView) -> None:
    """Where the run stands."""
    status = view.status
    if view.alive:
        line = {"stop": "Stopping after this step", "pause": "Pausing after this step"}.get(view.wish)
        st.progress(min(1.0, max(0.0, status.progress)), text=line or words.progress_line(view))
    else:
        st.markdown(_outcome(view))
    if view.state in ("failed", "interrupted", "deleted"):
        st.error(plain(status.message).replace("\n", "  \n"), icon=":material/error:")


def _outcome(view: RunView) -> str:
    status, figures = view.status, view.status.figures
    epochs = view.recipe.total_epochs if view.recipe else "?"
    parts = [f"{icon(view.state)} **{words.STATE_WORDS[view.state].capitalize()}**"]
    parts.append(f"{figures.get('epochs', 0)} of {epochs} epochs")
    if status.seconds:
        parts.append(words.duration(status.seconds))
    if status.waited >= 1:
        parts.append(f"waited {words.duration(status.waited)}")
    if status.device:
        parts.append(f"{status.device}, {words.threads(status.threads)}")
    if view.state in ("paused", "stopped") and status.saved_epoch:
        parts.append(f"Resume goes on in epoch {status.saved_epoch}")
    return " · ".join(parts)


def headline(view: RunView) -> None:
    """The three figures. Without a validation split: last epoch, best epoch, when the target was met."""
    figures = view.status.figures
    row = st.container(horizontal=True, gap="medium")
    if figures.get("judged_on") == "validation" or (view.recipe and view.recipe.validation_size):
        held_out = view.recipe.validation_size if view.recipe else 0
        _figure(row, "Validation, last epoch", figures.get("validation_accuracy"), held_out, _VALIDATION)
        _best(row, view, "validation")
        _figure(row, "Test, at the end", figures.get("test_accuracy"), figures.get("test_images"), _TEST_ONCE)
        return
    where = "test" if view.data == "mnist" else "synthetic test"
    _figure(
        row,
        f"{where.capitalize()}, last epoch",
        figures.get("test_accuracy"),
        figures.get("test_images"),
        _TEST,
    )
    _best(row, view, where)
    if view.data == "mnist":
        met, epoch = figures.get("target_seconds"), figures.get("target_epoch")
        row.metric(
            f"{100 * TARGET_ACCURACY:g} % met",
            f"after {words.duration(met)}"
            if isinstance(met, (int, float))
            else "not yet"
            if view.alive
            else "no",
            " · ".join([f"epoch {epoch}", *filter(None, [words.held(figures)])])
            if epoch
            else "the course's target",
            delta_color="off",
            delta_arrow="off",
            help="Training time until the test accuracy first reached the course's target, and in how many "
            "of the last epochs it held: once may be luck.",
        )


_TEST = (
    "Share of the {images:,} test images that are named right after the last epoch, and the 95 % interval "
    "(Wilson) that so many images allow. As in the course, the test images are looked at after every epoch; "
    "nothing is selected on them."
)
_TEST_ONCE = "Share of the {images:,} test images named right. They are looked at once, after the last epoch."
_VALIDATION = "Share of the {images:,} held-out training images that are named right after the last epoch."


def _figure(row: DeltaGenerator, label: str, accuracy: Any, images: Any, what: str) -> None:
    """An accuracy and its interval; the second line is always there, so that nothing jumps."""
    count, interval = images if isinstance(images, int) and images > 0 else 10_000, "after the first epoch"
    if what == _TEST_ONCE:
        interval = "after the last epoch"
    if isinstance(accuracy, float):
        low, high = words.wilson(accuracy, count)
        interval = f"95 %: {100 * low:.2f} – {100 * high:.2f}"
    row.metric(
        label,
        words.percent(accuracy),
        interval,
        delta_color="off",
        delta_arrow="off",
        help=what.format(images=count),
    )


def _best(row: DeltaGenerator, view: RunView, where: str) -> None:
    figures = view.status.figures
    epoch = f"epoch {figures['best_epoch']}" if figures.get("best_epoch") else "of all epochs"
    held = words.held(figures) if where == "validation" and view.data == "mnist" else ""
    row.metric(
        "Best",
        words.percent(figures.get("best_accuracy")),
        f"{epoch} · {100 * TARGET_ACCURACY:g} % {held}" if held else epoch,
        delta_color="off",
        delta_arrow="off",
        help=f"The highest {where} accuracy of all epochs. It flatters: it was picked on the images that "
        "it is measured on. The checkpoint holds the last epoch's weights.",
    )


def curves(view: RunView, band: Sequence[Band] = ()) -> None:
    """Accuracy and loss, side by side (below each other on a phone); `band` is that of several seeds."""
    drawn = curves_of(view)
    epochs = view.recipe.total_epochs if view.recipe else 1
    left, right = st.columns(2)
    with left:
        target = view.data == "mnist"
        charts.accuracy_chart("accuracy", drawn, epochs, view.run.name, target, band)
    with right:
        charts.loss_chart("loss", drawn, epochs, view.run.name)


def title(view: RunView) -> None:
    """What this run trains: the design by name, its size, the recipe in short."""
    parts = [f"**{plain(view.title)}**"]
    if view.spec:
        parts.append(f"{analyze(view.spec).params:,} params")
    if view.recipe:
        recipe = view.recipe
        plural = "s" if recipe.total_epochs > 1 else ""
        parts.append(f"{recipe.total_epochs} epoch{plural}, {recipe.optimizer} {recipe.learning_rate:g}")
        parts.append(f"seed {recipe.seed}")
    parts.append("MNIST" if view.data == "mnist" else SYNTHETIC)
    if view.rates:
        changed = view.rates[-1]
        parts.append(f"rate × {changed.get('scale'):g} by hand since epoch {changed.get('epoch')}")
    st.markdown(" · ".join(parts) + f" :gray[· {words.when(view)}]", width="stretch")


def details(view: RunView) -> None:
    """Log, confusion matrix, mistakes, recipe and files, for those who want them."""
    names = ["Log", "Confusion", "Mistakes", "Recipe", "Files"]
    log, confusion, mistakes, recipe, files = st.tabs(names, key="details", on_change="rerun")
    with confusion:
        if confusion.open:  # not before: the net is asked about every digit
            watch.matrix(view)
    with mistakes:
        if mistakes.open:
            watch.mistakes(view)
    with log:
        if log.open:
            text = words.notebook_log(view)
            st.code(
                text or "The log of the epochs will stand here, in the notebooks' form, to be copied.",
                language=None,
            )
    with recipe:
        if recipe.open:
            st.json(view.recipe.to_dict() if view.recipe else {}, expanded=1)
    with files:
        if files.open:
            st.caption(f"`{view.run.folder}`")
            last = last_lines(view.run / store.LOG)
            st.code(last or "worker.log is empty", language=None)


def nothing_yet(epochs: int) -> None:
    """What stands where a run will be shown."""
    st.markdown(
        "No run yet. **Train** starts one; its curves grow here while it learns. With the recipe *fast* "
        "a net of 20,000 params is past 99 % after two epochs."
    )
    empty = Curves((), (), (), (), (), (), (), ())
    left, right = st.columns(2)
    with left:
        charts.accuracy_chart("accuracy", empty, epochs, "")
    with right:
        charts.loss_chart("loss", empty, epochs, "")
