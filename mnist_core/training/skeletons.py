"""The strokes that digits are made of: for each digit the forms in which people write it.

Coordinates lie in the unit square, x to the right and y down. A stroke is a smooth curve (Catmull-Rom)
through its control points; a control point that is given twice is a corner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

POINTS = 72  # points a skeleton is sampled at

Stroke = tuple[tuple[float, float], ...]


@dataclass(frozen=True, eq=False)
class Skeleton:
    """`points` (POINTS, 2), the `stroke` (POINTS,) each belongs to, and how often it is used."""

    points: np.ndarray
    stroke: np.ndarray
    share: float


def _oval(cx: float, cy: float, rx: float, ry: float, start: float = -90, turn: float = 360) -> Stroke:
    """Part of an ellipse: from `start` degrees (0 is right, 90 down) on by `turn`."""
    angles = np.radians(start + np.linspace(0, turn, max(4, round(abs(turn) / 30) + 1)))
    return tuple((float(cx + rx * np.cos(a)), float(cy + ry * np.sin(a))) for a in angles)


def _curve(control: Stroke, per_piece: int = 24) -> np.ndarray:
    """Dense points along the Catmull-Rom curve through `control`."""
    p = np.array([control[0], *control, control[-1]], dtype=float)
    t = np.linspace(0, 1, per_piece, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False):
        if not np.allclose(b, c):
            pieces.append(
                0.5
                * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
            )
    return np.concatenate([*pieces, p[-1:]])


def _skeleton(share: float, *strokes: Stroke) -> Skeleton:
    """POINTS points spread over the strokes, evenly by length."""
    curves = [_curve(stroke) for stroke in strokes]
    along = [np.concatenate([[0.0], np.linalg.norm(np.diff(c, axis=0), axis=1).cumsum()]) for c in curves]
    total = sum(float(a[-1]) for a in along)
    counts = [max(4, round(POINTS * float(a[-1]) / total)) for a in along]
    counts[int(np.argmax(counts))] += POINTS - sum(counts)
    sampled = [
        np.stack([np.interp(np.linspace(0, a[-1], n), a, c[:, axis]) for axis in (0, 1)], -1)
        for c, a, n in zip(curves, along, counts, strict=True)
    ]
    return Skeleton(np.concatenate(sampled), np.repeat(np.arange(len(counts)), counts), share)


_ZERO = (
    _skeleton(0.6, _oval(0.5, 0.5, 0.42, 0.5)),
    _skeleton(0.25, _oval(0.5, 0.5, 0.3, 0.5)),
    _skeleton(0.15, (*_oval(0.5, 0.5, 0.42, 0.5, -75, 330), (0.42, 0.02), (0.3, 0.06))),
)
_ONE = (
    _skeleton(0.65, ((0.5, 0), (0.5, 0.35), (0.5, 0.7), (0.5, 1))),
    _skeleton(0.25, ((0.22, 0.26), (0.5, 0), (0.5, 0), (0.5, 0.5), (0.5, 1))),
    _skeleton(0.1, ((0.25, 0.24), (0.5, 0), (0.5, 0), (0.5, 0.5), (0.5, 1)), ((0.2, 1), (0.8, 1))),
)
_TWO = (
    _skeleton(
        0.6,
        ((0.1, 0.25), (0.25, 0.05), (0.5, 0), (0.8, 0.1), (0.85, 0.32), (0.65, 0.6), (0.35, 0.83), (0.08, 1),
         (0.08, 1), (0.5, 1), (0.95, 0.98)),
    ),
    _skeleton(
        0.4,
        ((0.12, 0.22), (0.3, 0.03), (0.6, 0), (0.8, 0.18), (0.75, 0.45), (0.5, 0.72), (0.22, 0.95),
         (0.06, 0.92), (0.1, 0.78), (0.3, 0.78), (0.55, 0.92), (0.78, 1), (1, 0.9)),
    ),
)  # fmt: skip
_THREE = (
    _skeleton(
        0.75,
        ((0.12, 0.14), (0.35, 0), (0.65, 0.02), (0.82, 0.2), (0.7, 0.4), (0.4, 0.47), (0.4, 0.47),
         (0.72, 0.52), (0.9, 0.73), (0.75, 0.95), (0.4, 1), (0.08, 0.88)),
    ),
    _skeleton(
        0.25,
        ((0.1, 0), (0.45, 0), (0.85, 0), (0.85, 0), (0.6, 0.2), (0.38, 0.4), (0.38, 0.4), (0.72, 0.46),
         (0.9, 0.7), (0.72, 0.95), (0.4, 1), (0.08, 0.88)),
    ),
)  # fmt: skip
_FOUR = (
    _skeleton(
        0.55,
        ((0.2, 0.02), (0.14, 0.25), (0.1, 0.5), (0.1, 0.5), (0.5, 0.5), (0.92, 0.47)),
        ((0.76, 0.05), (0.73, 0.5), (0.68, 1)),
    ),
    _skeleton(
        0.25,
        ((0.68, 0), (0.35, 0.33), (0.05, 0.66), (0.05, 0.66), (0.5, 0.66), (0.98, 0.66)),
        ((0.68, 0), (0.68, 0.5), (0.68, 1)),
    ),
    _skeleton(
        0.2,
        ((0.18, 0.05), (0.1, 0.3), (0.2, 0.5), (0.45, 0.53), (0.72, 0.42), (0.82, 0.05), (0.82, 0.05),
         (0.76, 0.5), (0.7, 1)),
    ),
)  # fmt: skip
_FIVE = (
    _skeleton(
        0.6,
        ((0.88, 0), (0.55, 0.02), (0.28, 0.03), (0.28, 0.03), (0.22, 0.22), (0.18, 0.44), (0.18, 0.44),
         (0.5, 0.37), (0.8, 0.5), (0.85, 0.75), (0.65, 0.96), (0.35, 1), (0.08, 0.9)),
    ),
    _skeleton(
        0.4,
        ((0.3, 0.1), (0.25, 0.26), (0.22, 0.42), (0.22, 0.42), (0.55, 0.45), (0.75, 0.62), (0.7, 0.88),
         (0.42, 1), (0.1, 0.93)),
        ((0.32, 0.06), (0.6, 0.04), (0.95, 0)),
    ),
)  # fmt: skip
_SIX = (
    _skeleton(
        0.65,
        ((0.72, 0), (0.4, 0.18), (0.18, 0.48), (0.14, 0.75), (0.3, 0.97), (0.58, 0.98), (0.78, 0.8),
         (0.7, 0.58), (0.45, 0.54), (0.22, 0.68)),
    ),
    _skeleton(
        0.35,
        ((0.45, 0), (0.24, 0.3), (0.13, 0.62), (0.22, 0.93), (0.5, 1), (0.78, 0.9), (0.82, 0.7), (0.6, 0.58),
         (0.35, 0.66), (0.24, 0.86)),
    ),
)  # fmt: skip
_SEVEN = (
    _skeleton(0.6, ((0.08, 0.05), (0.45, 0.03), (0.88, 0), (0.88, 0), (0.68, 0.4), (0.48, 1))),
    _skeleton(
        0.2,
        ((0.06, 0.03), (0.5, 0.02), (0.9, 0), (0.9, 0), (0.66, 0.45), (0.45, 1)),
        ((0.3, 0.5), (0.6, 0.48), (0.88, 0.47)),
    ),
    _skeleton(0.2, ((0.1, 0.2), (0.14, 0.04), (0.14, 0.04), (0.5, 0.06), (0.9, 0.02), (0.9, 0.02),
                    (0.72, 0.3), (0.6, 0.65), (0.58, 1))),
)  # fmt: skip
_EIGHT = (
    _skeleton(
        0.7,
        ((0.72, 0.12), (0.5, 0), (0.25, 0.1), (0.24, 0.3), (0.5, 0.47), (0.76, 0.66), (0.78, 0.88), (0.5, 1),
         (0.22, 0.88), (0.25, 0.66), (0.5, 0.47), (0.74, 0.3), (0.72, 0.12)),
    ),
    _skeleton(0.3, _oval(0.5, 0.25, 0.27, 0.25, 90), _oval(0.5, 0.75, 0.33, 0.25)),
)  # fmt: skip
_NINE = (
    _skeleton(
        0.6,
        ((0.8, 0.2), (0.6, 0.02), (0.3, 0.06), (0.14, 0.28), (0.28, 0.48), (0.58, 0.45), (0.8, 0.2),
         (0.8, 0.2), (0.76, 0.6), (0.7, 1)),
    ),
    _skeleton(
        0.4,
        ((0.82, 0.28), (0.7, 0.06), (0.4, 0.01), (0.16, 0.18), (0.22, 0.45), (0.52, 0.5), (0.78, 0.34),
         (0.82, 0.28), (0.82, 0.6), (0.66, 0.92), (0.35, 1), (0.14, 0.92)),
    ),
)  # fmt: skip

SKELETONS: tuple[tuple[Skeleton, ...], ...] = (
    _ZERO, _ONE, _TWO, _THREE, _FOUR, _FIVE, _SIX, _SEVEN, _EIGHT, _NINE,
)  # fmt: skip
"""By digit, the forms in which it is written; the shares of a digit add up to 1."""
