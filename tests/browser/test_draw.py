"""The Draw page as a person uses it, in Chromium: strokes by mouse and finger on the real canvas."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from mnist_core.export.html_file import to_html
from mnist_core.export.onnx_file import to_onnx
from mnist_core.probe.drawing import read_image, to_digit
from mnist_core.probe.examples import example, mistakes
from mnist_core.probe.inference import predict
from mnist_core.runs import checkpoint, manage, store
from mnist_core.runs.checkpoint import shipped_folder
from mnist_core.training.recipe import Recipe
from tests.strokes import SIZES, STYLES, Stroke, drawn, placed
from tests.test_inference import SPEC, untrained

from .conftest import Lab, downloaded, to_page
from .pen import with_finger, with_mouse
from .test_train import wait

pytestmark = pytest.mark.browser

SHIPPED = shipped_folder() / "task-2.safetensors"


def open_draw(page: Page, lab: Lab) -> None:
    page.goto(lab.url)
    to_page(page, "Draw")
    expect(canvas(page)).to_be_visible()
    expect(answers(page).first).to_be_visible()


def canvas(page: Page) -> Locator:
    return page.locator(".upper-canvas")


def answers(page: Page) -> Locator:
    return page.locator(".lab-card")


def word(page: Page) -> Locator:
    return page.locator(".lab-word")


def strokes_are(page: Page, count: int) -> None:
    """Wait for the answer to a drawing of this many strokes."""
    expect(page.locator(".lab-guess")).to_have_attribute("data-strokes", str(count))


def draw(page: Page, strokes: list[Stroke]) -> None:
    with_mouse(canvas(page), strokes)


def clear(page: Page) -> None:
    page.get_by_role("button", name="Clear", exact=True).click()
    canvas_is_empty(page)


def canvas_is_empty(page: Page) -> None:
    strokes_are(page, 0)
    for _ in range(100):  # a stroke before that would be wiped away, too
        if not ink_on_canvas(page):
            return
        page.wait_for_timeout(50)
    raise AssertionError("the canvas is not cleared")


def digit(
    figure: int, style: int = 0, height: float = 220, left: float = 80, top: float = 60
) -> list[Stroke]:
    return placed(STYLES[figure][style], height, left, top)


def set_brush(page: Page, width: int) -> None:
    slider = page.get_by_role("slider", name="Brush")
    now = int(slider.input_value())
    for _ in range(abs(width - now)):
        slider.press("ArrowRight" if width > now else "ArrowLeft")
    expect(slider).to_have_value(str(width))
    page.wait_for_timeout(500)  # the slider tells the server a moment after the last key


@pytest.mark.parametrize("turn", range(3))
def test_all_ten_digits_as_strokes_are_named(lab: Lab, page: Page, turn: int) -> None:
    """Three styles each, each with one of three brushes; tests/test_shipped.py has all the pairs."""
    brush, sizes = list(SIZES.items())[turn]
    open_draw(page, lab)
    set_brush(page, brush)
    wrong = []
    for figure, styles in STYLES.items():
        style = (figure + turn) % 3
        draw(page, placed(styles[style], *sizes[(figure + style) % 3]))
        strokes_are(page, len(styles[style]))
        named = answers(page).first.get_attribute("data-answer")
        if named != str(figure):
            wrong.append((figure, style, named))
        clear(page)
    assert not wrong, f"of ten drawings (digit, style, named): {wrong}"


def test_empty_canvas_undo_clear_and_what_is_no_digit(lab: Lab, page: Page) -> None:
    open_draw(page, lab)
    expect(word(page)).to_contain_text("Draw a digit")
    expect(answers(page).first).to_have_attribute("data-answer", "")
    draw(page, digit(1, height=200, left=10))
    expect(answers(page).first).to_have_attribute("data-answer", "1")
    expect(word(page)).to_have_text("")
    draw(page, digit(0, height=200, left=170))
    expect(word(page)).to_contain_text("two digits")
    expect(answers(page).first).to_have_attribute("data-answer", "")
    undo = page.get_by_role("button", name="Undo", exact=True)
    undo.click()
    expect(answers(page).first).to_have_attribute("data-answer", "1")
    undo.click()
    expect(word(page)).to_contain_text("Draw a digit")
    canvas_is_empty(page)
    draw(page, [[(170, 170), (171, 170)]])
    expect(word(page)).to_contain_text("dot")
    clear(page)
    draw(page, digit(7, top=180))
    expect(word(page)).to_contain_text("over the edge")
    clear(page)
    expect(word(page)).to_contain_text("Draw a digit")


def test_changing_the_brush_keeps_the_drawing_and_the_whole_canvas(lab: Lab, page: Page) -> None:
    open_draw(page, lab)
    draw(page, digit(4))
    strokes_are(page, 2)
    ink = ink_on_canvas(page)
    for width in (38, 7):  # many changes, faster than the canvas is told of them
        set_brush(page, width)
        strokes_are(page, 2)
        wait(page, lambda: abs(ink_on_canvas(page) - ink) < 20, 10)
    draw(page, [[(300, 8), (330, 30)]])  # there the canvas's own toolbar would be
    strokes_are(page, 3)
    assert ink + 50 < ink_on_canvas(page) < ink + 600, "with another brush"


def test_leaving_the_page_keeps_the_drawing(lab: Lab, page: Page) -> None:
    open_draw(page, lab)
    draw(page, digit(4, style=0))
    strokes_are(page, 2)
    for _ in range(2):
        to_page(page, "Design")
        expect(canvas(page)).to_have_count(0)
        to_page(page, "Draw")
        expect(canvas(page)).to_be_visible()
        strokes_are(page, 2)
        expect(answers(page).first).to_have_attribute("data-answer", "4")
    wait(page, lambda: ink_on_canvas(page) > 3_000, 10)  # it is still to be seen
    draw(page, [[(20, 300), (40, 300)]])
    strokes_are(page, 3)
    undo = page.get_by_role("button", name="Undo", exact=True)
    for left in (2, 1, 0):  # also what was drawn before
        undo.click()
        strokes_are(page, left)
    canvas_is_empty(page)


def ink_on_canvas(page: Page) -> int:
    """Pixels of the canvas that are not transparent."""
    ink: int = page.locator(".dc-canvas.lower-canvas").evaluate(
        """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
                     .filter((value, i) => i % 4 === 3 && value > 0).length"""
    )
    return ink


def picture(figure: int = 3) -> bytes:
    """A dark digit on yellowish paper as a JPEG."""
    ink = drawn(placed(STYLES[figure][0], 120, 60, 20), 12, 200)[..., 3:] / 255
    paper = np.array([250, 240, 200]) * (1 - ink) + np.array([30, 30, 120]) * ink
    file = io.BytesIO()
    Image.fromarray(paper.astype(np.uint8)).save(file, "JPEG", quality=90)
    return file.getvalue()


def upload(page: Page, name: str, content: bytes) -> None:
    if not page.locator("input[type=file]").count():
        page.get_by_role("button", name="Picture").click()
    page.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "image/jpeg", "buffer": content}
    )


def shown(page: Page) -> list[str]:
    return answers(page).first.locator(".lab-number").all_inner_texts()


def test_an_image_file_gives_what_predict_says(lab: Lab, page: Page) -> None:
    open_draw(page, lab)
    upload(page, "three.jpg", picture(3))
    expect(word(page)).to_have_text("three.jpg")
    expect(answers(page).first).to_have_attribute("data-answer", "3")
    probabilities = predict(SHIPPED, to_digit(read_image(picture(3))).digit)[0]
    for text, probability in zip(shown(page), probabilities, strict=True):
        assert abs(float(text.strip("<>")) - 100 * probability) <= 0.1


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("notes.jpg", b"seven\n" * 100, "text"),
        ("cut.jpg", picture()[:700], "damaged"),
        ("paper.png", b"", "empty"),
    ],
)
def test_files_that_are_no_pictures_get_a_word(
    lab: Lab, page: Page, name: str, content: bytes, says: str
) -> None:
    open_draw(page, lab)
    upload(page, name, content)
    expect(page.get_by_test_id("stAlert")).to_contain_text(says)
    expect(page.get_by_test_id("stAlert")).to_contain_text(name)
    page.keyboard.press("Escape")
    draw(page, digit(2))
    expect(answers(page).first).to_have_attribute("data-answer", "2")


def test_a_test_digit_and_a_stroke_over_it(lab: Lab, page: Page) -> None:
    open_draw(page, lab)
    named = 0
    for _ in range(4):
        before = word(page).inner_text()
        page.get_by_role("button", name="Test digit").click()
        expect(word(page)).not_to_have_text(before)
        expect(word(page)).to_contain_text("number")
        strokes_are(page, 1)
        named += (
            word(page).inner_text().endswith(f"labelled {answers(page).first.get_attribute('data-answer')}.")
        )
    assert named >= 3
    draw(page, [[(60, 320), (280, 320)]])
    strokes_are(page, 2)
    expect(word(page)).not_to_contain_text("number")


def number(page: Page) -> Locator:
    return page.get_by_label("Number of the test digit").first


def test_a_link_puts_no_link_of_its_own_into_the_page(lab: Lab, page: Page) -> None:
    page.goto(f"{lab.url}/draw?net=[Log in](https://example.com/x) ![i](https://example.com/i.png)")
    expect(page.get_by_text("The net of this link is not here any more.")).to_be_visible()
    expect(page.locator("a[href*='example.com'], img[src*='example.com']")).to_have_count(0)


@pytest.mark.mnist
def test_a_test_digit_by_number_and_by_link(lab: Lab, page: Page) -> None:
    page.goto(f"{lab.url}/draw?digit=1234&net=shipped/task-2")
    expect(word(page)).to_have_text("MNIST's test digit number 1,234, labelled 8.")
    expect(number(page)).to_have_value("1234")
    assert "digit=" not in page.url, "so that a reload does not bring it back"
    number(page).fill("9999")
    number(page).press("Enter")
    expect(word(page)).to_have_text("MNIST's test digit number 9,999, labelled 6.")
    expect(answers(page).first).to_have_attribute("data-answer", "6")
    clear(page)
    expect(number(page)).to_have_value("")
    page.goto(f"{lab.url}/draw?digit=10000")
    expect(page.get_by_test_id("stAlert")).to_contain_text("0 to 9,999")


@pytest.mark.mnist
def test_through_the_mistakes_of_a_net(lab: Lab, page: Page) -> None:
    open_draw(page, lab)
    page.get_by_role("button", name="Mistakes").click()
    found = mistakes(SHIPPED)
    following, previous = (page.get_by_role("button", name=name, exact=True) for name in ("Next", "Previous"))
    for place, button in (
        (0, following),
        (1, following),
        (2, previous),
        (1, previous),
        (0, previous),
        (-1, None),
    ):
        digit, position = example(found[place]), place % len(found) + 1
        expect(word(page)).to_have_text(
            f"MNIST's test digit number {digit.index:,}, labelled {digit.label}. "
            f"Mistake {position} of {len(found)} of task-2."
        )
        expect(number(page)).to_have_value(str(digit.index))
        probabilities = predict(SHIPPED, digit.pixels / np.float32(255))[0]
        expect(answers(page).first).to_have_attribute("data-answer", str(probabilities.argmax()))
        if button:
            button.click()
    draw(page, [[(20, 20), (40, 40)]])
    strokes_are(page, 2)
    expect(page.get_by_role("button", name="Mistakes")).to_be_visible()


def test_the_run_that_train_shows_is_asked(lab: Lab, page: Page) -> None:
    first, second = runs = [
        store.create(SPEC, Recipe(epochs=1), "synthetic", root=lab.runs) for _ in range(2)
    ]
    names = ["my first try", "my best try"]
    for run, name in zip(runs, names, strict=True):
        checkpoint.save(run / store.CHECKPOINT, untrained(SPEC))
        manage.rename(run, name)
    name = answers(page).locator(".lab-net-name")

    def from_train(run: store.Run) -> None:
        page.get_by_test_id("stTopNavLink").filter(has_text="Train").click()
        page.get_by_role("button", name=store.read(run).title).click()
        expect(page).to_have_url(re.compile(run.name))
        page.get_by_test_id("stTopNavLink").filter(has_text="Draw").click()
        expect(canvas(page)).to_be_visible()

    open_draw(page, lab)
    expect(name).to_have_text(["task-2"])
    from_train(first)
    expect(name).to_have_text(["my first try"])
    choose(page, "task-2")
    expect(name).to_have_text(["my first try", "task-2"])
    from_train(second)
    expect(name).to_have_text(["my best try", "task-2"])
    manage.rename(second, "renamed")
    checkpoint.save(second / store.CHECKPOINT, replace(untrained(SPEC), figures={"test_accuracy": 0.5}))
    page.wait_for_timeout(1100)  # the list is read once a second
    draw(page, digit(4))
    strokes_are(page, 2)
    expect(name).to_have_text(["renamed", "task-2"])
    page.goto(f"{lab.url}/draw?net=runs/{first.name}")
    expect(name).to_have_text(["my first try"])
    for run in runs:
        manage.delete(run)


@pytest.fixture
def second_net(lab: Lab) -> Iterator[str]:
    run = store.create(SPEC, Recipe(epochs=1), "synthetic", root=lab.runs)
    checkpoint.save(run / store.CHECKPOINT, untrained(SPEC))
    yield "small"
    (run / store.CHECKPOINT).unlink()


def choose(page: Page, name: str) -> None:
    page.get_by_role("combobox", name="Nets").click()
    page.get_by_role("combobox", name="Nets").fill(name)
    page.get_by_role("option", name=name).first.click()
    page.keyboard.press("Escape")


def test_two_checkpoints_side_by_side_and_the_naive_resize(lab: Lab, page: Page, second_net: str) -> None:
    open_draw(page, lab)
    draw(page, digit(6, height=120, left=10, top=10))
    expect(answers(page)).to_have_count(1)
    choose(page, second_net)
    expect(answers(page)).to_have_count(2)
    expect(answers(page).nth(0)).to_have_attribute("data-answer", "6")
    expect(answers(page).nth(1)).to_contain_text("10.00 %")
    right = shown(page)
    page.get_by_text("naive resize instead").click()
    expect(page.locator(".lab-sees figcaption")).to_contain_text("naive")
    assert shown(page) != right
    page.get_by_text("naive resize instead").click()
    assert shown(page) == right


def look(page: Page, view: str) -> None:
    page.get_by_role("radio", name=view).or_(page.get_by_role("button", name=view)).first.click()


def test_four_nets_are_level_and_a_phone_has_the_canvas_on_the_same_screen(lab: Lab, page: Page) -> None:
    open_draw(page, lab)
    for name in ("drill-down-7", "record-under-20k", "ten-steps-10"):
        choose(page, name)
    expect(answers(page)).to_have_count(4)
    expect(answers(page).nth(2)).to_contain_text("99.74 %, 1 of 5 seeds")

    def tops() -> list[int]:
        boxes = [rows.bounding_box() for rows in answers(page).locator(".lab-rows").all()]
        return [round(box["y"]) for box in boxes if box]

    assert len(set(tops())) == 1, "all in one row"
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_text("How the drawing became that digit").click()  # closed, as it is on a phone
    expect(page.locator(".lab-number").first).to_be_hidden()
    first, second, third, fourth = tops()
    assert first == second < third == fourth
    box = canvas(page).bounding_box()
    assert box and fourth < box["y"] < 844 - box["height"] / 2
    page.get_by_role("button", name="Clear all").click()
    expect(word(page)).to_have_text("Choose a trained net below.")


def test_in_a_projectors_type_nothing_is_cut_off(lab: Lab, page: Page) -> None:
    page.goto(f"{lab.url}/draw?projector=true")
    expect(answers(page).first).to_be_visible()
    expect(page.locator("html")).to_have_css("font-size", "22px")
    undo, clear = (
        page.get_by_role("button", name=name, exact=True).bounding_box() for name in ("Undo", "Clear")
    )
    assert undo and clear and undo["y"] == clear["y"]
    room = number(page).evaluate(
        """input => {
            const pen = document.createElement("canvas").getContext("2d"), style = getComputedStyle(input);
            pen.font = `${style.fontSize} ${style.fontFamily}`;
            const padding = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
            return input.clientWidth - padding - pen.measureText(input.placeholder).width;
        }"""
    )
    assert room > 0


def test_feature_maps_and_a_units_field_on_the_drawing(lab: Lab, page: Page) -> None:
    open_draw(page, lab)
    draw(page, digit(4, style=1))
    look(page, "Feature maps")
    chips = page.locator(".lab-chip")
    expect(chips.first).to_have_text("1 conv2d")
    expect(chips.last).to_have_text("34 log_softmax")
    chips.nth(6).click()  # 8 conv2d, 32 maps of 22×22
    maps = page.locator(".lab-grid canvas")
    expect(maps).to_have_count(32)
    expect(page.locator(".lab-maps-title")).to_contain_text("32×22×22")
    box = maps.nth(5).bounding_box()
    assert box
    maps.nth(5).click(position={"x": box["width"] * 10.5 / 22, "y": box["height"] * 12.5 / 22})
    story = page.locator(".lab-story")
    expect(story).to_contain_text("map 6, row 13, column 11")
    expect(story).to_contain_text("sum of 144 inputs × weights in 16 maps")
    expect(story.locator("table")).to_have_count(3)
    expect(story.locator(".lab-kernels canvas")).to_have_count(16)
    shares = [bar.bounding_box() for bar in story.locator(".lab-up, .lab-down").all()]
    assert len(shares) == 17 and max(bar["height"] for bar in shares if bar) > 20, "16 maps and the bias"
    seen = page.locator(".lab-seen").bounding_box()
    field = page.locator(".lab-seen .lab-field").bounding_box()
    assert seen and field
    side = seen["width"] / 28  # a pixel of the digit; 8 conv2d sees 7×7 of them, from column 10 on
    assert field["width"] == pytest.approx(7 * side, abs=1) and field["height"] == pytest.approx(
        7 * side, abs=1
    )
    assert field["x"] - seen["x"] == pytest.approx(10 * side, abs=1)
    assert field["y"] - seen["y"] == pytest.approx(12 * side, abs=1)
    expect(page.locator(".st-key-canvas-box > .lab-field")).to_be_visible()
    maps.nth(5).press("ArrowLeft")
    expect(story).to_contain_text("map 6, row 13, column 10")
    maps.nth(6).press("Enter")
    expect(story).to_contain_text("map 7, row 12, column 12")
    maps.nth(5).click(position={"x": box["width"] * 10.5 / 22, "y": box["height"] * 12.5 / 22})
    expect(story).to_contain_text("map 6, row 13, column 11")
    draw(page, [[(20, 20), (40, 40)]])
    strokes_are(page, 3)
    expect(story).to_contain_text("map 6, row 13, column 11")


def test_how_robust_with_a_slider_and_two_nets(lab: Lab, page: Page, second_net: str) -> None:
    open_draw(page, lab)
    draw(page, digit(4))
    choose(page, second_net)
    expect(answers(page)).to_have_count(2)
    look(page, "Feature maps")
    expect(page.locator(".lab-chip").last).to_have_text("34 log_softmax")
    page.locator(".st-key-inside_of").get_by_text(second_net).click()
    expect(page.locator(".lab-chip").last).to_have_text("7 linear")
    look(page, "How robust")
    expect(page.locator(".lab-robust polyline")).to_have_count(2)
    lines = page.locator(".lab-robust li")
    expect(lines.first).to_contain_text("4")
    expect(lines.first).to_contain_text("another answer from")
    sure = answers(page).first.locator(".lab-sure").inner_text()
    expect(lines.first.locator("span").first).to_have_text(sure)
    slider = page.get_by_role("slider", name="Rotate")
    slider.press("End")
    expect(page.locator(".lab-robust output")).to_have_text("180 °")
    expect(lines.first.locator("b")).not_to_have_text("4")
    page.get_by_role("button", name="unchanged").click()
    expect(lines.first.locator("b")).to_have_text("4")
    page.get_by_text("Invert", exact=True).click()
    expect(page.get_by_role("slider", name="Invert")).to_be_visible()


def test_what_the_answer_rests_on_and_what_turns_it(lab: Lab, page: Page) -> None:
    open_draw(page, lab)
    look(page, "What it rests on")
    expect(page.get_by_text("Draw a digit first.")).to_be_visible()
    draw(page, digit(3))
    titles = page.locator(".lab-pictures b")
    expect(titles).to_have_text(["Integrated gradients", "Occlusion", "Grad-CAM"])
    look(page, "Turn it into")
    expect(titles).to_have_text(["Yours", "Changed", "The change"])
    page.locator(".st-key-turn_into").get_by_text("8", exact=True).click()
    texts = page.locator(".lab-pictures figcaption")
    expect(texts.nth(0)).to_contain_text("Named 3")
    expect(texts.nth(1)).to_contain_text("Named 8")


def test_a_net_is_taken_along(lab: Lab, page: Page) -> None:
    open_draw(page, lab)
    look(page, "Take it with you")
    for name, content in (
        ("Web page (.html)", to_html(checkpoint.load(SHIPPED))),
        ("ONNX (.onnx)", to_onnx(checkpoint.load(SHIPPED))),
        ("Checkpoint (.safetensors)", SHIPPED.read_bytes()),
    ):
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        assert download.value.suggested_filename == f"task-2{name[name.index('.') : -1]}"
        assert Path(download.value.path()).read_bytes() == content


def test_a_file_that_is_offered_is_given_even_if_its_checkpoint_breaks_meanwhile(
    lab: Lab, page: Page, second_net: str
) -> None:
    file = next(lab.runs.glob(f"*-{second_net}-*/{store.CHECKPOINT}"))
    content = file.read_bytes()
    page.goto(f"{lab.url}/draw?net=runs/{file.parent.name}")
    expect(answers(page).first).to_contain_text(second_net)
    look(page, "Take it with you")
    button = page.get_by_role("button", name="Checkpoint (.safetensors)")
    expect(button).to_be_visible()
    file.write_bytes(content[:1000])
    with page.expect_download() as download:
        button.click()
    assert Path(download.value.path()).read_bytes() == content


def test_my_handwriting_is_a_test_set(lab: Lab, page: Page) -> None:
    folder = lab.runs.parent / "handwriting"
    open_draw(page, lab)
    look(page, "My handwriting")
    keep_as = page.locator(".st-key-keep_as")
    for figure, label in ((2, 2), (7, 7), (5, 6)):
        draw(page, digit(figure))
        strokes_are(page, len(STYLES[figure][0]))
        button = keep_as.get_by_text(str(label), exact=True)
        if label == 2:
            button.dblclick()
            page.wait_for_timeout(700)
        else:
            button.click()
        expect(page.get_by_text(f"Kept as {label}.")).to_be_visible()
        canvas_is_empty(page)
    expect(page.get_by_test_id("stMetricValue")).to_have_text("2 of 3")
    expect(page.locator(".lab-pictures b")).to_have_text("6, named 5")
    assert sorted(path.name[0] for path in folder.iterdir()) == ["2", "6", "7"]
    with zipfile.ZipFile(downloaded(page, "Download")) as archive:
        assert len(archive.namelist()) == 3
    page.get_by_role("button", name="Take back the last").click()
    expect(page.get_by_test_id("stMetricValue")).to_have_text("2 of 2")
    page.get_by_role("button", name="Delete all").click()
    page.get_by_role("button", name="Yes, delete all 2 pictures").click()
    expect(page.get_by_text("Nothing is kept yet.")).to_be_visible()
    assert not list(folder.iterdir())


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    yield context
    context.close()


@pytest.mark.parametrize("width", [390, 360, 320])
def test_with_a_finger_on_a_phone(lab: Lab, phone: BrowserContext, width: int) -> None:
    page = phone.new_page()
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(lab.url)
    page.goto(f"{lab.url}/draw")
    expect(canvas(page)).to_be_visible()
    expect(answers(page).first).to_be_visible()
    box, answer = canvas(page).bounding_box(), answers(page).first.bounding_box()
    assert box and answer
    assert answer["y"] + answer["height"] <= box["y"], "the answer comes first"
    assert box["x"] >= 0 and box["x"] + box["width"] <= width, "all of the canvas is to be seen"
    for figure in (2, 5, 8):
        with_finger(canvas(page), digit(figure))
        strokes_are(page, len(STYLES[figure][0]))
        expect(answers(page).first).to_have_attribute("data-answer", str(figure))
        page.get_by_role("button", name="Clear", exact=True).tap()
        canvas_is_empty(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing sticks out"


def test_what_ships_is_asked_first(lab: Lab, page: Page) -> None:
    open_draw(page, lab)
    expect(answers(page).first).to_contain_text("task-2")
    expect(answers(page).first).to_contain_text("19,712 params")
    figures = checkpoint.describe(Path(SHIPPED)).figures
    expect(answers(page).first).to_contain_text(f"{100 * figures['test_accuracy']:.2f} %")
