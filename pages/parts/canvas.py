"""The drawing: a canvas that keeps what is on it. The only importer of streamlit_drawable_canvas.

That package is imported when the canvas is drawn and not before, because outside a running Streamlit its
import fails. The canvas tells what is on it after each stroke; told a new `initial_drawing`, it loads that
in place. So Python changes the drawing by counting its `version` up, and keeps it in the state.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from mnist_core.probe.drawing import DrawingError, Preparation, read_image
from pages.parts import state
from pages.parts.component import component

SIDE = 340  # pixels
KEY = "canvas"
PLACED = 240  # pixels: the longer side of a digit that is put on the canvas

Objects = tuple[dict[str, Any], ...]


@dataclass(frozen=True, eq=False)
class Drawing:
    """What is on the canvas.

    objects  strokes and pictures, oldest first, as the canvas describes them
    picture  PNG of the canvas, white on transparent; empty while nothing is drawn
    source   pixels of the picture that was put on the canvas
    caption  what that picture is
    seen     the canvas's last message (its PNG), so that one message is taken once
    start    what the canvas was last told to show
    version  counts what the canvas was told
    brush    width of its strokes, in pixels
    """

    objects: Objects = ()
    picture: bytes = b""
    source: np.ndarray | None = None
    caption: str = ""
    seen: bytes = b""
    start: Objects = ()
    version: int = 0
    brush: float = 0.0

    @property
    def is_source(self) -> bool:
        """Whether there is only the picture that was put on the canvas, and no stroke on it."""
        return self.source is not None and len(self.objects) == 1

    def pixels(self) -> np.ndarray:
        """What to prepare: that picture itself, else the canvas; uint8 (H, W, …)."""
        if self.source is not None and self.is_source:
            return self.source
        return read_image(self.picture) if self.picture else np.zeros((SIDE, SIDE, 4), np.uint8)

    def on_canvas(self, prepared: Preparation) -> tuple[float, float, float, float] | None:
        """How places of the digit (0…28) become fractions of the canvas: (scale, offset) down and across.

        None while nothing is drawn.
        """
        if prepared.box is None:
            return None
        found = []
        sides = ((prepared.box.top, prepared.box.height), (prepared.box.left, prepared.box.width))
        for axis, (start, length) in enumerate(sides):
            enlarged = 1.0
            if self.is_source:  # `place` has put the box into the middle
                enlarged = PLACED / max(prepared.box.height, prepared.box.width)
                start = round((SIDE - length * enlarged) / 2)
            scale = enlarged / prepared.scale[axis]
            found += [scale / SIDE, (start - prepared.corner[axis] * scale) / SIDE]
        return found[0], found[1], found[2], found[3]


def current() -> Drawing:
    """What is on the canvas. In a callback, too: a stroke and a click may reach the server together."""
    drawing = state.drawing() or Drawing()
    told = (state.value(KEY) or {}).get("drawing") or {}
    picture = base64.b64decode((told.get("data") or "").partition(",")[2])
    if picture and picture != drawing.seen:
        drawing = _heard(drawing, picture, told.get("raw") or {})
        state.set_drawing(drawing)
    return drawing


def _tell(objects: Objects, **changes: Any) -> None:
    """Let the canvas load these objects."""
    drawing = current()
    version = drawing.version + 1
    state.set_drawing(replace(drawing, objects=objects, start=objects, version=version, **changes))


def undo() -> None:
    """Take the last stroke away. What is left is seen when the canvas has told of it."""
    left = current().objects[:-1]
    if left:
        _tell(left)
    else:
        clear()


def clear() -> None:
    _tell((), picture=b"", source=None, caption="")


def place(source: np.ndarray, prepared: Preparation, caption: str) -> None:
    """Put the digit of a picture on the empty canvas, enlarged into the middle of it."""
    box = prepared.box
    if box is None:
        return
    ink = prepared.ink[box.top : box.top + box.height, box.left : box.left + box.width]
    alpha = np.pad(np.rint(ink * 255), 1)  # a rim, so that enlarging smooths the digit's own edge too
    shown = np.full((*alpha.shape, 4), 255, np.uint8)
    shown[..., 3] = alpha
    file = io.BytesIO()
    Image.fromarray(shown).save(file, "PNG")
    scale = PLACED / max(ink.shape)
    picture = {
        "type": "Image",
        "src": "data:image/png;base64," + base64.b64encode(file.getvalue()).decode(),
        "left": (SIDE - alpha.shape[1] * scale) / 2,
        "top": (SIDE - alpha.shape[0] * scale) / 2,
        "originX": "left",
        "originY": "top",
        "width": alpha.shape[1],
        "height": alpha.shape[0],
        "scaleX": scale,
        "scaleY": scale,
    }
    _tell((picture,), source=source, caption=caption)


def canvas(brush: float) -> Drawing:
    """Show the canvas with strokes `brush` pixels wide, and return what is on it. For a fragment."""
    from streamlit_drawable_canvas import st_canvas

    drawing = current()
    # A new canvas starts with what was drawn: one came back to the page, or Streamlit has made it anew, as it
    # does when what a component is told changes again before it has been told.
    if brush != drawing.brush or not state.is_mounted(KEY):
        drawing = replace(drawing, start=drawing.objects, version=drawing.version + 1, brush=brush)
    state.set_drawing(drawing)
    st_canvas(
        stroke_width=round(brush),
        stroke_color="#ffffff",
        background_color="",
        height=SIDE,
        width=SIDE,
        drawing_mode="freedraw",
        initial_drawing={"objects": list(drawing.start), "told": drawing.version},
        return_image_data=True,
        key=KEY,
    )
    return current()


def _heard(drawing: Drawing, picture: bytes, told: dict[str, Any]) -> Drawing:
    """The drawing after a message of the canvas; one that is no picture changes nothing."""
    try:
        read_image(picture)
    except DrawingError:
        return replace(drawing, seen=picture)
    objects = tuple(told.get("objects") or ())
    if not objects:
        return replace(drawing, objects=(), picture=b"", source=None, caption="", seen=picture)
    return replace(drawing, objects=objects, picture=picture, seen=picture)


_prompt = component(__file__)


def prompt() -> None:
    """Something invisible that makes the canvas tell of a stroke at once."""
    _prompt(key="canvas_prompt")
