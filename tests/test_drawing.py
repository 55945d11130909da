import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mnist_core.probe.drawing import Box, Preparation, prepare_ink, to_digit
from mnist_core.training.data import load
from tests.strokes import STYLES, Stroke, drawn, photographed, placed


def canvas(strokes: list[Stroke], height: float = 200, left: float = 90, top: float = 70, brush: float = 20):
    return drawn(placed(strokes, height, left, top), brush)


def centre_of_mass(digit: np.ndarray) -> tuple[float, float]:
    rows, columns = digit.sum(axis=1), digit.sum(axis=0)
    places = np.arange(28)
    return float(rows @ places / rows.sum()), float(columns @ places / columns.sum())


@pytest.mark.parametrize("figure", STYLES)
def test_every_digit_is_fitted_and_centred(figure: int) -> None:
    for strokes in STYLES[figure]:
        prepared = to_digit(canvas(strokes))
        assert prepared.case == "digit" and prepared.warning is None
        assert prepared.digit.shape == (28, 28) and prepared.digit.dtype == np.float32
        assert prepared.digit.min() == 0 and prepared.digit.max() == 1
        assert prepared.fitted.shape == (20, 20)
        rows = np.flatnonzero(prepared.fitted.any(axis=1))
        assert rows[-1] - rows[0] == 19, "higher than wide, so the height is 20"
        assert all(13.5 <= place <= 14.5 for place in centre_of_mass(prepared.digit))


@given(st.integers(0, 9), st.integers(-60, 60), st.integers(-50, 50))
@settings(max_examples=60)
def test_a_shift_changes_nothing(figure: int, right: int, down: int) -> None:
    drawing = canvas(STYLES[figure][0])
    here, there = to_digit(drawing), to_digit(np.roll(drawing, (down, right), axis=(0, 1)))
    assert np.abs(here.digit - there.digit).max() < 1e-5
    assert here.box and there.box
    assert (there.box.top - here.box.top, there.box.left - here.box.left) == (down, right)


@pytest.mark.parametrize("figure", STYLES)
def test_a_scale_changes_no_more_than_rounding(figure: int) -> None:
    middle = to_digit(canvas(STYLES[figure][0])).fitted
    for size in (0.5, 0.7, 1.5):
        other = to_digit(canvas(STYLES[figure][0], 200 * size, 30, 20, 20 * size)).fitted
        assert np.abs(other - middle).mean() < 0.02


def test_polarity_and_colour_change_nothing() -> None:
    drawing = canvas(STYLES[5][0])
    on_black = drawing[..., 3]
    digit = to_digit(drawing).digit
    assert np.abs(to_digit(on_black).digit - digit).max() < 0.01
    assert np.abs(to_digit(255 - on_black).digit - digit).max() < 0.01


def test_a_thin_pen_is_brightened() -> None:
    assert to_digit(canvas(STYLES[2][0], brush=3)).digit.max() == pytest.approx(1)


def case(drawing: np.ndarray) -> str:
    prepared = to_digit(drawing)
    assert (prepared.warning is None) == (prepared.case == "digit")
    return prepared.case


def dot(x: float, y: float) -> Stroke:
    return [(x, y), (x + 0.001, y)]


def test_what_is_no_digit_gets_a_word() -> None:
    assert case(np.zeros((340, 340, 4), np.uint8)) == "blank"
    assert case(np.full((340, 340), 255, np.uint8)) == "blank"
    for brush in (6, 20, 60, 150):
        assert case(canvas([dot(0.5, 0.5)], brush=brush)) == "dot"
    assert case(canvas([*STYLES[1][0], *placed(STYLES[7][0], 1, 0.9, 0)])) == "two digits"
    assert case(canvas([*STYLES[0][2], *placed(STYLES[3][0], 1, 1.0, 0.1)], left=30)) == "two digits"
    assert case(canvas(STYLES[2][0], left=-40)) == "border"
    assert case(canvas(STYLES[7][0], top=200)) == "border"
    noise = np.random.default_rng(1).integers(0, 256, (200, 200), dtype=np.uint8)
    assert case(noise) != "digit"
    checks = np.kron(np.indices((12, 12)).sum(axis=0) % 3 == 0, np.ones((20, 20))).astype(np.uint8) * 255
    assert case(checks) != "digit"


def test_what_looks_odd_but_is_a_digit() -> None:
    for brush in (4, 10, 24, 40):
        assert case(canvas(STYLES[1][0], brush=brush)) == "digit", "a thin or thick 1"
        assert case(canvas(STYLES[5][1], brush=brush)) == "digit", "a 5 of two strokes that touch"
    for brush in (4, 10, 20):
        assert case(canvas(STYLES[5][2], brush=brush)) == "digit", "a 5 with a loose bar"
    loose = [STYLES[5][0][0][2:], [(0.35, -0.05), (0.95, -0.1)]]
    assert case(canvas(loose, brush=12)) == "digit"
    assert case(canvas(STYLES[0][0], brush=55)) == "digit", "a 0 with a small hole"
    assert case(canvas(STYLES[8][0], 70, brush=12)) == "digit", "a small 8"
    assert case(canvas(STYLES[2][0], 300, 50, 20, brush=24)) == "digit", "all of the canvas"


def test_steps_of_a_blank_drawing_are_empty() -> None:
    prepared = to_digit(np.zeros((60, 60), np.uint8))
    assert prepared.box is None and not prepared.fitted.any() and not prepared.digit.any()


def test_a_digit_whose_mass_is_at_one_end_stays_inside() -> None:
    ink = np.zeros((200, 200), np.float32)
    ink[0:40, 80:120] = 1
    ink[40:200, 98:101] = 1
    prepared = prepare_ink(ink)
    assert prepared.box == Box(0, 80, 200, 40)
    assert prepared.corner[0] == 8 and prepared.digit[27].any()


def test_naive_resize_keeps_place_and_size() -> None:
    small = to_digit(canvas(STYLES[3][0], 80, 10, 10, 8)).naive
    assert small.shape == (28, 28)
    assert small[:9, :9].sum() == pytest.approx(small.sum(), rel=1e-3)


@given(arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 30))))
@settings(max_examples=200)
def test_any_picture_has_a_preparation(pixels: np.ndarray) -> None:
    prepared = to_digit(pixels)
    assert isinstance(prepared, Preparation) and np.isfinite(prepared.digit).all()
    assert prepared.digit.min() >= 0 and prepared.digit.max() <= 1
    assert (prepared.box is None) == (not prepared.digit.any())


def test_a_photograph_is_prepared_as_its_drawing() -> None:
    strokes = placed(STYLES[6][1], 400, 150, 150)
    clean = to_digit(drawn(strokes, 30, 900)).digit
    assert np.abs(to_digit(photographed(strokes, 30, seed=5)).digit - clean).mean() < 0.02


@pytest.mark.mnist
def test_digits_of_mnist_enlarged_come_back(mnist_folder: object) -> None:
    """The oracle: a digit that was prepared once is prepared already."""
    originals = load("mnist").test_images[:1000].numpy()
    differences, moved, words = [], 0, 0
    for original in originals:
        enlarged = np.kron(np.pad(original, 2), np.ones((10, 10), np.uint8))
        prepared = to_digit(enlarged)
        words += prepared.case != "digit"
        difference = np.abs(prepared.digit - original / 255).mean()
        moved += difference > 0.01
        differences.append(difference)
    assert np.median(differences) < 1e-3
    assert moved <= 30, "one pixel off where the centre of mass lies half-way"
    assert words <= 3
