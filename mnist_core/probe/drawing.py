"""Turn a drawing into a digit, the way MNIST was made.

MNIST's digits were fitted into 20×20 pixels with their aspect ratio kept, smoothed by the scaling, and
placed in 28×28 so that their centre of mass lies at the centre (LeCun, Bottou, Bengio, Haffner 1998,
section III.A). A net that learned on them knows no other digits, so a drawing must go the same way;
`Preparation.naive` is what happens if it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mnist_core.probe.image_file import read_image
from mnist_core.probe.ink import Array, DrawingError, area_average, find_ink
from mnist_core.probe.pieces import Piece, label_pieces

__all__ = ["Box", "DrawingError", "Preparation", "read_image", "to_digit"]

SIDE = 28
FITTED_SIDE = 20
CENTRE = 14  # MNIST's centres of mass lie within half a pixel of row and column 14, counted from 0
EDGE = 0.04  # ink fainter than this does not widen the box

Case = Literal["digit", "blank", "dot", "border", "two digits", "clutter"]

WARNINGS: dict[Case, str] = {
    "blank": "Nothing is drawn yet.",
    "dot": "This is a dot. Draw the lines of a digit.",
    "border": "The drawing runs over the edge, so a part is missing. Draw it a little smaller.",
    "two digits": "These look like two digits. Draw one at a time.",
    "clutter": "There is too much here for one digit. Draw or show a single digit on plain paper.",
}


@dataclass(frozen=True)
class Box:
    """The smallest rectangle around the ink, in pixels of the drawing."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class Preparation:
    """Every step from a drawing to what the net sees; all pictures are float32 in [0, 1], ink on black.

    ink      (H, W): the drawing, whatever its colours were
    box      around the ink; None if there is none
    fitted   (20, 20): the box scaled down by area averaging, its longer side 20 pixels
    digit    (28, 28): `fitted` moved so that its centre of mass is at the centre
    case     "digit", or what it is instead
    corner   row and column of the digit's 28×28 at which the box's top left corner came to lie
    scale    pixels of the digit per pixel of the drawing, (vertically, horizontally)
    """

    ink: Array
    box: Box | None
    fitted: Array
    digit: Array
    case: Case
    corner: tuple[int, int] = (0, 0)
    scale: tuple[float, float] = (1.0, 1.0)

    @property
    def warning(self) -> str | None:
        """A word to the person who drew it if this is not one whole digit, else None."""
        return WARNINGS.get(self.case)

    @cached_property
    def naive(self) -> Array:
        """What most demos do instead: the whole drawing squeezed into 28×28, wherever the digit is in it."""
        return area_average(self.ink, SIDE, SIDE)


def to_digit(pixels: NDArray[np.uint8]) -> Preparation:
    """Prepare a drawing or picture, uint8 (H, W), (H, W, 3) or (H, W, 4), as MNIST was prepared.

    Any colours, either polarity, transparent or not. Raises `DrawingError` for other arrays; a blank
    drawing is no error but a case, and its digit is all zeros.
    """
    return prepare_ink(find_ink(pixels))


def prepare_ink(ink: Array) -> Preparation:
    """As `to_digit`, from ink on black: float32 (H, W) in [0, 1]."""
    box = _box(ink)
    if box is None:
        empty = np.zeros((FITTED_SIDE, FITTED_SIDE), np.float32)
        return Preparation(ink, None, empty, np.zeros((SIDE, SIDE), np.float32), "blank")
    scaled = _fit(ink, box)
    height, width = scaled.shape
    fitted = np.zeros((FITTED_SIDE, FITTED_SIDE), np.float32)
    top, left = (FITTED_SIDE - height) // 2, (FITTED_SIDE - width) // 2
    fitted[top : top + height, left : left + width] = scaled
    corner = (_centred(scaled.sum(axis=1)), _centred(scaled.sum(axis=0)))
    digit = np.zeros((SIDE, SIDE), np.float32)
    digit[corner[0] : corner[0] + height, corner[1] : corner[1] + width] = scaled
    scale = (height / box.height, width / box.width)
    return Preparation(ink, box, fitted, digit, _case(ink, box), corner, scale)


