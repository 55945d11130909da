"""Other ways onto the canvas than drawing: a test digit, an image file, the camera."""

from __future__ import annotations

import random

import numpy as np
import streamlit as st

from mnist_core.probe.drawing import DrawingError, read_image, to_digit
from mnist_core.probe.examples import example
from pages.parts import canvas, state

NAMES = {"mnist": "MNIST's test digit", "synthetic": "Synthetic digit (not MNIST)"}


def sources() -> None:
    """The row of buttons. A word about the last picture, if there is one to say, stands under it."""
    with st.container(horizontal=True, gap="small", key="sources"):
        st.button(
            "Test digit",
            icon=":material/casino:",
            help="Puts a random test digit on the canvas, one that no net has learned on.",
            on_click=_random_digit,
        )
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
    if word := state.value("picture_word"):
        st.warning(word, icon=":material/image_not_supported:")


def _random_digit() -> None:
    chosen = example(random.randrange(10_000))
    # A frame, because MNIST's digits may touch the edge and are whole nevertheless.
    pixels = np.pad(chosen.pixels, 4)
    state.put("picture_word", None)
    caption = f"{NAMES[chosen.data]} number {chosen.index:,}: a {chosen.label}."
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
    canvas.place(pixels, prepared, file.name)
