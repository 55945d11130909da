"""The connected pieces of a black-and-white picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LABEL_SIDE = 192  # pixels; larger pictures are labelled on a smaller copy, which is exact enough


@dataclass(frozen=True)
class Piece:
    """One connected piece; all lengths in pixels of the picture, ends exclusive."""

    label: int
    area: int
    top: int
    bottom: int
    left: int
    right: int
    on_border: bool

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left


@dataclass(frozen=True)
class Pieces:
    """All pieces of one picture, the largest first, and where they are.

    `labels` is int32 (h, w), 0 outside all pieces, of the copy that was reduced by `factor`.
    """

    found: tuple[Piece, ...]
    labels: NDArray[np.int32]
    factor: int
    shape: tuple[int, int]

    def near(self, kept: Iterable[int]) -> NDArray[np.bool_]:
        """(H, W): the kept pieces with a rim of one (reduced) pixel, so that soft edges stay soft."""
        mask = np.pad(np.isin(self.labels, list(kept)), 1)
        height, width = self.labels.shape
        grown = np.zeros((height, width), bool)
        for row in (0, 1, 2):
            for column in (0, 1, 2):
                grown |= mask[row : row + height, column : column + width]
        large = grown.repeat(self.factor, axis=0).repeat(self.factor, axis=1)
        return large[: self.shape[0], : self.shape[1]]


def label_pieces(mask: NDArray[np.bool_]) -> Pieces:
    """Find the 8-connected pieces of `mask` (H, W), by joining the runs of neighbouring rows."""
    factor = -(-max(mask.shape) // LABEL_SIDE)
    small = _reduce(mask, factor)
    labels = _label(small)
    height, width = mask.shape
    count = int(labels.max(initial=0))
    rows, columns = np.nonzero(labels)
    of = labels[rows, columns] - 1
    area = np.bincount(of, minlength=count) * factor * factor
    first = np.full((2, count), max(small.shape))
    last = np.zeros((2, count), np.int64)
    for axis, place in enumerate((rows, columns)):
        np.minimum.at(first[axis], of, place)
        np.maximum.at(last[axis], of, place + 1)
    pieces = []
    for index in range(count):
        (top, left), (bottom, right) = first[:, index].tolist(), last[:, index].tolist()
        pieces.append(
            Piece(
                label=index + 1,
                area=int(area[index]),
                top=top * factor,
                bottom=min(bottom * factor, height),
                left=left * factor,
                right=min(right * factor, width),
                on_border=top == 0 or left == 0 or bottom == small.shape[0] or right == small.shape[1],
            )
        )
    pieces.sort(key=lambda piece: -piece.area)
    return Pieces(tuple(pieces), labels, factor, (height, width))


def _reduce(mask: NDArray[np.bool_], factor: int) -> NDArray[np.bool_]:
    """One pixel for each factor × factor block: is anything set in it?"""
    if factor == 1:
        return mask
    height, width = (-(-side // factor) for side in mask.shape)
    padded = np.zeros((height * factor, width * factor), bool)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    reduced: NDArray[np.bool_] = padded.reshape(height, factor, width, factor).max(axis=(1, 3))
    return reduced


def _label(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Number the pieces 1, 2, … in an int32 array of the mask's shape."""
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row_of, start_of = np.nonzero(edges == 1)
    _, end_of = np.nonzero(edges == -1)
    runs = list(zip(row_of.tolist(), start_of.tolist(), end_of.tolist(), strict=True))
    parent = list(range(len(runs)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = parent[parent[run]]
            run = parent[run]
        return run

    above = 0  # the first run of the row above that may still touch
    for here, (row, start, end) in enumerate(runs):
        while runs[above][0] < row - 1 or (runs[above][0] == row - 1 and runs[above][2] < start):
            above += 1
        other = above
        while runs[other][0] == row - 1 and runs[other][1] <= end:
            parent[root(other)] = root(here)
            other += 1
    numbers = {top: number for number, top in enumerate(dict.fromkeys(map(root, range(len(runs)))), start=1)}
    labels = np.zeros(mask.shape, np.int32)
    for here, (row, start, end) in enumerate(runs):
        labels[row, start:end] = numbers[root(here)]
    return labels
