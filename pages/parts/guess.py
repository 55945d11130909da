"""What the nets say: the digit they see, their ten probabilities, and how the drawing became that digit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mnist_core.probe.catalog import Entry
from mnist_core.probe.drawing import Preparation
from mnist_core.probe.inference import UNSURE
from mnist_core.probe.ink import area_average
from mnist_core.runs import words
from pages.parts.component import component, encoded

# The figures are those of benchmarks/drawings.py.
DOUBT = (
    f"Below {100 * UNSURE:g} % a net counts as not sure, and its two likeliest digits are named. Of the "
    "10,000 test digits, task-2 is not sure of 68 and names 24 of those wrong; of the other 9,932 it names "
    "20 wrong."
)
THUMBNAIL = 68  # pixels, as on the screen: smaller or larger would lose lines of the box

_mount = component(__file__)


def guess(
    prepared: Preparation,
    said: Sequence[tuple[Entry, np.ndarray]],
    strokes: int,
    caption: str = "",
) -> None:
    """Show what each net says: of the prepared digit in row 0 of its (2, 10), of the naive one in row 1.

    `strokes` is how many there are on the canvas.
    """
    _mount(
        key="guess",
        data={
            "case": prepared.case,
            "word": prepared.warning,
            "unsure": UNSURE,
            "doubt": DOUBT,
            "caption": caption,
            "strokes": strokes,
            "ink": _grey(_thumbnail(prepared.ink)),
            "box": _box(prepared),
            "fitted": _grey(prepared.fitted),
            "digit": _grey(prepared.digit),
            "naive": _grey(prepared.naive),
            "nets": [_net(entry, *probabilities) for entry, probabilities in said],
        },
    )


def _net(entry: Entry, probabilities: np.ndarray, of_naive: np.ndarray) -> dict[str, Any]:
    return {
        "name": entry.name,
        "about": about(entry),
        "probabilities": [float(value) for value in probabilities],
        "naive": [float(value) for value in of_naive],
    }


def about(entry: Entry) -> list[str]:
    """Params, this seed's test accuracy and what it learned on, where that is not MNIST."""
    parts = [f"{entry.params:,} params"]
    if entry.accuracy is not None:
        of = f", 1 of {entry.seeds} seeds" if entry.seeds > 1 else ""
        parts.append(words.percent(entry.accuracy) + of)
    if entry.data != "mnist":
        parts.append(f"on {entry.data}")
    return parts


def percent(probability: float) -> str:
    """A probability on the screen, as dom.js writes it: "97.8 %", and no "100.0 %" for less than one."""
    text = f"{100 * probability:.1f}"
    if probability > 0 and text == "0.0":
        return "<0.1 %"
    return ">99.9 %" if probability < 1 and text == "100.0" else f"{text} %"


def _grey(picture: np.ndarray) -> dict[str, Any]:
    """A picture in [0, 1] for the browser: its sides and one byte a pixel."""
    pixels = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    height, width = pixels.shape
    return {"height": height, "width": width, "pixels": encoded(pixels)}


def _thumbnail(ink: np.ndarray) -> np.ndarray:
    scale = min(1.0, THUMBNAIL / max(ink.shape))
    return area_average(ink, max(1, round(ink.shape[0] * scale)), max(1, round(ink.shape[1] * scale)))


def _box(prepared: Preparation) -> list[float] | None:
    """Top, left, height and width of the box as fractions of the drawing."""
    if prepared.box is None:
        return None
    height, width = prepared.ink.shape
    box = prepared.box
    return [box.top / height, box.left / width, box.height / height, box.width / width]
