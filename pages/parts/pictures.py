"""Digits side by side, each with what a net finds important in it or with what was changed."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

_HERE = Path(__file__)
_mount = st.components.v2.component(
    "pictures",
    html='<div class="lab-pictures"></div>',
    css=_HERE.with_suffix(".css").read_text(encoding="utf-8"),
    js=_HERE.with_suffix(".js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


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
    data["digit"] = _bytes(np.rint(np.clip(picture.digit, 0, 1) * 255).astype(np.uint8))
    if picture.heat is not None:
        largest = float(np.abs(picture.heat).max()) or 1.0
        data["heat"] = _bytes(np.rint(picture.heat / largest * 127).astype(np.int8))
    return data


def _bytes(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode()
