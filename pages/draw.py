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
from pages.parts.style import plain
from pages.parts.take import take
from pages.parts.why import saliency, turned

MOST_NETS = 4
FIRST = "nets_first"  # the key of the net that the page began with
ASKED = "nets_asked"  # those that it has asked last: their labels by their keys

STYLE = """<style>
.st-key-canvas-box { background: #000; border-radius: 0.5rem; overflow: hidden; position: relative; }
/* In a projector's large type, too: no button falls into a line of its own, no number is cut off. */
.st-key-pen { flex-wrap: nowrap; }
.st-key-pen > :has([data-testid="stSlider"]) { flex: 1 1 0; min-width: 0; }
.st-key-sources > :has([data-testid="stNumberInput"]) { min-width: 10rem; }
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


@st.cache_resource(ttl=1, show_spinner=False)
def found() -> dict[str, Entry]:
    """The nets by key; looked for once a second at most, as strokes come fast."""
    return {entry.key: entry for entry in catalog.entries()}


def begin() -> None:
    """What is asked when one comes to the page: the net of a link, else what was asked before.

    The run that Train shows is the first, when it is another one than before and nobody, such as Compare,
    has put other nets meanwhile. Without such a run it is the first net that ships with the lab.
    """
    entries = found()
    shown = f"runs/{state.selected_run()}"
    first = shown if shown in entries else next((key for key in entries if entries[key].shipped), None)
    before, asked = state.value(FIRST), state.value(ASKED) or {}
    nets = [key for key in state.value("nets") or () if key in entries]
    if first and (not nets or (first != before and nets == list(asked))):
        nets = [first, *(key for key in nets if key not in (first, before))][:MOST_NETS]
    linked = st.query_params.get("net")
    if linked in entries:
        nets = [linked]
    elif linked is not None:
        st.info("The net of this link is not here any more.", icon=":material/link_off:")
    state.put("nets", nets)
    state.put(FIRST, first)
    if linked is not None:
        del st.query_params["net"]


def choose() -> list[Entry]:
    """The nets that are asked."""
    entries = found()
    labels = {key: " · ".join([entry.name, *about(entry)]) for key, entry in entries.items()}
    # The browser says what is chosen by the labels that it knows. A run that has learned on or has been
    # renamed has another one now, and would be lost if the browser were not told.
    asked = state.value(ASKED) or {}
    if any(labels.get(key, label) != label for key, label in asked.items()):
        state.put("nets", [key for key in state.value("nets") if key in entries])
    keys = st.multiselect(
        "Nets",
        list(labels),
        key="nets",
        max_selections=MOST_NETS,
        select_all=False,
        format_func=lambda key: labels.get(key, key),
        help="The trained nets that are asked about the drawing, up to four side by side: the runs, newest "
        "first, then those that ship. Where one of several seeds ships, Compare tells the mean of all. "
        f"{DOUBT}",
        placeholder="Choose a trained net",
        persist_state="session",
    )
    state.put(ASKED, {key: labels[key] for key in keys})
    return [entries[key] for key in keys]


def ask(chosen: Sequence[Entry], digits: list[np.ndarray]) -> list[tuple[Entry, np.ndarray]]:
    """Each net's probabilities, (N, 10); a net whose file has become unreadable says why."""
    said = []
    for entry in chosen:
        try:
            said.append((entry, predict(entry.path, digits)))
        except CheckpointError as error:
            st.warning(plain(str(error)), icon=":material/error:")
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
    view = st.segmented_control(
        "Look closer",
        list(VIEWS),
        key="inside",
        format_func=lambda view: f"{VIEWS[view]} {view}",
        persist_state="session",
        label_visibility="collapsed",
    )
    if view is None:
        return
    entry = said[0]
    if len(said) > 1 and view in ONE_NET:
        keys = {entry.key: entry for entry in said}
        key = st.pills(
            "Net",
            list(keys),
            format_func=lambda key: plain(keys[key].name),
            key="inside_of",
            default=entry.key,
            required=True,
        )
        entry = keys.get(key, entry)
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
            with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="pen"):
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
    begin()
    draw()
else:
    st.info("There is no trained net yet. Train one, and it can be asked here.", icon=":material/info:")
