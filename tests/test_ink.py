import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mnist_core.probe.ink import DrawingError, area_average, find_ink
from tests.strokes import STYLES, drawn, photographed, placed

pictures = arrays(
    np.float32, array_shapes(min_dims=2, max_dims=2, max_side=40), elements=st.floats(0, 1, width=32)
)


def seven(brush: float = 20) -> np.ndarray:
    """The alpha of a drawn 7, uint8 (340, 340)."""
    return drawn(placed(STYLES[7][0], 200, 80, 60), brush)[..., 3]


@given(pictures, st.integers(1, 30), st.integers(1, 30))
def test_area_average_keeps_the_mean_and_the_range(picture: np.ndarray, height: int, width: int) -> None:
    scaled = area_average(picture, height, width)
    assert scaled.shape == (height, width)
    assert scaled.mean() == pytest.approx(picture.mean(), abs=1e-5)
    assert scaled.min() >= picture.min() - 1e-5 and scaled.max() <= picture.max() + 1e-5


@given(pictures, st.integers(1, 9), st.integers(1, 9))
def test_area_average_undoes_a_repetition(picture: np.ndarray, high: int, wide: int) -> None:
    enlarged = picture.repeat(high, axis=0).repeat(wide, axis=1)
    assert area_average(enlarged, *picture.shape) == pytest.approx(picture, abs=1e-5)


def test_area_average_of_fractions_of_pixels() -> None:
    row = np.array([[0.0, 3.0, 6.0]], np.float32)
    assert area_average(row, 1, 2).tolist() == [pytest.approx([1.0, 5.0])]


def test_every_colour_of_pen_and_paper_gives_the_same_ink() -> None:
    alpha = seven().astype(np.float32)[..., None] / 255
    truth = alpha[..., 0]
    pens = {
        "black on white": ((0, 0, 0), (255, 255, 255)),
        "white on black": ((255, 255, 255), (0, 0, 0)),
        "blue on white": ((30, 60, 200), (255, 255, 255)),
        "yellow on white": ((250, 230, 40), (255, 255, 255)),
        "chalk on green": ((230, 235, 225), (40, 90, 60)),
        "pencil on grey": ((150, 150, 150), (200, 200, 200)),
    }
    for name, (pen, paper) in pens.items():
        colours = np.rint(alpha * np.array(pen) + (1 - alpha) * np.array(paper)).astype(np.uint8)
        assert np.abs(find_ink(colours) - truth).max() < 0.03, name
        opaque = np.dstack([colours, np.full(colours.shape[:2], 255, np.uint8)])
        assert np.abs(find_ink(opaque) - truth).max() < 0.03, name


def test_grey_and_transparent_canvas() -> None:
    truth = seven().astype(np.float32) / 255
    assert np.abs(find_ink(seven()) - truth).max() < 0.01
    assert np.abs(find_ink(255 - seven()) - truth).max() < 0.01
    for pen in (0, 255):  # black or white strokes on a transparent canvas
        canvas = np.full((340, 340, 4), pen, np.uint8)
        canvas[..., 3] = seven()
        assert np.array_equal(find_ink(canvas), truth)


@pytest.mark.parametrize("value", [0, 90, 255])
@pytest.mark.parametrize("shape", [(28, 28), (5, 300), (1, 1), (60, 40, 3), (60, 40, 4)])
def test_plain_paper_has_no_ink(shape: tuple[int, ...], value: int) -> None:
    ink = find_ink(np.full(shape, value, np.uint8))
    assert ink.shape == shape[:2] and ink.dtype == np.float32
    assert not ink.any() or (len(shape) == 3 and shape[2] == 4 and value < 255)


@pytest.mark.parametrize("chalk", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_a_photograph_gives_the_ink_of_the_drawing(seed: int, chalk: bool) -> None:
    strokes = placed(STYLES[seed + 2][0], 400, 150, 120)
    truth = drawn(strokes, 24, 900)[:900, :700, 3] > 127
    ink = find_ink(photographed(strokes, 24, seed, chalk=chalk)) > 0.5
    both = (ink & truth).sum() / (ink | truth).sum()
    assert both > 0.9, f"only {both:.2f} of the ink was found"


def test_photographs_without_ink_and_with_a_table() -> None:
    assert not (find_ink(photographed([], 20, seed=1)) > 0.5).any()
    strokes = placed(STYLES[2][0], 400, 150, 220)
    picture = photographed(strokes, 24, seed=3)
    table = picture.copy()
    table[:90] = picture[:90] // 5  # the paper's edge and a dark table beyond it
    table[:, :60] = picture[:, :60] // 5
    truth = drawn(strokes, 24, 900)[:900, :700, 3] > 127
    ink = find_ink(table) > 0.5
    assert (ink & truth).sum() / (ink | truth).sum() > 0.9


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((28, 28), np.float32),
        np.zeros((28,), np.uint8),
        np.zeros((0, 28), np.uint8),
        np.zeros((28, 28, 2), np.uint8),
        np.zeros((2, 28, 28, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(DrawingError, match="a drawing"):
        find_ink(pixels)


@given(arrays(np.uint8, st.one_of(array_shapes(min_dims=2, max_dims=2, max_side=40))))
def test_any_grey_picture_has_ink_between_0_and_1(pixels: np.ndarray) -> None:
    ink = find_ink(pixels)
    assert ink.shape == pixels.shape and np.isfinite(ink).all()
    assert ink.min() >= 0 and ink.max() <= 1


@pytest.mark.parametrize("sigma", [0.0, 2.0, 3.0])
def test_the_noise_of_a_scan_is_no_ink(sigma: float) -> None:
    """Evenly lit grey paper: what a scanner or a still camera adds does not widen the digit's box."""
    alpha = seven().astype(np.float32) / 255
    noise = np.random.default_rng(1).normal(0, sigma, alpha.shape)
    scan = np.clip(230 - 170 * alpha + noise, 0, 255).round().astype(np.uint8)
    rows, columns = np.nonzero(find_ink(scan) > 0.04)
    true = np.nonzero(alpha > 0.5)
    for found, wanted in ((rows, true[0]), (columns, true[1])):
        assert abs(found.min() - wanted.min()) <= 4 and abs(found.max() - wanted.max()) <= 4


def test_paper_with_nothing_around_it() -> None:
    """A scan that was turned or a window with a shadow: opaque paper, transparent corners."""
    alpha = seven().astype(np.float32)[..., None] / 255
    paper = (255 * (1 - alpha)).round().astype(np.uint8).repeat(3, axis=2)
    sheet = np.zeros((400, 400, 4), np.uint8)
    sheet[30:370, 30:370, :3], sheet[30:370, 30:370, 3] = paper, 255
    ink = find_ink(sheet)
    assert np.abs(ink[30:370, 30:370] - alpha[..., 0]).max() < 0.02
    ink[30:370, 30:370] = 0
    assert not ink.any()


@pytest.mark.parametrize("wide", [1, 2, 5])
def test_a_frame_is_no_ink(wide: int) -> None:
    alpha = seven().astype(np.float32) / 255
    framed = np.full((340 + 2 * wide,) * 2, 40, np.uint8)
    inside = slice(wide, -wide)
    framed[inside, inside] = (255 * (1 - alpha)).round()
    ink = find_ink(framed)
    assert np.abs(ink[inside, inside] - alpha).max() < 0.02
    ink[inside, inside] = 0
    assert not ink.any()
