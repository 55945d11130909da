"""Ways in and out of the Design page: link, text, JSON, and the teacher's lock."""

from __future__ import annotations

import re

import streamlit as st

from mnist_core.architecture.spec import ModelSpec, SpecError
from mnist_core.architecture.text import from_text, to_text

from . import state


def exchange_menu() -> None:
    """A popover with everything that goes out of the design or comes into it.

    Its contents are there only while it is open: the browser unmounts the boxes of a closed one but goes on
    sending what they held, which would be taken for an edit as soon as the design is another.
    """
    spec = state.current_spec()
    menu = st.popover(
        "Share, import, export",
        icon=":material/more_horiz:",
        key="exchange",
        on_change="rerun",
        help="Share, import, export, text form, input shape",
    )
    if not menu.open:
        return
    with menu:
        st.markdown("**Share** · whoever opens this link sees this design.")
        st.code(state.share_link(), language=None, wrap_lines=True)
        if not state.locked():
            st.checkbox(
                "Fix the assignment in the link",
                key="lock_link",
                persist_state="session",
                help="For teachers: who opens the link cannot choose another assignment.",
            )
        _offer("text", to_text(spec))
        st.text_area(
            "Text form",
            key="text",
            on_change=_take_text,
            help="conv16k3p1-b: 16 channels, kernel 3, padding 1, no bias. Others: relu bn drop0.1 max2 gap "
            "flat fc10. res(…) adds its input, 3x(…) repeats, ~ switches off.",
        )
        name = f"{file_name(spec.name)}.json"
        text = spec.to_json()
        _offer("input_shape", "×".join(map(str, spec.input_shape)))
        st.text_input(
            "Input shape",
            key="input_shape",
            on_change=_take_input_shape,
            help="Channels × height × width, up to 4×512×512. Only MNIST's, 1×28×28, can be trained.",
        )
        st.download_button("Export JSON", text, name, "application/json", icon=":material/download:")
        st.file_uploader("Import JSON", type="json", key="import", on_change=_take_file, max_upload_size=1)


def _offer(key: str, text: str) -> None:
    """Puts what the design says into a box, unless it holds what was refused for this very design."""
    if state.value(f"refused_{key}") != (state.current_spec(), state.value(key)):
        state.put(key, text)


def _refuse(key: str, message: str) -> None:
    """Says why; what was typed stays, to be mended."""
    state.set_notice(message)
    state.put(f"refused_{key}", (state.current_spec(), state.value(key)))


def _take_text() -> None:
    try:
        state.set_spec(from_text(state.value("text"), state.current_spec().name))
    except SpecError as error:
        _refuse("text", f"The text was not taken. {error}")


def _take_input_shape() -> None:
    parts = re.split(r"[×x*, ]+", state.value("input_shape").strip().lower())
    if len(parts) != 3 or not all(part.isdecimal() and len(part) < 9 for part in parts):
        _refuse("input_shape", "The input shape was not taken: it is three whole numbers, such as 1×28×28.")
        return
    channels, height, width = map(int, parts)
    spec = state.current_spec()
    state.set_spec(spec.model_copy(update={"input_shape": (channels, height, width)}))


def _take_file() -> None:
    file = state.value("import")
    if file is None:
        return
    try:
        state.open_spec(ModelSpec.from_json(file.getvalue()))
    except SpecError as error:
        state.set_notice(f"{file.name} was not taken. {error}")


def file_name(name: str) -> str:
    """A design's name as the name of a file."""
    return "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in name) or "design"
