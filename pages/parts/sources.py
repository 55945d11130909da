"""Other ways onto the canvas than drawing: test digits, a net's mistakes, an image file, the camera.

A link may name a digit and a net: `/draw?digit=1234&net=runs/NAME`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from mnist_core.probe import examples
from mnist_core.probe.catalog import Entry
from mnist_core.probe.drawing import DrawingError, Preparation, read_image, to_digit
from mnist_core.runs.checkpoint import CheckpointError
from pages.parts import canvas, state
from pages.parts.style import plain

NAMES = {"mnist": "MNIST's test digit", "synthetic": "Synthetic digit (not MNIST)"}
FRAME = 4  # pixels around a test digit, because some touch the edge and are whole nevertheless
NUMBER = "digit_number"  # (counts up, the number to show), see `_show_number`
STEP = "mistakes_step"  # what was clicked: 0 first, 1 next, -1 previous mistake
AT = "mistakes_at"  # (key of the net, which of its mistakes is on the canvas), None for none


def carry_out(chosen: Sequence[Entry]) -> None:
    """Put onto the canvas what a link, a number or a click has asked for. Call before the canvas.

    What was asked is forgotten last: a word to the browser, a spinner's too, may end the script there, as
    the canvas has something to tell, and it starts anew.
    """
    asked = st.query_params.get("digit")
    if asked is not None:
        _by_link(asked)
        del st.query_params["digit"]
    typed = state.value(_number_key())
    if typed is not None and typed != _number()[1]:
        state.put(NUMBER, (_number()[0], typed))  # the same widget, which shows it already
        _place(typed)
    step = state.value(STEP)
    if step is not None and chosen:
        _mistake(chosen[0], step)
    state.put(STEP, None)


def sources(chosen: Sequence[Entry], drawing: canvas.Drawing) -> None:
    """The rows of buttons. A word about the last picture, if there is one to say, stands under them."""
    if not drawing.is_source:
        state.put(AT, None)
        if _number()[1] is not None:
            _show_number(None)
    with st.container(horizontal=True, gap="small", key="sources"):
        st.button(
            "Test digit",
            icon=":material/casino:",
            help="Puts a random test digit on the canvas, one that no net has learned on.",
            on_click=_random_digit,
        )
        st.number_input(
            "Number of the test digit",
            min_value=0,
            max_value=examples.count() - 1,
            value=_number()[1],
            key=_number_key(),
            placeholder=f"0 … {examples.count() - 1:,}",
            label_visibility="collapsed",
            width="stretch",
        )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _mistakes(chosen)
        _picture()
    if word := state.value("picture_word"):
        st.warning(plain(word), icon=":material/image_not_supported:")


def prepare(drawing: canvas.Drawing) -> Preparation:
    """The drawing the MNIST way. A test digit has gone that way already and is taken as it is."""
    prepared, number = to_digit(drawing.pixels()), _number()[1]
    box = prepared.box
    if number is None or box is None or drawing.source is None or not drawing.is_source:
        return prepared
    digit = drawing.source[FRAME:-FRAME, FRAME:-FRAME] / np.float32(255)
    corner = (box.top - FRAME, box.left - FRAME)
    return replace(prepared, digit=digit, case="digit", corner=corner, scale=(1.0, 1.0))


def _mistakes(chosen: Sequence[Entry]) -> None:
    """The first mistake of the first net, then the way through all of them."""
    at = state.value(AT)
    if not (chosen and at and at[0] == chosen[0].key):
        st.button(
            "Mistakes",
            icon=":material/rule:",
            disabled=not chosen,
            help="Goes through the test digits that the first chosen net names wrong, the worst first.",
            on_click=state.put,
            args=(STEP, 0),
        )
        return
    for step, icon, name in ((-1, "left", "Previous"), (1, "right", "Next")):
        st.button(
            name,
            icon=f":material/chevron_{icon}:",
            help=f"{name} mistake of {plain(chosen[0].name)}",
            on_click=state.put,
            args=(STEP, step),
        )


def _picture() -> None:
    with st.popover("Picture", icon=":material/image:", key="picture", on_change="rerun") as popover:
        st.file_uploader(
            "A picture of one digit",
            type=["png", "jpg", "jpeg"],
            key="picture_file",
            max_upload_size=25,
            on_change=_from_widget,
            args=("picture_file",),
            help="PNG or JPEG, dark on light or light on dark, drawn, scanned or photographed.",
        )
        if popover.open:  # not before, so that nobody is asked for the camera unasked
            st.camera_input(
                "or the camera", key="picture_camera", on_change=_from_widget, args=("picture_camera",)
            )


def _random_digit() -> None:
    _show_and_place(random.randrange(examples.count()))


def _number() -> tuple[int, int | None]:
    return state.value(NUMBER) or (0, None)


def _number_key() -> str:
    return f"{NUMBER}_{_number()[0]}"


def _show_number(number: int | None) -> None:
    """Show this number in a new widget: what an old one says, late from a slow browser, is not typed."""
    state.put(NUMBER, (_number()[0] + 1, number))


def _by_link(asked: str) -> None:
    if asked.isdecimal() and len(asked) < 9 and int(asked) < examples.count():
        _show_and_place(int(asked))
    else:
        last = examples.count() - 1
        state.put("picture_word", f"There is no test digit {asked[:20]!r}; they are numbered 0 to {last:,}.")


def _mistake(entry: Entry, step: int) -> None:
    try:
        with st.spinner("Asking the net about every test digit …"):
            found = examples.mistakes(entry.path)
    except CheckpointError as error:
        state.put("picture_word", str(error))
        return
    if not found:
        state.put("picture_word", f"{entry.name} names every test digit right.")
        return
    at = state.value(AT)
    position = (at[1] + step) % len(found) if at and step else 0
    _show_and_place(found[position], f" Mistake {position + 1:,} of {len(found):,} of {entry.name}.")
    state.put(AT, (entry.key, position))


def _show_and_place(number: int, remark: str = "") -> None:
    _show_number(number)
    _place(number, remark)


def _place(number: int, remark: str = "") -> None:
    chosen = examples.example(number)
    pixels = np.pad(chosen.pixels, FRAME)
    state.put("picture_word", None)
    state.put(AT, None)
    caption = f"{NAMES[chosen.data]} number {chosen.index:,}, labelled {chosen.label}.{remark}"
    canvas.place(pixels, to_digit(pixels), caption)


def _from_widget(key: str) -> None:
    file = state.value(key)
    state.put("picture_word", None)
    if file is None:
        return
    try:
        pixels = read_image(file.getvalue())
    except DrawingError as error:
        state.put("picture_word", f"{file.name}: {str(error).removeprefix('the picture: ')}")
        return
    prepared = to_digit(pixels)
    if prepared.box is None:
        state.put("picture_word", f"{file.name}: no digit was found in the picture.")
        return
    _show_number(None)
    state.put(AT, None)
    canvas.place(pixels, prepared, file.name)
