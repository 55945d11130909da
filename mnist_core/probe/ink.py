"""Find the ink in a picture: which pixels are pen, which are paper, whatever their colours.

The result is always *ink on black* as MNIST has it: 0 is paper, 1 is full ink. Three kinds of picture
come in: a canvas whose paper is transparent, a clean picture on one flat colour (a scan, a screenshot,
a digit of MNIST itself), and a photograph with uneven lighting. The first two are measured exactly, so
that a digit of MNIST comes out as it went in; only the third needs an estimate of the paper.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_core.probe.pieces import label_pieces

Array = NDArray[np.floating]  # pictures, float32 of shape (H, W) or (channels, H, W), in [0, 1]

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as Pillow's mode "L"
FAINTEST_INK = 0.08  # of full contrast; below it there is nothing to be seen
FLAT_PAPER = 0.004  # of full contrast, one grey level; a border that varies more has a camera's noise
WIDEST_FRAME = 20  # a frame around a picture has at most one such part of its shorter side
PHOTO_SIDE = 128  # pixels; lighting is smooth, so it is estimated on a small copy
WIDEST_STROKE = 0.25  # of a photograph's longer side
SPECK = 0.04  # of the largest piece of ink; smaller pieces of a photograph are dirt


class DrawingError(ValueError):
    """A picture that cannot be read as a drawing; the message says why and what to do instead."""


def find_ink(pixels: NDArray[np.uint8]) -> Array:
    """Return the ink of a picture, float32 (H, W) in [0, 1], 1 for full ink.

    `pixels` is uint8 of shape (H, W) for grey, (H, W, 3) for RGB or (H, W, 4) for RGB with alpha.
    What the border mostly shows is the paper; what differs from it is the ink, brighter or darker.
    Raises `DrawingError` for any other array. A picture without ink gives zeros.
    """
    colour, alpha = _split(pixels)
    if alpha is not None:
        drawn = colour[:, alpha >= 0.5]
        if np.median(_border(alpha)) >= 0.5:
            paper = np.median(_border(colour), axis=1)[:, None, None]
        elif drawn.size and np.ptp(drawn, axis=1).max() > FAINTEST_INK:
            paper = np.median(drawn, axis=1)[:, None, None]  # paper with pen on it, and nothing around it
        else:
            return alpha  # pen of one colour: paper is where nothing was drawn
        colour = colour * alpha + paper * (1 - alpha)
    if wide := _frame(colour):
        ink = np.zeros(colour.shape[1:], np.float32)
        inside = slice(wide, -wide)
        ink[inside, inside] = _ink_on_paper(colour[:, inside, inside])
        return ink
    return _ink_on_paper(colour)


def _ink_on_paper(colour: Array) -> Array:
    border = _border(colour)
    paper = np.median(border, axis=1)
    # The 75th percentile, because strokes that run over the edge are part of the border too.
    noise = float(np.percentile(np.abs(border - paper[:, None]).max(axis=0), 75))
    if noise <= FLAT_PAPER:
        return _ink_on_flat_paper(colour, paper, noise)
    return _ink_in_photograph(_brightness(colour))


def area_average(picture: Array, height: int, width: int) -> Array:
    """Scale (H, W) to (height, width); every new pixel is the mean of the area that it covers, exactly."""
    return _averaged(_averaged(picture, height).T, width).T.astype(np.float32)


def _averaged(picture: Array, count: int) -> Array:
    """The means of `count` equal strips of the rows, from the sums of all rows above each strip's edge.

    A product with a matrix of weights would do as well, but its threads wait for each other where a run
    trains beside: 20 ms and more instead of 1.
    """
    rows = len(picture)
    above = np.zeros((rows + 1, picture.shape[1]))
    np.cumsum(picture, axis=0, out=above[1:])
    edges = np.linspace(0, rows, count + 1)
    whole = np.minimum(edges.astype(int), rows - 1)
    at_edges = above[whole] + (edges - whole)[:, None] * picture[whole]
    means: Array = np.diff(at_edges, axis=0) * (count / rows)
    return means


def _split(pixels: NDArray[np.uint8]) -> tuple[Array, Array | None]:
    """The colours (1 or 3, H, W) and the alpha (H, W) or None, both in [0, 1]."""
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or pixels.size == 0:
        raise DrawingError(
            f"a drawing is uint8 of shape (H, W), (H, W, 3) or (H, W, 4), "
            f"not {pixels.dtype} of shape {pixels.shape}"
        )
    if pixels.ndim == 2:
        return pixels[None].astype(np.float32) / 255, None
    if pixels.shape[2] not in (3, 4):
        raise DrawingError(f"a drawing has 1, 3 or 4 channels, not {pixels.shape[2]}")
    values = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32) / 255
    return (values, None) if len(values) == 3 else (values[:3], values[3])


def _brightness(colour: Array) -> Array:
    return colour[0] if len(colour) == 1 else (colour * LUMINANCE[:, None, None]).sum(axis=0)


def _border(picture: Array) -> Array:
    """The outermost ring of pixels of (…, H, W), as (…, N)."""
    sides = [picture[..., 0, :], picture[..., -1, :], picture[..., 1:-1, 0], picture[..., 1:-1, -1]]
    return np.concatenate(sides, axis=-1)


def _frame(colour: Array) -> int:
    """How wide a frame of one colour is around paper of another, in pixels; 0 where there is none."""
    for wide in range(min(colour.shape[1:]) // WIDEST_FRAME + 1):
        inside = slice(wide, colour.shape[1] - wide), slice(wide, colour.shape[2] - wide)
        ring = _border(colour[:, *inside])
        if np.ptp(ring, axis=1).max() > FLAT_PAPER:
            return 0
        if np.abs(ring[:, 0] - colour[:, 0, 0]).max() > FAINTEST_INK:
            return wide
    return 0


def _ink_on_flat_paper(colour: Array, paper: Array, noise: float) -> Array:
    """How far each pixel is from the paper's colour, 1 for the pen's own; `noise` is the paper's."""
    difference = colour - paper[:, None, None]
    # Chalk or pen: the side of the paper's brightness on which there is more.
    if _brightness(difference).sum() < 0:
        difference = -difference
    # The channel that shows the pen best, so that yellow on white is ink as well.
    ink = np.clip(difference.max(axis=0), 0, None)
    strongest = float(ink.max())
    if strongest < FAINTEST_INK:
        return np.zeros_like(ink)
    full = np.percentile(ink[ink > strongest / 2], 95)
    ink = np.clip(ink / full, 0, 1)
    return np.where(ink * full > 2 * noise, ink, 0).astype(np.float32)


