"""The exported page opened from disk, without a network."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from playwright.sync_api import Browser, Page, expect

from mnist_core.architecture.spec import ModelSpec
from mnist_core.architecture.text import from_text
from mnist_core.export.html_file import net_data, to_html
from mnist_core.probe.drawing import WARNINGS, to_digit
from mnist_core.probe.examples import example
from mnist_core.probe.inference import predict
from mnist_core.runs.checkpoint import Checkpoint, load, shipped_folder
from tests.strategies import EVERY_KIND, digit_specs
from tests.strokes import STYLES, drawn, placed
from tests.test_onnx_file import DIGITS, lively, rounds_away

from .pen import with_finger, with_mouse

pytestmark = pytest.mark.browser

SHIPPED = shipped_folder() / "task-2.safetensors"
PREPARE = """drawings => drawings.map(alpha => {
  const bytes = Uint8Array.from(atob(alpha), letter => letter.charCodeAt(0));
  const prepared = lab.prepare(new Float32Array(bytes.length).map((_, i) => bytes[i] / 255), 340, 340);
  return [prepared.case, [...prepared.digit]];
})"""


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """`task-2` as a page, opened from disk by a browser that is offline."""
    file = tmp_path / "task-2.html"
    file.write_bytes(to_html(load(SHIPPED)))
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    context.set_offline(True)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: errors.append(request.url))
    page.goto(file.as_uri())
    yield page
    context.close()
    assert [error for error in errors if not error.startswith(("file:", "data:"))] == []


@pytest.mark.mnist
def test_a_hundred_test_digits_get_the_labs_probabilities(page: Page) -> None:
    examples = [example(index) for index in range(100)]
    assert {each.data for each in examples} == {"mnist"}
    digits = np.stack([each.pixels for each in examples]) / np.float32(255)
    found = page.evaluate("digits => digits.map(lab.probabilities)", digits.reshape(100, -1).tolist())
    assert np.array(found) == pytest.approx(predict(SHIPPED, digits), abs=1e-4)


def net_says(page: Page, checkpoint: Checkpoint) -> np.ndarray:
    code = "([net, digits]) => digits.map(lab.readNet(net))"
    return np.array(page.evaluate(code, [net_data(checkpoint), DIGITS.reshape(len(DIGITS), -1).tolist()]))


def test_every_kind_of_layer(page: Page) -> None:
    for name, text in EVERY_KIND.items():
        checkpoint = lively(from_text(text, name))
        assert net_says(page, checkpoint) == pytest.approx(predict(checkpoint, DIGITS), abs=1e-5), name


@settings(max_examples=30)
@given(digit_specs)
def test_random_designs(page: Page, spec: ModelSpec) -> None:
    checkpoint = lively(spec)
    assume(not rounds_away(checkpoint))
    assert net_says(page, checkpoint) == pytest.approx(predict(checkpoint, DIGITS), abs=1e-5)


def drawings() -> Iterator[np.ndarray]:
    """Digits of all sizes and pens, and what is no digit."""
    for figure, styles in STYLES.items():
        for style, strokes in enumerate(styles):
            for brush, place in (
                (22, (230, 85, 55)),
                (4, (110, 200, 30)),
                (40, (270, 60 + figure, 30 + style)),
            ):
                yield drawn(placed(strokes, *place), brush)
    yield drawn([], 20)
    yield drawn([[(170, 170), (171, 170)]], 22)  # a dot
    yield drawn(placed(STYLES[7][0], 220, 80, 180), 22)  # over the edge
    yield drawn(placed(STYLES[1][0], 200, 10, 60) + placed(STYLES[0][0], 200, 170, 60), 20)  # two digits
    yield drawn(placed(STYLES[1][0], 330, 40, 5), 3)
    yield drawn([[(x, 40), (x, 80)] for x in range(30, 320, 40)], 10)  # clutter
    faint = drawn(placed(STYLES[3][0], 200, 80, 60), 20)
    faint[..., 3] = faint[..., 3] // 4
    yield faint


def test_drawings_are_prepared_as_in_the_lab(page: Page) -> None:
    pictures = list(drawings())
    expected = [to_digit(picture) for picture in pictures]
    assert {each.case for each in expected} == {"blank", *WARNINGS, "digit"}
    inks = [base64.b64encode(picture[..., 3].tobytes()).decode() for picture in pictures]
    for (case, digit), wanted in zip(page.evaluate(PREPARE, inks), expected, strict=True):
        assert case == wanted.case
        assert np.reshape(digit, (28, 28)) == pytest.approx(wanted.digit, abs=1e-5)


def test_a_drawn_digit_is_named(page: Page) -> None:
    expect(page.locator("#word")).to_contain_text("Draw a digit")
    for figure in (3, 8):
        strokes = placed(STYLES[figure][0], 220, 80, 60)
        with_mouse(page.locator("#drawing"), strokes)
        expect(page.locator("body")).to_have_attribute("data-answer", str(figure))
        digit = page.evaluate("[...lab.prepared().digit]")
        expected = predict(SHIPPED, np.reshape(digit, (28, 28)))[0]
        shown = [float(text.strip("<>")) for text in page.locator(".number").all_inner_texts()]
        assert shown == pytest.approx(100 * expected, abs=0.1)
        for _ in strokes:
            page.get_by_role("button", name="Undo").click()
        expect(page.locator("#word")).to_contain_text("Draw a digit")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_with_a_finger(page: Page) -> None:
    # A finger that is still moving flings, and the next tap only stops that: hence the rest.
    with_finger(page.locator("#drawing"), placed(STYLES[7][0], 220, 80, 60), rest=300)
    expect(page.locator("body")).to_have_attribute("data-answer", "7")
    page.get_by_role("button", name="Clear").tap()
    expect(page.locator("body")).to_have_attribute("data-answer", "")
