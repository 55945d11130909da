from pathlib import Path

import numpy as np
import pytest

from mnist_core.probe.drawing import to_digit
from mnist_core.probe.inference import predict
from mnist_core.probe.robustness import CHANGES, STEPS, changed, curve
from mnist_core.runs import checkpoint
from tests.strokes import STYLES, drawn, placed
from tests.test_inference import SPEC, untrained

DIGIT = to_digit(drawn(placed(STYLES[5][0], 220, 80, 60), 22)).digit


def one(name: str, amount: float, digit: np.ndarray = DIGIT) -> np.ndarray:
    return changed(digit, CHANGES[name], [amount])[0]


@pytest.mark.parametrize("name", CHANGES)
def test_the_neutral_amount_changes_nothing_and_all_stay_in_range(name: str) -> None:
    change = CHANGES[name]
    amounts = change.amounts()
    assert len(amounts) == STEPS and change.neutral in amounts
    assert (np.diff(amounts) > 0).all() and (amounts[0], amounts[-1]) == (
        pytest.approx(change.low),
        pytest.approx(change.high),
    )
    digits = changed(DIGIT, change, amounts)
    assert digits.shape == (STEPS, 28, 28) and digits.min() >= 0 and digits.max() <= 1
    assert np.array_equal(digits[amounts == change.neutral][0], DIGIT)
    steps = np.abs(np.diff(digits, axis=0)).mean(axis=(1, 2))
    assert (steps > 0).all(), "every amount is another digit"


def test_shifts_are_those_of_the_array() -> None:
    assert one("right", 3)[:, 3:] == pytest.approx(DIGIT[:, :-3], abs=1e-5)
    assert one("right", -4)[:, :-4] == pytest.approx(DIGIT[:, 4:], abs=1e-5)
    assert one("down", 5)[5:] == pytest.approx(DIGIT[:-5], abs=1e-5)
    assert not one("down", 5)[:5].any()


def test_turns_are_those_of_the_array() -> None:
    assert one("rotate", 90) == pytest.approx(np.rot90(DIGIT, -1), abs=1e-4)
    assert one("rotate", 180) == pytest.approx(DIGIT[::-1, ::-1], abs=1e-4)


def test_scale_by_two_averages_pixels_apart() -> None:
    flat = np.zeros((28, 28), np.float32)
    flat[8:20, 8:20] = 1
    half = one("scale", 0.5, flat)
    assert half[11:17, 11:17].min() == 1 and half.sum() == pytest.approx(36, rel=0.05)


def test_thickening_is_dilation_and_thinning_erosion() -> None:
    point = np.zeros((28, 28), np.float32)
    point[10, 12] = 1
    assert one("thicken", 1, point).sum() == 9 and one("thicken", 2, point).sum() == 25
    assert one("thicken", 0.5, point).sum() == pytest.approx(1 + 8 * 0.5)
    assert not one("thicken", -1, point).any()
    assert one("thicken", -1, one("thicken", 1, point)) == pytest.approx(point)
    masses = changed(DIGIT, CHANGES["thicken"], [-2, -1, 0, 1, 2, 3]).sum(axis=(1, 2))
    assert (np.diff(masses) > 0).all()


def test_blur_keeps_the_ink_and_widens_it() -> None:
    point = np.zeros((28, 28), np.float32)
    point[14, 14] = 1
    for sigma in (0.8, 1.5, 2.5):
        blurred = one("blur", sigma, point)
        assert blurred.sum() == pytest.approx(1, abs=1e-3)
        spread = (blurred * (np.arange(28)[:, None] - 14) ** 2).sum()
        assert spread == pytest.approx(sigma**2, rel=0.02)


def test_noise_is_the_same_pattern_and_inversion_complete() -> None:
    assert np.array_equal(one("noise", 0.4), one("noise", 0.4))
    free = np.full((28, 28), 0.5, np.float32)
    assert (one("noise", 0.1, free) - 0.5).std() == pytest.approx(0.1, rel=0.1)
    assert one("noise", 0.1, free) - 0.5 == pytest.approx((one("noise", 0.05, free) - 0.5) * 2, abs=1e-5)
    assert one("invert", 1) == pytest.approx(1 - DIGIT)
    assert one("invert", 0.5) == pytest.approx(np.full((28, 28), 0.5))


def test_a_curve_says_what_predict_says_and_where_it_flips(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    checkpoint.save(path, untrained(SPEC))
    for change in CHANGES.values():
        found = curve(path, DIGIT, change)
        assert np.abs(found.probabilities - predict(path, found.digits)).max() < 1e-5
        said = found.probabilities.argmax(axis=1)
        at = int(np.flatnonzero(found.amounts == change.neutral)[0])
        assert found.named == said[at] == predict(path, DIGIT)[0].argmax()
        below, above = found.flips
        for index, amount in enumerate(found.amounts):
            inside = (below is None or amount > below) and (above is None or amount < above)
            if inside:
                assert said[index] == found.named
        for flip in (below, above):
            if flip is not None:
                assert said[int(np.flatnonzero(np.isclose(found.amounts, flip))[0])] != found.named
