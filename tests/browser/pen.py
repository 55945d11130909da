"""Strokes drawn in Chromium, by mouse or finger. Points lie in 0…340, whatever the canvas measures."""

from __future__ import annotations

import math
from itertools import pairwise

from playwright.sync_api import Locator

from tests.strokes import Stroke

SIDE = 340


def with_mouse(canvas: Locator, strokes: list[Stroke]) -> None:
    mouse = canvas.page.mouse
    for stroke in _on_screen(canvas, strokes):
        mouse.move(*stroke[0])
        mouse.down()
        for point in stroke[1:]:
            mouse.move(*point, steps=3)
        mouse.up()


def with_finger(canvas: Locator, strokes: list[Stroke], rest: float = 0) -> None:
    """One finger, by Chromium's own touch events; it rests `rest` milliseconds before it is lifted."""
    session = canvas.page.context.new_cdp_session(canvas.page)

    def touch(kind: str, stroke: Stroke) -> None:
        touches = [{"x": x, "y": y} for x, y in stroke]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    for stroke in _on_screen(canvas, strokes):
        touch("touchStart", stroke[:1])
        for point in _along(stroke):
            touch("touchMove", [point])
        if rest:
            canvas.page.wait_for_timeout(rest)
        touch("touchEnd", [])


def _on_screen(canvas: Locator, strokes: list[Stroke]) -> list[Stroke]:
    canvas.evaluate("canvas => canvas.scrollIntoView({block: 'center'})")
    box = canvas.bounding_box()
    assert box
    scale = box["width"] / SIDE
    return [[(box["x"] + x * scale, box["y"] + y * scale) for x, y in stroke] for stroke in strokes]


def _along(stroke: Stroke) -> Stroke:
    """Points a few pixels apart, as a finger that moves gives them."""
    points = [stroke[0]]
    for start, end in pairwise(stroke):
        steps = 1 + int(math.dist(start, end) / 6)
        step = [(end[axis] - start[axis]) / steps for axis in (0, 1)]
        points += [(start[0] + i * step[0], start[1] + i * step[1]) for i in range(1, steps + 1)]
    return points