def _box(ink: Array) -> Box | None:
    rows, columns = ink.max(axis=1), ink.max(axis=0)
    if rows.max() <= EDGE:
        return None
    longer = max(int((profile > EDGE).sum()) for profile in (rows, columns))
    reach = max(1, longer // (FITTED_SIDE + 2))
    top, bottom = _first(rows, reach), len(rows) - _first(rows[::-1], reach)
    left, right = _first(columns, reach), len(columns) - _first(columns[::-1], reach)
    return Box(top, left, bottom - top, right - left)


def _first(profile: Array, reach: int) -> int:
    """Where ink begins. A blurred edge begins half-way up to what is seen one digit's pixel further in,
    so that a soft picture of a digit gets the same box as a sharp one."""
    start = int(np.argmax(profile > EDGE))
    near = profile[start : start + reach]
    return start + int(np.argmax(near >= near.max() / 2))


def _fit(ink: Array, box: Box) -> Array:
    """Scale the box so that its longer side is 20; thin pens are brightened to MNIST's full white."""
    inside = ink[box.top : box.top + box.height, box.left : box.left + box.width]
    shrink = FITTED_SIDE / max(box.height, box.width)
    height = max(1, round(box.height * shrink))
    width = max(1, round(box.width * shrink))
    scaled = area_average(inside, height, width)
    return scaled / scaled.max()


def _centred(mass: Array) -> int:
    """Where a line of these masses starts if its centre of mass is to be at the centre, all of it inside."""
    centroid = float(mass @ np.arange(len(mass))) / float(mass.sum())
    return min(max(CENTRE - round(centroid), 0), SIDE - len(mass))


def _case(ink: Array, box: Box) -> Case:
    pieces = label_pieces(ink > 0.3).found
    if not pieces:
        return "digit"
    main = [piece for piece in pieces if piece.area >= 0.03 * pieces[0].area]
    if len(main) > 6:
        return "clutter"
    if _is_cut(ink):
        return "border"
    if len(main) == 1 and _is_dot(ink, box):
        return "dot"
    return "two digits" if _are_two(main, box) else "digit"


def _is_cut(ink: Array) -> bool:
    """A stroke leaves the picture: its ink runs along the edge for most of a stroke's width."""
    longest = max(_longest_run(line > 0.5) for line in (ink[0], ink[-1], ink[:, 0], ink[:, -1]))
    return longest >= 0.8 * _stroke_width(ink)


def _stroke_width(ink: Array) -> float:
    """Twice the area by the length of the outline, which is exact for a long stroke; in pixels."""
    mask = np.pad(ink > 0.5, 1)
    outline = sum(int((mask != np.roll(mask, 1, axis)).sum()) for axis in (0, 1))
    return 2 * int(mask.sum()) / max(outline * np.pi / 4, 1)  # π/4: steps overstate slanted outlines


def _longest_run(line: NDArray[np.bool_]) -> int:
    ends = np.flatnonzero(np.diff(np.pad(line, 1).astype(np.int8)))
    return int((ends[1::2] - ends[::2]).max(initial=0))


def _is_dot(ink: Array, box: Box) -> bool:
    """One filled blob about as high as wide: a disc fills π/4 of its box, a thick digit less."""
    if not 0.6 <= box.height / box.width <= 1.6:
        return False
    inside = ink[box.top : box.top + box.height, box.left : box.left + box.width]
    # One pixel less each way, because a soft rim makes the box of a small dot larger than the dot.
    return float(inside.sum()) > 0.7 * (box.height - 1) * (box.width - 1)


def _are_two(main: list[Piece], box: Box) -> bool:
    """Two tall pieces beside each other; the loose bar of a 5 is beside it too, but low.

    Pieces above one another are taken together, so that a 5 in two strokes is one group.
    """
    groups: list[tuple[int, int, int, int]] = []  # left, right, top, bottom
    for piece in sorted(main, key=lambda piece: piece.left):
        if groups and piece.left < groups[-1][1]:
            left, right, top, bottom = groups[-1]
            merged = left, max(right, piece.right), min(top, piece.top), max(bottom, piece.bottom)
            groups[-1] = merged
        else:
            groups.append((piece.left, piece.right, piece.top, piece.bottom))
    tall = [group for group in groups if group[3] - group[2] >= 0.6 * box.height]
    return len(tall) > 1
