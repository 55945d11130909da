import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mnist_core.probe.drawing import to_digit
from pages.parts.canvas import PLACED, SIDE, Drawing, _heard
from tests.strokes import STYLES, drawn, placed

STROKE = {"type": "Path"}
PICTURE = {"type": "Image"}


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


SEVEN = drawn(placed(STYLES[7][0], 200, 60, 40), 20)


def test_a_drawing_is_its_strokes_or_the_picture_that_was_put_there() -> None:
    assert not Drawing().pixels().any() and Drawing().pixels().shape == (SIDE, SIDE, 4)
    assert np.array_equal(Drawing((STROKE,), png(SEVEN)).pixels(), SEVEN)
    source = np.zeros((36, 36), np.uint8)
    put = Drawing((PICTURE,), png(SEVEN), source=source)
    assert put.is_source and put.pixels() is source
    drawn_over = replace(put, objects=(PICTURE, STROKE))
    assert not drawn_over.is_source and np.array_equal(drawn_over.pixels(), SEVEN)


def test_places_of_the_digit_on_the_canvas() -> None:
    drawing = Drawing((STROKE,), png(SEVEN))
    prepared = to_digit(drawing.pixels())
    places = drawing.on_canvas(prepared)
    box = prepared.box
    assert places and box
    rows, columns = (np.flatnonzero(prepared.digit.any(axis=axis)) for axis in (1, 0))
    edges = [places[0] * row + places[1] for row in (rows[0], rows[-1] + 1)]
    edges += [places[2] * column + places[3] for column in (columns[0], columns[-1] + 1)]
    ends = box.top, box.top + box.height, box.left, box.left + box.width
    assert edges == pytest.approx([end / SIDE for end in ends])
    assert Drawing().on_canvas(to_digit(Drawing().pixels())) is None


def test_places_on_a_picture_that_was_enlarged_into_the_middle() -> None:
    source = drawn(placed(STYLES[1][0], 60, 10, 90), 8, 200)  # high and narrow, at the lower left
    put = Drawing((PICTURE,), b"", source=source)
    prepared = to_digit(source)
    places = put.on_canvas(prepared)
    assert places and prepared.box
    top, left = prepared.corner
    height, width = prepared.box.height * prepared.scale[0], prepared.box.width * prepared.scale[1]
    assert places[0] * top + places[1] == pytest.approx((SIDE - PLACED) / 2 / SIDE, abs=0.5 / SIDE)
    assert places[0] * (top + height) + places[1] == pytest.approx((SIDE + PLACED) / 2 / SIDE, abs=0.5 / SIDE)
    assert places[2] * (left + width / 2) + places[3] == pytest.approx(0.5, abs=1 / SIDE)


def test_what_the_canvas_tells_is_taken_unless_it_is_no_picture() -> None:
    before = Drawing((STROKE,), png(SEVEN), caption="seven.png", source=SEVEN)
    two = drawn(placed(STYLES[2][0], 200, 60, 40), 20)
    after = _heard(before, png(two), {"objects": [STROKE, STROKE]})
    assert len(after.objects) == 2 and np.array_equal(after.pixels(), two) and after.seen == png(two)
    broken = _heard(before, b"\x89PNG but not really", {"objects": [STROKE] * 5})
    assert broken.objects == before.objects and broken.picture == before.picture
    emptied = _heard(before, png(np.zeros_like(SEVEN)), {"objects": []})
    assert emptied.objects == () and emptied.source is None and not emptied.caption
