"""Digits side by side, each with what a net finds important in it or with what was changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pages.parts.component import component, encoded

_mount = component(__file__)


@dataclass(frozen=True, eq=False)
class Picture:
    """A digit (28, 28) in [0, 1] with a title and a sentence.

    `heat` (28, 28) is laid over it: above 0 orange, below 0 blue, each picture on a scale of its own.
    """

    title: str
    text: str
    digit: np.ndarray
    heat: np.ndarray | None = None


def pictures(shown: Sequence[Picture], key: str) -> None:
    _mount(key=key, data={"pictures": [_data(picture) for picture in shown]})


def _data(picture: Picture) -> dict[str, Any]:
    data: dict[str, Any] = {"title": picture.title, "text": picture.text, "heat": None}
    data["digit"] = encoded(np.rint(np.clip(picture.digit, 0, 1) * 255).astype(np.uint8))
    if picture.heat is not None:
        largest = float(np.abs(picture.heat).max()) or 1.0
        data["heat"] = encoded(np.rint(picture.heat / largest * 127).astype(np.int8))
    return data
