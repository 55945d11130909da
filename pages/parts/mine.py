"""My handwriting: keep drawings with their label, and see how well the nets know them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from mnist_core.probe.catalog import Entry
from mnist_core.probe.handwriting import (
    Handwriting,
    HandwritingError,
    archive,
    delete,
    handwriting_folder,
    keep,
    kept,
    load,
)
from mnist_core.probe.inference import SMALL, predict
from mnist_core.runs.words import wilson
from pages.parts import canvas, state
from pages.parts.guess import percent
from pages.parts.pictures import Picture, pictures
from pages.parts.style import plain

GALLERY = 24  # wrong ones shown
Files = tuple[tuple[str, int], ...]  # their names and when they were changed, in nanoseconds
KEPT = "kept drawings"  # the paths of those that were kept on this page, in order


def mine(entries: Sequence[Entry]) -> None:
    """Keep the drawing, the accuracy of each net on all that are kept, and the wrong ones."""
    folder = handwriting_folder()
    paths = kept(folder)
    st.markdown(
        "Keep this drawing as a",
        help="Goes into a folder of pictures on the computer that runs the lab, named after its digit; "
        "the canvas is cleared for the next. Whoever uses this lab has the same folder.",
    )
    # Buttons, as a choice would be told once more by a stroke that comes before the server has taken it back.
    with st.container(horizontal=True, gap="xsmall", key="keep_as"):
        for label in range(10):
            st.button(str(label), key=f"keep as {label}", on_click=_keep, args=(label,))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.button(
            "Take back the last",
            key="unkeep",
            disabled=not state.value(KEPT),
            on_click=_take_back,
            help="Deletes the drawing that you kept last. Those of others stay.",
        )
        st.download_button(
            "Download",
            data=lambda: archive(folder),
            file_name="handwriting.zip",
            mime="application/zip",
            icon=":material/download:",
            disabled=not paths,
            on_click="ignore",
        )
        with st.popover("Delete all", disabled=not paths):
            st.caption("Everything in the folder, whoever kept it.")
            st.button(f"Yes, delete all {len(paths):,} pictures", key="delete_all", on_click=_delete_all)
    if word := state.value("handwriting_word"):
        st.caption(plain(word))
    if not paths:
        st.caption(
            "Nothing is kept yet. Draw a digit, then say which one it is; ten of each make a test set."
        )
        return
    try:
        files = tuple((path.name, path.stat().st_mtime_ns) for path in paths)
        found = _loaded(folder, files)
        _results(entries, folder, files, found)
    except (HandwritingError, OSError) as error:
        st.caption(plain(str(error)))
        return
    for _, reason in found.refused[:5]:
        st.caption(f"Left out: {plain(reason)}.")


@st.cache_resource(max_entries=8, show_spinner="Preparing the pictures …")
def _loaded(folder: Path, files: Files) -> Handwriting:
    """Prepared once for each state of the folder."""
    return load(folder)


@st.cache_resource(max_entries=32, show_spinner=False)
def _said(path: Path, changed: int, folder: Path, files: Files) -> NDArray[np.float32]:
    """The net's probabilities for all of them, (N, 10); asked once, few at a time, as a run may train."""
    digits = _loaded(folder, files).digits
    return np.concatenate([predict(path, digits[at : at + SMALL]) for at in range(0, len(digits), SMALL)])


def _results(entries: Sequence[Entry], folder: Path, files: Files, found: Handwriting) -> None:
    count = len(found.labels)
    said = [(entry, _said(entry.path, entry.path.stat().st_mtime_ns, folder, files)) for entry in entries]
    with st.container(horizontal=True, gap="large"):
        for entry, probabilities in said:
            right = int((probabilities.argmax(axis=1) == found.labels).sum())
            low, high = wilson(right / count, count)
            st.metric(
                plain(entry.name),
                f"{right:,} of {count:,}",
                help=f"{right / count:.1%} of the digits kept here are named right; so few pictures allow "
                f"anything from {low:.0%} to {high:.0%} (95 % interval, Wilson).",
                width="content",
            )
    entry, probabilities = said[0]
    named = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(named != found.labels)
    if not len(wrong):
        st.caption(f"{plain(entry.name)} names all of them right.")
        return
    st.caption(f"What {plain(entry.name)} names wrong:")
    pictures(
        [
            Picture(
                f"{found.labels[index]}, named {named[index]}",
                f"{percent(probabilities[index].max())} sure",
                found.digits[index],
            )
            for index in wrong[:GALLERY]
        ],
        key="handwriting_wrong",
    )


def _keep(label: int) -> None:
    drawing = canvas.current()
    with state.actions().once(("keep", label)) as first:
        if not first and not drawing.objects:  # it has just been kept and wiped
            return
        try:
            path = keep(drawing.pixels(), label, handwriting_folder())
        except HandwritingError as error:
            state.put("handwriting_word", str(error))
        else:
            state.put(KEPT, (*(state.value(KEPT) or ()), path))
            state.put("handwriting_word", f"Kept as {label}.")
            canvas.clear()


def _take_back() -> None:
    *before, last = state.value(KEPT)
    state.put(KEPT, tuple(before))
    _delete([last], "The last one is deleted.")


def _delete_all() -> None:
    state.put(KEPT, ())
    _delete(list(kept(handwriting_folder())), "All are deleted.")


def _delete(paths: Sequence[Path], word: str) -> None:
    try:
        delete(paths)
    except (HandwritingError, OSError) as error:
        word = str(error)
    state.put("handwriting_word", word)
