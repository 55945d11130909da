"""The drawing: a canvas that keeps what is on it. The only importer of streamlit_drawable_canvas.

That package is imported when the canvas is drawn and not before, because outside a running Streamlit its
import fails. The canvas tells what is on it after each stroke; told a new `initial_drawing`, it loads that
in place. So Python changes the drawing by counting its `version` up, and keeps it in the state.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from mnist_core.probe.drawing import DrawingError, read_image
from pages.parts import state

SIDE = 340  # pixels
KEY = "canvas"
_HERE = Path(__file__)


@dataclass(frozen=True)
class Drawing:
    """What is on the canvas.

    objects  strokes and pictures, oldest first, as the canvas describes them
    picture  PNG of the canvas, white on transparent; empty while nothing is drawn
    caption  what it is where it was not drawn by hand
    label    the digit that it is known to be, None where it is not
    seen     the canvas's last message (its PNG), so that one message is taken once
    start    what the canvas was last told to show
    version  counts what the canvas was told
    """

    objects: tuple[dict[str, Any], ...] = ()
    picture: bytes = b""
    caption: str = ""
    label: int | None = None
    seen: bytes = b""
    start: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    version: int = 0

    def pixels(self) -> np.ndarray:
        """uint8 (SIDE, SIDE, 4); transparent where nothing is drawn."""
        return read_image(self.picture) if self.picture else np.zeros((SIDE, SIDE, 4), np.uint8)


def current() -> Drawing:
    return state.drawing() or Drawing()


def _show(objects: tuple[dict[str, Any], ...], **changes: Any) -> None:
    """Let the canvas load these objects."""
    drawing = current()
    version = drawing.version + 1
    state.set_drawing(replace(drawing, objects=objects, start=objects, version=version, **changes))


def undo() -> None:
    """Take the last stroke away. What is left is seen when the canvas has told of it."""
    drawing = current()
    left = drawing.objects[:-1]
    if not left:
        clear()
    else:
        _show(left)


def clear() -> None:
    _show((), picture=b"", caption="", label=None)


def place(ink: np.ndarray, caption: str, label: int | None = None) -> None:
    """Put a picture on the empty canvas: ink float32 (H, W) in [0, 1], fitted into the middle of it."""
    height, width = ink.shape
    scale = SIDE / max(height, width)
    picture = np.full((height, width, 4), 255, np.uint8)
    picture[..., 3] = np.rint(ink * 255)
    image = Image.fromarray(picture)
    placed = {
        "type": "Image",
        "version": "6.0.0",
        "src": "data:image/png;base64," + base64.b64encode(_png(image)).decode(),
        "left": (SIDE - width * scale) / 2,
        "top": (SIDE - height * scale) / 2,
        "originX": "left",
        "originY": "top",
        "width": width,
        "height": height,
        "scaleX": scale,
        "scaleY": scale,
    }
    _show((placed,), picture=_png(_as_on_canvas(image, scale)), caption=caption, label=label)


def _as_on_canvas(image: Image.Image, scale: float) -> Image.Image:
    """What the canvas will show, so that the answer need not wait for it."""
    size = (round(image.width * scale), round(image.height * scale))
    canvas = Image.new("RGBA", (SIDE, SIDE))
    canvas.paste(
        image.resize(size, Image.Resampling.BILINEAR), ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2)
    )
    return canvas


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def canvas(brush: float) -> Drawing:
    """Show the canvas, `brush` pixels wide strokes; what is on it now. Call it inside a fragment."""
    from streamlit_drawable_canvas import st_canvas

    drawing = current()
    if not state.is_mounted(KEY) and drawing.start != drawing.objects:
        drawing = replace(drawing, start=drawing.objects, version=drawing.version + 1)
    result = st_canvas(
        stroke_width=round(brush),
        stroke_color="#ffffff",
        background_color="",
        height=SIDE,
        width=SIDE,
        drawing_mode="freedraw",
        initial_drawing={"objects": list(drawing.start), "lab_version": drawing.version},
        return_image_data=True,
        key=KEY,
    )
    _prompt(key="canvas_prompt", height="content")
    picture = result.image_bytes
    if picture and picture != drawing.seen:
        drawing = _taken(drawing, picture, result.json_data or {})
    state.set_drawing(drawing)
    return drawing


def _taken(drawing: Drawing, picture: bytes, told: dict[str, Any]) -> Drawing:
    """The drawing after a message of the canvas; one that is no picture changes nothing."""
    objects = tuple(told.get("objects") or ())
    try:
        read_image(picture)
    except DrawingError:
        return replace(drawing, seen=picture)
    if not objects:
        return replace(drawing, objects=(), picture=b"", caption="", label=None, seen=picture)
    return replace(drawing, objects=objects, picture=picture, seen=picture)


_prompt = st.components.v2.component(
    "canvas_prompt", js=_HERE.with_suffix(".js").read_text(encoding="utf-8"), isolate_styles=False
)
