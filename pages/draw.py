"""Does it know my hand?"""

# ruff: noqa: E402
from __future__ import annotations

from pages.parts.entrance import through_app

through_app()  # before PyTorch is imported, which takes seconds: lab.py says so

from collections.abc import Sequence

import numpy as np
import streamlit as st

from mnist_core.probe import catalog
from mnist_core.probe.catalog import Entry
from mnist_core.probe.drawing import Preparation
from mnist_core.probe.inference import predict
from mnist_core.runs.checkpoint import CheckpointError
from pages.parts import canvas, state
from pages.parts.guess import DOUBT, about, guess
from pages.parts.maps import maps
from pages.parts.mine import mine
from pages.parts.robust import robust
from pages.parts.sources import carry_out, prepare, sources
from pages.parts.take import take
from pages.parts.why import saliency, turned

MOST_NETS = 4

STYLE = """<style>
.st-key-canvas-box { background: #000; border-radius: 0.5rem; overflow: hidden; position: relative; }
div.st-key-draw-body {
  display: grid;
  grid-template: "canvas guess" auto "canvas nets" 1fr / 340px minmax(0, 1fr);
  gap: 1rem 4rem;
}
/* the number's former widget, which Streamlit keeps until all is drawn */
[class*="st-key-digit_number"] + [class*="st-key-digit_number"] { display: none; }
.st-key-draw-body > :nth-child(1) { grid-area: canvas; }
.st-key-draw-body > :nth-child(2) { grid-area: guess; }
.st-key-draw-body > :nth-child(3) { grid-area: nets; }
@media (max-width: 740px) {
  div.st-key-draw-body { grid-template: "guess" auto "canvas" auto "nets" auto / minmax(0, 1fr); }
  .st-key-draw-body > :nth-child(1) { justify-self: center; }
}
@media (max-width: 363px) { .st-key-canvas-box { zoom: 0.88; } }
</style>"""


@st.cache_data(ttl=1, show_spinner=False)
def found() -> dict[str, Entry]:
    """The checkpoints by key; looked for once a second at most, as strokes come fast."""
    return {entry.key: entry for entry in catalog.entries()}


def choose() -> list[Entry]:
    """The checkpoints that are asked; at first the first that ships with the lab."""
    entries = found()
    linked = st.query_params.get("net")
    if linked in entries:
        state.put("nets", [linked])
    elif linked is not None:
        st.info("The net of this link is not here any more.", icon=":material/link_off:")
    if linked is not None:
        del st.query_params["net"]
    keys = st.multiselect(
        "Checkpoints",
        list(entries),
        default=list(entries)[:1] if state.value("nets") is None else None,
        key="nets",
        max_selections=MOST_NETS,
        select_all=False,
        format_func=lambda key: f"{entries[key].name} · {about(entries[key])}",
        help=f"The trained nets that are asked about the drawing, up to four side by side. {DOUBT}",
        placeholder="Choose a trained net",
        persist_state="session",
    )
    return [entries[key] for key in keys if key in entries]


def ask(chosen: Sequence[Entry], digits: list[np.ndarray]) -> list[tuple[Entry, np.ndarray]]:
    """Each net's probabilities, (N, 10); a net whose file has become unreadable says why."""
    said = []
    for entry in chosen:
        try:
            said.append((entry, predict(entry.path, digits)))
        except CheckpointError as error:
            st.warning(str(error), icon=":material/error:")
    return said


VIEWS = {
    "Feature maps": ":material/grid_view:",
    "What it rests on": ":material/visibility:",
    "Turn it into …": ":material/swap_horiz:",
    "How robust": ":material/tune:",
    "My handwriting": ":material/edit_note:",
    "Take it with you": ":material/download:",
}
ONE_NET = ("Feature maps", "What it rests on", "Turn it into …", "Take it with you")


def look_inside(said: list[Entry], prepared: Preparation, drawing: canvas.Drawing) -> None:
    """What goes on in a net, as far as one wants to see it."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        view = st.segmented_control(
            "Look closer",
            list(VIEWS),
            key="inside",
            format_func=lambda view: f"{VIEWS[view]} {view}",
            persist_state="session",
            label_visibility="collapsed",
        )
        entry = said[0]
        if len(said) > 1 and view in ONE_NET:
            keys = {entry.key: entry for entry in said}
            key = st.selectbox(
                "of", list(keys), format_func=lambda key: keys[key].name, key="inside_of", width=260
            )
            entry = keys.get(key, entry)
    if view is None:
        return
    if view == "My handwriting":
        mine(said)
        return
    if view == "Take it with you":
        take(entry)
        return
    if prepared.box is None:
        st.caption("Draw a digit first.")
        return
    match view:
        case "Feature maps":
            maps(entry, prepared, drawing)
        case "What it rests on":
            saliency(entry, prepared)
        case "Turn it into …":
            turned(entry, prepared)
        case "How robust":
            robust(said, prepared)


@st.fragment
def draw() -> None:
    """The canvas and, after each stroke, the answer."""
    with st.container(horizontal=True, gap="large", key="draw-body"):
        with st.container(width=canvas.SIDE, gap="small"):
            box = st.container(key="canvas-box", height=canvas.SIDE, border=False)
            with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
                brush = st.slider("Brush", 6, 48, 22, key="brush", format="%d px", persist_state="session")
                st.button("Undo", key="undo_stroke", on_click=canvas.undo)
                st.button("Clear", key="clear", on_click=canvas.clear)
            waiting, sources_box = st.container(), st.container(gap="small")
        guess_box, nets_box = st.container(width="stretch"), st.container(width="stretch")
        with nets_box:
            chosen = choose()
        with waiting:
            carry_out(chosen)
        with box:
            drawing = canvas.canvas(brush)
        with sources_box:
            sources(chosen, drawing)
            canvas.prompt()
        with guess_box:
            prepared = prepare(drawing)
            said = ask(chosen, [prepared.digit, prepared.naive])
            guess(prepared, said, len(drawing.objects), drawing.caption if drawing.is_source else "")
    if said:
        look_inside([entry for entry, _ in said], prepared, drawing)


st.html(STYLE)
if found():
    draw()
else:
    st.info("There is no trained net yet. Train one, and it can be asked here.", icon=":material/info:")
