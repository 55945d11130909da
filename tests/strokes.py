"""Digits as a person draws them: polylines in a unit square, written down by hand.

Each style is a list of strokes, each stroke a list of (x, y) with x to the right, y down, 0…1.
`drawn` renders one as the canvas would; the browser tests move a mouse along the same points.
"""

import math

import numpy as np
from PIL import Image, ImageDraw

Stroke = list[tuple[float, float]]


def _arc(x: float, y: float, rx: float, ry: float, start: float, end: float, points: int = 24) -> Stroke:
    """Part of an ellipse around (x, y); degrees, 0 to the right, growing clockwise as y goes down."""
    angles = [math.radians(start + (end - start) * i / points) for i in range(points + 1)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


STYLES: dict[int, list[list[Stroke]]] = {
    0: [
        [_arc(0.5, 0.5, 0.33, 0.5, -90, 270)],
        [_arc(0.5, 0.5, 0.42, 0.48, -60, 305)],
        [_arc(0.5, 0.5, 0.25, 0.5, -100, -465)],
    ],
    1: [
        [[(0.5, 0.0), (0.5, 1.0)]],
        [[(0.3, 0.22), (0.52, 0.0), (0.52, 1.0)]],
        [[(0.62, 0.0), (0.4, 1.0)]],
    ],
    2: [
        [[*_arc(0.5, 0.27, 0.32, 0.27, -170, 40), (0.18, 1.0), (0.85, 1.0)]],
        [[(0.2, 0.15), (0.45, 0.0), (0.75, 0.1), (0.78, 0.35), (0.5, 0.7), (0.15, 0.97), (0.85, 0.97)]],
        [[*_arc(0.48, 0.28, 0.3, 0.28, -180, 60), (0.25, 0.85), (0.2, 0.97), (0.38, 0.88), (0.9, 0.95)]],
    ],
    3: [
        [[*_arc(0.45, 0.25, 0.3, 0.25, -150, 80), *_arc(0.45, 0.74, 0.35, 0.26, -80, 150)]],
        [[(0.18, 0.03), (0.75, 0.03), (0.45, 0.38), *_arc(0.45, 0.69, 0.33, 0.31, -80, 150)]],
        [[(0.2, 0.1), (0.5, 0), (0.75, 0.2), (0.4, 0.47), (0.72, 0.6), (0.78, 0.8), (0.5, 1.0), (0.15, 0.9)]],
    ],
    4: [
        [[(0.3, 0.0), (0.12, 0.6), (0.85, 0.6)], [(0.65, 0.2), (0.65, 1.0)]],
        [[(0.2, 0.02), (0.22, 0.5), (0.75, 0.5)], [(0.75, 0.0), (0.72, 1.0)]],
        [[(0.62, 1.0), (0.62, 0.0), (0.1, 0.68), (0.9, 0.68)]],
    ],
    5: [
        [[(0.78, 0.0), (0.28, 0.0), (0.24, 0.42), *_arc(0.45, 0.68, 0.32, 0.3, -110, 140)]],
        [[(0.27, 0.04), (0.24, 0.45), *_arc(0.45, 0.7, 0.32, 0.3, -100, 140)], [(0.27, 0.03), (0.8, 0.0)]],
        [[(0.25, 0.1), (0.22, 0.48), *_arc(0.42, 0.72, 0.3, 0.28, -95, 140)], [(0.4, 0.02), (0.82, 0.0)]],
    ],
    6: [
        [[(0.68, 0.0), (0.4, 0.2), (0.22, 0.5), *_arc(0.48, 0.72, 0.28, 0.28, 190, 560)]],
        [[(0.6, 0.0), (0.3, 0.35), (0.2, 0.7), *_arc(0.47, 0.75, 0.27, 0.25, 170, -190)]],
        [[(0.35, 0.0), (0.22, 0.4), (0.22, 0.75), *_arc(0.48, 0.75, 0.26, 0.25, 160, -200)]],
    ],
    7: [
        [[(0.15, 0.05), (0.85, 0.05), (0.4, 1.0)]],
        [[(0.15, 0.02), (0.82, 0.0), (0.6, 0.4), (0.45, 1.0)], [(0.3, 0.5), (0.78, 0.48)]],
        [[(0.15, 0.2), (0.17, 0.04), (0.8, 0.04), (0.5, 0.55), (0.42, 1.0)]],
    ],
    8: [
        [_arc(0.5, 0.25, 0.25, 0.25, 90, 450), _arc(0.5, 0.75, 0.3, 0.25, -90, 270)],
        [[*_arc(0.5, 0.25, 0.26, 0.25, -30, -240), *_arc(0.5, 0.74, 0.3, 0.26, -60, 240), (0.72, 0.15)]],
        [[*_arc(0.5, 0.26, 0.22, 0.26, 90, 450), *_arc(0.5, 0.76, 0.26, 0.24, -90, 270)]],
    ],
    9: [
        [[*_arc(0.48, 0.28, 0.28, 0.28, 0, -360), (0.74, 1.0)]],
        [[*_arc(0.48, 0.28, 0.27, 0.28, -20, -360), (0.75, 0.6), (0.55, 1.0)]],
        [[*_arc(0.47, 0.27, 0.27, 0.27, -10, -380), (0.74, 0.7), *_arc(0.47, 0.75, 0.27, 0.24, 0, 120)]],
    ],
}  # fmt: skip


def placed(
    strokes: list[Stroke], height: float, left: float, top: float, aspect: float = 0.75
) -> list[Stroke]:
    """The strokes in pixels: `height` high, `aspect` × `height` wide, the corner at (left, top)."""
    return [[(left + x * height * aspect, top + y * height) for x, y in stroke] for stroke in strokes]


def drawn(strokes: list[Stroke], brush: float, side: int = 340) -> np.ndarray:
    """White strokes with round ends on a transparent canvas, uint8 (side, side, 4), smoothed by 4×4."""
    fine = 4
    image = Image.new("L", (side * fine, side * fine))
    pen = ImageDraw.Draw(image)
    radius = brush * fine / 2
    for stroke in strokes:
        points = [(x * fine, y * fine) for x, y in stroke]
        pen.line(points, fill=255, width=round(brush * fine))
        for x, y in points:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    alpha = np.asarray(image.reduce(fine))
    canvas = np.full((side, side, 4), 255, np.uint8)
    canvas[..., 3] = alpha
    return canvas


SIZES = {  # brush → height, left, top of what is drawn with it: small, large, off the centre
    22: [(230, 85, 55), (140, 20, 170), (300, 55, 18)],
    7: [(110, 200, 30), (250, 60, 40), (170, 150, 150)],
    38: [(250, 75, 45), (290, 60, 25), (230, 110, 80)],
}


def photographed(
    strokes: list[Stroke], pen: float, seed: int, size: tuple[int, int] = (900, 700), chalk: bool = False
) -> np.ndarray:
    """The strokes as a photograph: a lamp on one side, a soft shadow, grain; RGB uint8 (height, width, 3)."""
    random = np.random.default_rng(seed)
    height, width = size
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    slope, turn = random.uniform(0.2, 0.5), random.uniform(0, 2 * math.pi)
    along = math.cos(turn) * rows / height + math.sin(turn) * columns / width
    light = 0.85 - slope * (along - along.min())
    edge = random.uniform(0.3, 0.7) * width
    light = light * (1 - 0.25 / (1 + np.exp((edge - columns) / 40)))
    ink = drawn(strokes, pen, max(size))[:height, :width, 3].astype(np.float32) / 255
    surface = 0.12 + 0.7 * ink if chalk else 1 - 0.8 * ink
    colour = np.array([1.0, 0.97, 0.9], np.float32)
    picture = (light * surface)[..., None] * colour + random.normal(0, 0.015, (height, width, 1))
    return (np.clip(picture, 0, 1) * 255).astype(np.uint8)
