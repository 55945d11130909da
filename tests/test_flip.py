import numpy as np
import pytest

from mnist_core.probe.drawing import to_digit
from mnist_core.probe.flip import smallest_change
from mnist_core.probe.inference import predict
from mnist_core.runs.checkpoint import shipped_folder
from tests.strokes import STYLES, drawn, placed

SHIPPED = shipped_folder() / "task-2.safetensors"
DIGITS = [to_digit(drawn(placed(STYLES[figure][0], 220, 80, 60), 22)).digit for figure in range(10)]


@pytest.mark.parametrize("figure", [1, 4, 8])
def test_every_target_is_reached_by_a_small_change(figure: int) -> None:
    digit = DIGITS[figure]
    for target in range(10):
        flip = smallest_change(SHIPPED, digit, target)
        assert flip.reached and predict(SHIPPED, flip.digit)[0].argmax() == target
        assert flip.digit.min() >= 0 and flip.digit.max() <= 1
        distance = np.linalg.norm(flip.digit - digit)
        if target == figure:
            assert distance == 0
        else:
            assert distance < 0.8 * np.linalg.norm(DIGITS[target] - digit), "less than drawing it anew"


def test_a_shorter_way_does_not_suffice() -> None:
    digit, target = DIGITS[3], 8
    flip = smallest_change(SHIPPED, digit, target)
    nearly = digit + 0.99 * (flip.digit - digit)
    assert predict(SHIPPED, nearly)[0].argmax() != target
