"""Does it know my hand?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from mnist_core.probe import catalog
from mnist_core.probe.catalog import Entry
from mnist_core.probe.drawing import naive_resize, to_digit
from mnist_core.probe.inference import predict
from mnist_core.runs.checkpoint import CheckpointError
from pages.parts import canvas
from pages.parts.entrance import through_app
from pages.parts.guess import about, guess
from pages.parts.sources import sources

MOST_NETS = 4

STYLE = """<style>
.st-key-canvas-box { background: #000; border-radius: 0.5rem; overflow: hidden; }
@media (max-width: 740px) {
  .st-key-draw-body { gap: 1rem; }
  .st-key-draw-body > div:last-child { order: -1; }
}
@media (max-width: 363px) { .st-key-canvas-box { zoom: 0.88; } }
</style>"""


def choose(found: tuple[Entry, ...]) -> list[Entry]:
    """The checkpoints that are asked; at first the one that ships with the lab."""
    by_key = {entry.key: entry for entry in found}
    keys = st.multiselect(
        "Checkpoints",
        list(by_key),
        default=list(by_key)[:1],
        key="nets",
        max_selections=MOST_NETS,
        select_all=False,
        format_func=lambda key: f"{by_key[key].name} · {about(by_key[key])}",
        help="The trained nets that are asked about the drawing, up to four side by side.",
        placeholder="Choose a trained net",
        persist_state="session",
    )
    return [by_key[key] for key in keys if key in by_key]


def ask(chosen: Sequence[Entry], digits: list[np.ndarray]) -> list[tuple[Entry, np.ndarray]]:
    """Each net's probabilities, (N, 10); a net whose file has become unreadable says why."""
    said = []
    for entry in chosen:
        try:
            said.append((entry, predict(entry.path, digits)))
        except CheckpointError as error:
            st.warning(str(error), icon=":material/error:")
    return said


@st.fragment
def draw(chosen: list[Entry]) -> None:
    """The canvas and, after each stroke, the answer."""
    with st.container(horizontal=True, gap="large", key="draw-body"):
        with st.container(width=canvas.SIDE, gap="small"):
            box = st.container(key="canvas-box", height=canvas.SIDE, border=False)
            with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
                brush = st.slider("Brush", 6, 48, 22, key="brush", format="%d px", persist_state="session")
                st.button("Undo", key="undo_stroke", on_click=canvas.undo)
                st.button("Clear", key="clear", on_click=canvas.clear)
            sources()
            with box:
                drawing = canvas.canvas(brush)
            canvas.prompt()
        with st.container(key="guess-box", width="stretch"):
            pixels = drawing.pixels()
            prepared, naive = to_digit(pixels), naive_resize(pixels)
            said = ask(chosen, [prepared.digit, naive])
            guess(prepared, naive, said, len(drawing.objects), drawing.caption if drawing.is_source else "")


through_app()
st.html(STYLE)
found = catalog.entries()
if not found:
    st.info(
        "There is no trained net yet. Train one, and it can be asked here.", icon=":material/model_training:"
    )
else:
    body, below = st.container(), st.container()
    with below:
        chosen = choose(found)
    with body:
        draw(chosen)