def _ink_in_photograph(grey: Array) -> Array:
    """Separate pen from paper where the light is uneven, dark on light or light on dark.

    The paper is what a closing (largest, then smallest of a neighbourhood wider than any stroke) leaves:
    its brightness without the strokes. Ink is how much darker than its paper a pixel is, cut by Otsu's
    threshold (Otsu 1979: the cut with the largest variance between the two classes).
    """
    if _is_chalk(grey):
        grey = 1 - grey
    paper = _paper(grey)
    darkness = np.clip((paper - grey) / np.maximum(paper, 0.05), 0, 1)
    cut, contrast = _otsu(darkness)
    if contrast < 1.5 * FAINTEST_INK:
        return np.zeros_like(grey)
    ink = np.clip((darkness - 0.5 * cut) / cut, 0, 1)
    return ink * _worth_keeping(ink)


def _is_chalk(grey: Array) -> bool:
    """Light strokes on a dark ground: strokes are the minority, so the brightness is skewed towards them.

    Only the middle is looked at, because at the edges a photograph shows the table as well.
    """
    top, left = (round(side * 0.15) for side in grey.shape)
    small = _small(grey[top : grey.shape[0] - top, left : grey.shape[1] - left])
    even = small / np.maximum(_blurred(small, max(small.shape) // 4), 0.02)
    return float(((even - even.mean()) ** 3).mean()) > 0


def _paper(grey: Array) -> Array:
    small = _small(grey)
    reach = max(1, round(max(small.shape) * WIDEST_STROKE / 2))
    closed = _extreme(_extreme(small, reach, np.maximum), reach, np.minimum)
    smooth = _blurred(closed, max(1, reach // 2))
    return np.asarray(Image.fromarray(smooth).resize(grey.shape[::-1], Image.Resampling.BILINEAR))


def _small(grey: Array) -> Array:
    scale = min(1.0, PHOTO_SIDE / max(grey.shape))
    height, width = (max(1, round(side * scale)) for side in grey.shape)
    return area_average(grey, height, width)


def _extreme(picture: Array, reach: int, pick: np.ufunc) -> Array:
    """Largest or smallest value within `reach` pixels along both axes."""
    for axis in (0, 1):
        edges = [(reach, reach) if axis == a else (0, 0) for a in (0, 1)]
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(picture, edges, mode="edge"), 2 * reach + 1, axis=axis
        )
        picture = pick.reduce(windows, axis=-1)
    return picture


def _blurred(picture: Array, reach: int) -> Array:
    """Mean within `reach` pixels along both axes."""
    for axis in (0, 1):
        edges = [(reach, reach) if axis == a else (0, 0) for a in (0, 1)]
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(picture, edges, mode="edge"), 2 * reach + 1, axis=axis
        )
        picture = windows.mean(axis=-1, dtype=np.float32)
    return picture


def _otsu(values: Array) -> tuple[float, float]:
    """Otsu's cut of values in [0, 1], and the distance of the two classes' means."""
    counts, edges = np.histogram(values, bins=128, range=(0, 1))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = below[-1] + counts[-1] - below
    sums = np.cumsum(counts * centres)
    distance = (sums[-1] - sums[:-1]) / np.maximum(above, 1) - sums[:-1] / np.maximum(below, 1)
    best = int(np.argmax(below * above * distance**2))
    return float(edges[best + 1]), float(distance[best])


def _worth_keeping(ink: Array) -> NDArray[np.bool_]:
    """Where a photograph's ink belongs to the digit: not specks, not what reaches in from the border."""
    pieces = label_pieces(ink > 0.5)
    inside = [piece for piece in pieces.found if not piece.on_border] or list(pieces.found)
    if not inside:
        return np.zeros(ink.shape, bool)
    largest = max(piece.area for piece in inside)
    kept = [piece.label for piece in inside if piece.area >= SPECK * largest]
    return pieces.near(kept)
