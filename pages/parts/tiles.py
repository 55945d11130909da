"""Digit tiles: a picture, what it is, and a net's first three guesses as bars; updated in place."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

_HERE = Path(__file__)
_mount = st.components.v2.component(
    "tiles",
    html='<div class="lab-tiles"></div>',
    css=_HERE.with_suffix(".css").read_text(encoding="utf-8"),
    js=_HERE.with_suffix(".js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


@dataclass(frozen=True, eq=False)
class Tile:
    """One digit.

    title    what it is
    note     a second line, in small; empty for none
    pixels   uint8 (28, 28), ink 255; None while there is none
    guesses  (digit, probability), the likeliest first
    label    the true digit, whose bar is coloured; None where nobody knows
    link     where a click on the picture leads, in a new tab; empty for nowhere
    """

    title: str
    note: str = ""
    pixels: NDArray[np.uint8] | None = None
    guesses: Sequence[tuple[int, float]] = ()
    label: int | None = None
    link: str = ""


def tiles(shown: Sequence[Tile], key: str, row: bool = False) -> None:
    """The tiles side by side; with `row` in one row where there is room for it."""
    _mount(key=key, data={"row": row, "tiles": [_data(tile) for tile in shown]})


def _data(tile: Tile) -> dict[str, Any]:
    pixels = tile.pixels
    return {
        "title": tile.title,
        "note": tile.note,
        "label": tile.label,
        "link": tile.link,
        "guesses": [[digit, round(probability, 6)] for digit, probability in tile.guesses],
        "pixels": "" if pixels is None else base64.b64encode(pixels.tobytes()).decode(),
    }
