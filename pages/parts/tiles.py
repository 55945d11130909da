"""Digit tiles: a picture, what it is, and a net's first three guesses as bars; updated in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pages.parts.component import component, encoded

_mount = component(__file__)


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
    """The tiles side by side, which follow a live run as `key`; with `row` in one row where there is room."""
    _mount(key=key, data={"name": key, "row": row, "tiles": as_data(shown)})


def as_data(shown: Sequence[Tile]) -> list[dict[str, Any]]:
    """What tiles show, as data."""
    return [
        {
            "title": tile.title,
            "note": tile.note,
            "label": tile.label,
            "link": tile.link,
            "guesses": [[digit, round(probability, 6)] for digit, probability in tile.guesses],
            "pixels": "" if tile.pixels is None else encoded(tile.pixels),
        }
        for tile in shown
    ]
