"""Does it know my hand?"""

from __future__ import annotations

import streamlit as st

from mnist_core.probe import catalog
from mnist_core.probe.catalog import Entry
from mnist_core.probe.drawing import naive_resize, to_digit
from mnist_core.probe.inference import predict
from mnist_core.runs.checkpoint import CheckpointError
from pages.parts import canvas
from pages.parts.guess import about, guess

MOST_NETS = 4

STYLE = """<style>
.st-key-canvas-box { background: #000; border-radius: 0.5rem; width: 340px; overflow: hidden; }
@media (max-width: 640px) { .st-key-guess-box { order: -1; } }
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
        format_func=lambda key: f"{by_key[key].name} · {about(by_key[key])}",
        help="The trained nets that are asked about the drawing, up to four side by side.",
        placeholder="Choose a trained net",
        persist_state="session",
    )
    return [by_key[key] for key in keys if key in by_key]


@st.fragment
def draw(chosen: list[Entry]) -> None:
    """The canvas and, after each stroke, the answer."""
    with st.container(horizontal=True, gap="large", key="draw-body"):
        with st.container(width=340, gap="small"):
            controls_above = st.container(key="canvas-box", height=canvas.SIDE, border=False)
            with st.container(horizontal=True, vertical_alignment="bottom"):
                brush = st.slider("Brush", 6, 48, 22, key="brush", format="%d px", persist_state="session")
                st.button("", key="undo_stroke", icon=":material/undo:", help="Undo", on_click=canvas.undo)
                st.button("", key="clear", icon=":material/delete:", help="Clear", on_click=canvas.clear)
            with controls_above:
                drawing = canvas.canvas(brush)
        with st.container(key="guess-box", width="stretch"):
            pixels = drawing.pixels()
            prepared, naive = to_digit(pixels), naive_resize(pixels)
            said = []
            for entry in chosen:
                try:
                    probabilities = predict(entry.path, [prepared.digit, naive])
                except CheckpointError as error:
                    st.warning(str(error))
                else:
                    said.append((entry, probabilities[0], probabilities[1]))
            guess(prepared, naive, said, drawing.caption, drawing.label)


st.html(STYLE)
found = catalog.entries()
if not found:
    st.info("There is no trained net yet. Train one, and it can be asked here.", icon=":material/model_training:")
else:
    body, below = st.container(), st.container()
    with below:
        chosen = choose(found)
    with body:
        draw(chosen)
