"""The Design page as a person uses it, in Chromium."""

from __future__ import annotations

import json
import re
from typing import Literal
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from mnist_core.architecture.spec import ModelSpec
from mnist_core.architecture.text import from_text

from .conftest import Lab, downloaded, place

pytestmark = pytest.mark.browser


def figures(page: Page) -> list[str]:
    return page.get_by_test_id("stMetricValue").all_inner_texts()


def expect_params(page: Page, params: str) -> None:
    expect(page.get_by_test_id("stMetricValue").first).to_have_text(params)


def open_design(page: Page, lab: Lab, text: str = "", **fields: str) -> None:
    query = "&".join(f"{name}={quote(value)}" for name, value in ({"design": text} | fields).items() if value)
    page.goto(f"{lab.url}/?{query}")
    expect(page.get_by_role("list", name="Layers")).to_be_visible()


def kinds(page: Page) -> list[str]:
    return page.locator(".lab-kind").all_inner_texts()


def row(page: Page, number: int):
    return page.locator(f'[data-n="{number}"]')


def no_traceback(page: Page) -> None:
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_task_2_its_table_and_what_an_edit_changes(lab: Lab, page: Page) -> None:
    open_design(page, lab)
    expect_params(page, "19,712")
    assert figures(page) == ["19,712", "32 px", "4.51 M"]
    lines = page.locator(".lab-table tbody tr")
    expect(lines).to_have_count(34)
    expect(lines.nth(7)).to_have_text("8conv2d 32 · 3×3 · no bias32×22×224,6082,230,272713.5")
    row(page, 5).locator(".lab-kind").click()
    page.get_by_label("out_channels").fill("24")
    expect_params(page, "23,184")
    expect(page.locator(".lab-table tfoot")).to_contain_text("23,184")
    page.get_by_role("button", name="Delete (Del)").click()
    expect(lines).to_have_count(33)
    expect_params(page, "17,408")
    no_traceback(page)


def test_undo_redo_reload_back_and_a_second_browser(lab: Lab, page: Page, browser: Browser) -> None:
    open_design(page, lab)
    expect_params(page, "19,712")
    row(page, 5).locator(".lab-kind").click()
    page.keyboard.press("Delete")
    expect(page.locator(".lab-row")).to_have_count(33)
    changed = figures(page)[0]
    page.reload()
    expect(page.locator(".lab-row")).to_have_count(33)
    other = browser.new_context().new_page()
    other.goto(page.url)
    expect(other.get_by_test_id("stMetricValue").first).to_have_text(changed)
    other.context.close()
    row(page, 6).locator(".lab-kind").click()
    page.keyboard.press("Delete")
    expect(page.locator(".lab-row")).to_have_count(32)
    page.keyboard.press("Control+z")
    expect(page.locator(".lab-row")).to_have_count(33)
    page.keyboard.press("Control+y")
    expect(page.locator(".lab-row")).to_have_count(32)
    page.wait_for_timeout(2500)
    page.go_back()
    expect(page.locator(".lab-row")).to_have_count(33)
    no_traceback(page)


def test_problems_stand_at_their_layer_and_one_click_mends(lab: Lab, page: Page) -> None:
    open_design(page, lab, "conv8k14 max5 conv16k7 fc10")
    problem = row(page, 3).locator(".lab-problem")
    expect(problem).to_contain_text("kernel_size is 7, but the incoming map is 3×3 with padding 0")
    expect(page.get_by_test_id("stMetricValue").first).to_have_text("–")
    problem.get_by_role("button", name="Set padding to 2").click()
    expect(row(page, 4).locator(".lab-problem")).to_contain_text("Linear needs a vector".lower())
    heard = page.locator(".lab-layers").get_by_role("status")
    expect(heard).to_have_text(re.compile("^Layer 4: linear needs a vector"))
    row(page, 4).get_by_role("button", name="Insert flatten before it").click()
    expect(page.locator(".lab-row")).to_have_count(5)
    expect(page.locator(".lab-problem")).to_have_count(0)
    expect(heard).to_be_empty()


def test_the_published_net_by_hand_from_empty_to_all_verdicts(lab: Lab, page: Page) -> None:
    open_design(page, lab)
    page.get_by_label("Start from").click()
    longest = page.get_by_role("option", name="ten-steps-06-global-average-pooling")
    longest.scroll_into_view_if_needed()
    assert longest.evaluate(  # its params are not cut off
        """(option) => { const words = document.createRange(); words.selectNodeContents(option);
          return words.getBoundingClientRect().right < option.getBoundingClientRect().right; }"""
    )
    page.get_by_role("option", name="empty").click()
    expect(page.get_by_text("No layers yet.")).to_be_visible()
    expect(page.get_by_text("Add layers first.")).to_be_visible()

    def add(name: str, **values: str | bool) -> None:
        count = page.locator(".lab-row").count()
        page.get_by_role("button", name="layer…").click()
        search = page.get_by_placeholder("Insert…")
        search.fill(name)
        page.locator(".lab-choice").get_by_text(name, exact=True).click()
        expect(page.locator(".lab-row")).to_have_count(count + 1)
        if values:
            line = row(page, count + 1)
            if line.locator(".lab-fields").count() == 0:
                line.locator(".lab-kind").click()
            for field, value in values.items():
                box = line.get_by_label(field, exact=True)
                if isinstance(value, bool):
                    box.set_checked(value)
                else:
                    box.fill(value)
                page.wait_for_timeout(250)

    def block(channels: str, norm: bool = True, dropout: bool = True, **more: str) -> None:
        add("conv2d", out_channels=channels, bias=False, **more)
        add("relu")
        if norm:
            add("batch_norm2d")
        if dropout:
            add("dropout2d", p="0.1")

    block("16")
    block("16", dropout=False)
    block("32")
    add("conv2d", out_channels="16", kernel_size="1")
    add("relu")
    add("max_pool2d")
    block("16")
    block("16", padding="1")
    block("16")
    block("32")
    add("conv2d", out_channels="10", kernel_size="1", bias=False)
    add("avg_pool2d", kernel_size="5")
    add("flatten")
    add("log_softmax")
    expect_params(page, "19,712")
    expect(page.get_by_text("9 of 9 met")).to_be_visible()
    no_traceback(page)
    while re.search(r"design=[^&]", page.url):
        shown = page.url
        page.locator(".st-key-undo button").first.click()
        page.wait_for_url(lambda url, shown=shown: url != shown)
    expect(page.get_by_text("No layers yet.")).to_be_visible()
    page.locator(".st-key-redo button").first.click()
    expect(page.locator(".lab-row")).to_have_count(1)


def test_with_the_keyboard_alone(lab: Lab, page: Page) -> None:
    open_design(page, lab, "conv16 relu gap flat fc10")
    page.locator(".lab-kind").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Control+d")
    expect(page.locator(".lab-row")).to_have_count(6)
    page.keyboard.press("Insert")
    page.keyboard.type("batch_norm2d")
    page.keyboard.press("Enter")
    expect(page.locator(".lab-row")).to_have_count(7)
    assert kinds(page)[1] == "batch_norm2d"
    page.locator('[data-focus="row 2"]').focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator(".lab-kind").first).to_have_text("batch_norm2d")
    page.keyboard.press("Control+z")
    expect(page.locator(".lab-kind").first).to_have_text("conv2d")
    page.locator('[data-focus="row 2"]').focus()
    page.keyboard.press("o")
    expect(page.locator(".lab-off")).to_have_count(1)
    page.keyboard.press("Delete")
    expect(page.locator(".lab-row")).to_have_count(6)


def test_the_choice_and_the_keyboard_go_with_a_layer(lab: Lab, page: Page) -> None:
    open_design(page, lab, "conv16 res(relu relu) bn gap flat fc10")
    page.locator('[data-focus="row 5"]').focus()
    page.locator('[data-focus="row 5"]').press("Enter")
    for key, wanted in (
        ("Alt+ArrowUp", ["conv2d", "batch_norm2d", "residual", "relu", "relu"]),
        ("Alt+ArrowUp", ["batch_norm2d", "conv2d", "residual", "relu", "relu"]),
        ("Alt+ArrowDown", ["conv2d", "batch_norm2d", "residual", "relu", "relu"]),
        ("Alt+ArrowDown", ["conv2d", "residual", "relu", "relu", "batch_norm2d"]),
    ):
        page.keyboard.press(key)
        page.wait_for_function(
            "wanted => [...document.querySelectorAll('.lab-kind')].slice(0, 5).map((kind) => "
            "kind.textContent).join() === wanted",
            arg=",".join(wanted),
        )
        expect(page.locator(".lab-chosen .lab-kind")).to_have_text("batch_norm2d")
        expect(page.locator(".lab-chosen .lab-kind")).to_be_focused()
    page.keyboard.press("Delete")  # what had the keyboard is gone
    expect(page.locator(".lab-row")).to_have_count(7)
    expect(page.locator(".lab-chosen .lab-kind")).to_be_focused()
    page.get_by_role("button", name="transition block").click()
    expect(page.locator(".lab-row")).to_have_count(10)
    expect(page.locator(".lab-chosen .lab-kind")).to_be_focused()


def test_a_target_of_ones_own_is_met_by_that_very_accuracy(lab: Lab, page: Page) -> None:
    open_design(page, lab)
    page.get_by_role("combobox", name="Assignment").click()
    page.get_by_text("limits of your own", exact=False).last.click()
    box = page.get_by_label("test accuracy, %")
    box.fill("99.46")  # 99.46 / 100 is 0.9945999999999999 for a computer
    box.press("Enter")
    expect(page.get_by_text("test accuracy ≥ 99.46 %")).to_be_attached()
    expect(box).to_be_focused()  # the form stays as it is
    page.keyboard.press("Tab")
    page.keyboard.type("10000")
    page.keyboard.press("Tab")
    expect(page.get_by_text("19,712 of at least 10,000.")).to_be_attached()
    expect(page.get_by_label("last epochs that meet it")).to_be_focused()
    page.get_by_role("button", name="Share, import, export").click()
    link = page.get_by_test_id("stCode").first
    expect(link).to_contain_text("0.9946")
    assert "0.99459" not in link.inner_text()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("conv1000000000", "allowed are 1 to 4,096"),
        ("nonsense everywhere", "cannot be read"),
        ("relu " * 150, "at most 100 are allowed"),
        ("3x(" * 30, "nested deeper than 8 levels"),
        ("conv16[kernel_size=<script>alert(1)</script>]", "cannot be read"),
    ],
)
def test_hostile_links_give_a_message(lab: Lab, page: Page, text: str, part: str) -> None:
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    open_design(page, lab, text)
    expect(page.locator(".lab-problem, [role=alert]").filter(has_text=part).first).to_be_visible()
    no_traceback(page)
    assert not dialogs


def test_a_typing_error_in_the_text_form_can_be_mended(lab: Lab, page: Page) -> None:
    open_design(page, lab, "conv8 gap flat fc10")
    page.get_by_role("button", name="Share, import, export").click()
    box = page.get_by_role("textbox", name="Text form")
    box.fill("conv8 reluu gap flat fc10")
    box.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("The text was not taken. Word 2")
    expect(box).to_have_value("conv8 reluu gap flat fc10")
    box.fill("conv8 relu gap flat fc10")
    box.press("Control+Enter")
    expect(page.locator(".lab-row")).to_have_count(5)


def test_a_menu_that_was_open_undoes_nothing(lab: Lab, page: Page) -> None:
    """The browser goes on sending what its boxes held, also when they are gone."""
    open_design(page, lab)
    menu = page.get_by_role("button", name="Share, import, export")
    box = page.get_by_role("textbox", name="Text form")
    menu.click()
    expect(box).to_be_visible()
    page.keyboard.press("Escape")
    expect(box).to_have_count(0)
    for left in (33, 32):
        row(page, 5).locator(".lab-kind").click()
        page.keyboard.press("Delete")
        expect(page.locator(".lab-row")).to_have_count(left)
    page.get_by_test_id("stButtonGroup").get_by_text("Code").click()
    expect(page.get_by_text("class Net(nn.Module):")).to_be_visible()
    expect(page.locator(".lab-row")).to_have_count(32)
    page.get_by_role("button", name="Undo", exact=False).click()
    expect(page.locator(".lab-row")).to_have_count(33)
    menu.click()
    box.fill("conv8 gap flat fc10")
    box.press("Control+Enter")
    expect(page.locator(".lab-row")).to_have_count(4)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_the_projector_on_every_page_and_after_a_reload(lab: Lab, page: Page) -> None:
    open_design(page, lab)
    page.get_by_text("Projector").click()
    larger = "() => getComputedStyle(document.documentElement).fontSize === '22px'"
    page.wait_for_function(larger)
    edges = "(node) => [node.scrollWidth - node.clientWidth, node.getBoundingClientRect().right]"
    over, right = page.locator(".lab-rows").evaluate(edges)
    assert over == 0 and page.locator(".lab-params").first.evaluate(edges)[1] < right
    for line in ("stMetricValue", "stSelectbox"):  # the figures, and what stands at both ends of the head
        boxes = [box.bounding_box() for box in page.get_by_test_id(line).all()]
        assert len({box["y"] for box in boxes if box}) == 1, f"{line} wraps"
    expect(page.locator(".lab-row .lab-field").first).to_have_text("3 px")  # it is no phone
    page.get_by_test_id("stTopNavLink").filter(has_text="Compare").click()
    expect(page.get_by_test_id("stTopNavLink").filter(has_text="Compare")).to_have_attribute(
        "aria-current", "page"
    )
    page.reload()
    page.wait_for_function(larger)


def test_list_and_field_show_the_same_layer(lab: Lab, page: Page) -> None:
    open_design(page, lab, "conv8 relu bn")
    page.get_by_role("button", name="output block (GAP, linear)").click()
    expect(page.locator(".lab-chosen .lab-kind")).to_have_text("global_avg_pool2d")
    expect(page.locator(".lab-field-title")).to_have_text("4 global_avg_pool2d")
    row(page, 2).locator(".lab-kind").click()
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator(".lab-field-title")).to_have_text("1 relu")
    expect(page.locator('.lab-kind[tabindex="0"]')).to_have_text("relu")  # Tab comes to this row alone
    heads = page.locator(".lab-heads span")
    expect(heads).to_have_text(["#", "layer", "output", "field", "params"])
    for name in ("shape", "field", "params"):  # each heading ends where its figures end
        ends = page.locator(f"span.lab-{name}").evaluate_all(
            "all => all.map((one) => one.getBoundingClientRect().right)"
        )
        assert len(ends) == 8 and len(set(ends)) == 1
    page.get_by_role("link", name="Train this").click()
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_visible()


def test_what_is_wrong_stays_in_sight(lab: Lab, page: Page) -> None:
    open_design(page, lab, "conv8k40 " + "relu bn " * 14 + "gap flat fc10")
    expect(page.locator(".lab-field-text")).to_have_text("Mend layer 1 to see what its units see.")
    expect(page.locator(".lab-params").last).to_have_text("–")
    problem = page.locator(".lab-problem")
    page.locator(".lab-rows").evaluate("(list) => list.scrollTo(0, 9999)")
    expect(problem).to_be_in_viewport(ratio=1)
    open_design(page, lab, "conv8 " + "relu bn " * 14 + "conv8k3 gap flat fc10")
    row(page, 30).locator(".lab-kind").focus()
    page.keyboard.press("Enter")
    page.get_by_label("kernel_size").fill("40")
    expect(problem).to_contain_text("Layer 30: kernel_size is 40")
    for part in (problem, page.get_by_label("kernel_size")):
        expect(part).to_be_in_viewport(ratio=1)
        top, bottom, over, under = part.evaluate(
            """(node) => [node, node.closest(".lab-rows")].map((one) => one.getBoundingClientRect())
              .flatMap((box) => [box.top, box.bottom])"""
        )
        assert over <= top and bottom <= under


def test_a_name_is_text_and_nothing_else(lab: Lab, page: Page) -> None:
    open_design(page, lab, "conv10k28 flat", name="<img src=x onerror=alert(1)> **bold**")
    expect(page.get_by_label("Name")).to_have_value("<img src=x onerror=alert(1)> **bold**")
    expect(page.locator("img[src=x]")).to_have_count(0)


def test_a_box_follows_the_design_when_that_changes_under_it(lab: Lab, page: Page) -> None:
    open_design(page, lab, "conv8 gap flat fc10")
    row(page, 1).locator(".lab-kind").click()
    box = row(page, 1).get_by_label("out_channels")
    expect_params(page, "170")
    box.fill("16")
    expect_params(page, "330")
    expect(box).to_be_focused()
    page.wait_for_timeout(2500)  # an address bar that is late is no step back
    page.go_back()
    expect_params(page, "170")
    expect(box).to_have_value("8")
    box.press("ArrowUp")
    expect(box).to_have_value("9")
    expect_params(page, "190")


def test_json_out_and_in_and_a_link_that_fixes_the_assignment(lab: Lab, page: Page, browser: Browser) -> None:
    open_design(page, lab, "conv8 gap flat fc10", name="mine")
    menu = page.get_by_role("button", name="Share, import, export")
    menu.click()
    exported = downloaded(page, "Export JSON")
    assert ModelSpec.from_json(exported.read_text()) == from_text("conv8 gap flat fc10", "mine")
    page.get_by_text("Fix the assignment in the link").click()
    link = page.get_by_test_id("stCode").first
    expect(link).to_contain_text("lock=1")
    other = browser.new_context().new_page()
    other.goto(link.inner_text())
    expect(other.get_by_role("combobox", name=re.compile("Assignment"))).to_be_disabled()
    expect(other.get_by_label("Name")).to_have_value("mine")
    other.context.close()

    page.keyboard.press("Escape")
    row(page, 4).locator(".lab-kind").click()
    page.keyboard.press("Delete")
    expect(page.locator(".lab-row")).to_have_count(3)
    menu.click()
    page.locator("input[type=file]").set_input_files(
        {"name": "mine.json", "mimeType": "application/json", "buffer": exported.read_bytes()}
    )
    expect(page.locator(".lab-row")).to_have_count(4)
    page.locator("input[type=file]").set_input_files(
        {"name": "wrong.json", "mimeType": "application/json", "buffer": b'{"layers": 3}'}
    )
    expect(page.get_by_text("wrong.json was not taken.")).to_be_visible()


def test_a_teachers_link_fixes_the_assignment(lab: Lab, page: Page) -> None:
    open_design(page, lab, "conv10k28 flat", assignment="under-8k", lock="1")
    asked = page.get_by_role("combobox", name=re.compile("Assignment"))
    expect(asked).to_be_disabled()
    expect(asked).to_have_value("under 8,000 params, at most 15 epochs, consistently")


def test_an_assignment_of_ones_own_travels_in_the_link(lab: Lab, page: Page) -> None:
    own = json.dumps({"max_params": 300, "accuracy": 0.9})
    open_design(page, lab, "conv10k28 flat", assignment=own)
    expect(page.get_by_text("7,850, which is 7,550 over 300.")).to_be_visible()


def test_an_assignment_that_is_none_has_a_word(lab: Lab, page: Page) -> None:
    open_design(page, lab, "conv10k28 flat", assignment="[" * 3000)
    expect(page.get_by_text("The assignment in this link cannot be read")).to_be_visible()
    no_traceback(page)


def test_torchsummary_code_and_shares(lab: Lab, page: Page) -> None:
    open_design(page, lab)
    page.get_by_test_id("stButtonGroup").get_by_text("torchsummary").click()
    expect(page.get_by_text("Total params: 19,712")).to_be_visible(timeout=40_000)
    page.get_by_test_id("stButtonGroup").get_by_text("Code").click()
    expect(page.get_by_text("class Net(nn.Module):")).to_be_visible()
    page.get_by_test_id("stButtonGroup").get_by_text("Shares").click()
    expect(page.locator(".lab-shares tbody tr")).to_have_count(34)


CONTRAST = """(node) => {
  const pen = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const luminance = () => {
    const linear = [...pen.getImageData(0, 0, 1, 1).data].map((byte) => {
      const part = byte / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const fill = (colour) => { pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1); };
  const around = [];
  for (let one = node; one; one = one.parentElement) around.unshift(getComputedStyle(one));
  for (const style of around) fill(style.backgroundColor);
  const behind = luminance();
  pen.globalAlpha = around.reduce((all, style) => all * style.opacity, 1);
  fill(getComputedStyle(node).color);
  const [darker, lighter] = [behind, luminance()].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_small_words_are_readable(lab: Lab, browser: Browser, scheme: Literal["light", "dark"]) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    open_design(page, lab, "conv16-b relu conv64 gap fc10", assignment="under-8k")
    expect(page.locator(".lab-problem").first).to_be_visible()
    row(page, 1).locator(".lab-kind").click()
    words = [".lab-problem", ".lab-chosen .lab-summary", ".lab-summary", ".lab-field-text"]
    for word in words:
        assert page.locator(word).first.evaluate(CONTRAST) >= 4.5, word
    page.locator(".lab-problem button").click()
    expect(page.locator(".lab-met").first).to_be_visible()
    for word in (".lab-not-met small", ".lab-met small", ".lab-budget b"):
        assert page.locator(word).first.evaluate(CONTRAST) >= 4.5, word
    page.goto(f"{lab.url}/compare")
    for word in ("stCaptionContainer", "stBaseButton-primary"):
        assert page.get_by_test_id(word).locator("p").first.evaluate(CONTRAST) >= 4.5, word
    context.close()


def test_stepping_through_the_fields(lab: Lab, page: Page) -> None:
    open_design(page, lab)
    title = page.locator(".lab-field-title")
    expect(title).to_have_text("14 max_pool2d")
    expect(page.locator(".lab-field-text")).to_contain_text("16×11×11 map sees 8 px")
    page.get_by_role("button", name="next layer").click()
    expect(page.locator(".lab-field-text")).to_contain_text("16×9×9 map sees 12 px")
    row(page, 34).locator(".lab-kind").click()
    expect(page.locator(".lab-field-text")).to_contain_text("sees 32 px: the whole image")


def test_on_a_phone_the_answer_comes_first(lab: Lab, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    open_design(page, lab)
    expect_params(page, "19,712")
    params = page.get_by_test_id("stMetricValue").first.bounding_box()
    layers = page.locator(".lab-rows").bounding_box()
    assert params and layers and params["y"] < layers["y"]
    expect(page.get_by_text("9 of 9 met")).to_be_in_viewport()
    head = page.locator(".st-key-asked").bounding_box()
    assert head and layers["x"] + layers["width"] == pytest.approx(head["x"] + head["width"], abs=1.5)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    row(page, 5).locator(".lab-kind").tap()
    page.get_by_label("out_channels").fill("8")
    expect_params(page, "16,240")
    open_design(page, lab, "conv8 relu 2x(res(conv8p1)) gap flat fc10")
    edges = page.locator("span.lab-params").evaluate_all("all => all.map((one) => one.offsetLeft)")
    assert len(edges) == 9 and len(set(edges)) == 1  # a long name or a nested layer pushes no figure aside
    context.close()


def test_sixty_layers_stay_usable(lab: Lab, page: Page) -> None:
    text = "conv8p1 bn relu " * 19 + "gap flat fc10"
    assert len(from_text(text).layers) == 60
    open_design(page, lab, text)
    expect(page.locator(".lab-row")).to_have_count(60)
    row(page, 4).locator(".lab-kind").click()
    expect(page.get_by_test_id("stMetricValue")).to_have_count(3)
    before = figures(page)[0]
    page.get_by_label("out_channels").fill("9")
    expect(page.get_by_test_id("stMetricValue").first).not_to_have_text(before)
    no_traceback(page)


def test_edits_faster_than_the_server_are_all_made(lab: Lab, page: Page) -> None:
    open_design(page, lab, "conv4-b conv5-b conv6-b gap flat fc10")
    row(page, 1).locator(".lab-kind").click()
    expect(row(page, 1).get_by_label("out_channels", exact=True)).to_be_visible()
    # As fast as a script can: the list's own edits, one after the other, before the server answers the first.
    page.evaluate(
        """() => { const list = document.querySelector('.lab-layers').layerList;
          for (const n of [1, 2, 3])
            for (const value of [7, 8, 10 + n])
              list.edit({ op: 'set', n, field: 'out_channels', value }); }"""
    )
    page.wait_for_url(lambda url: all(f"conv{10 + n}-b" in url for n in (1, 2, 3)))
    no_traceback(page)


def test_typing_slowly_keeps_the_caret_where_it_is(lab: Lab, page: Page) -> None:
    """Each answer of the server draws the box anew."""
    open_design(page, lab, "conv8 gap flat fc10")
    row(page, 1).locator(".lab-kind").click()
    box = page.get_by_label("out_channels")
    box.fill("")
    box.press_sequentially("123", delay=500)
    expect(page.locator(".lab-summary").first).to_have_text("123 · 3×3")
    box.press("ArrowLeft")
    box.press("ArrowLeft")
    box.press_sequentially("4", delay=500)
    expect(page.locator(".lab-summary").first).to_have_text("1,423 · 3×3")


def test_keys_mean_the_line_that_has_the_keyboard(lab: Lab, page: Page) -> None:
    open_design(page, lab, "conv8 relu bn gap flat fc10")
    row(page, 2).locator(".lab-shape").click()  # beside the name
    page.keyboard.press("Delete")
    expect(page.locator(".lab-kind")).to_have_text(
        ["conv2d", "batch_norm2d", "global_avg_pool2d", "flatten", "linear"]
    )
    row(page, 1).locator(".lab-kind").click()
    row(page, 4).locator(".lab-kind").focus()
    page.keyboard.press("Delete")
    expect(page.locator(".lab-kind")).to_have_text(["conv2d", "batch_norm2d", "global_avg_pool2d", "linear"])
    page.get_by_role("button", name="layer…").click()
    page.get_by_label("Filter the layers to insert").fill("gelu")
    page.get_by_role("button", name="next layer").click()
    page.keyboard.press("Enter")  # steps on; the open menu does not take the keyboard
    page.keyboard.press("Enter")
    expect(page.locator(".lab-row")).to_have_count(4)
    page.get_by_label("Filter the layers to insert").press("Enter")
    expect(page.locator(".lab-kind")).to_have_text(
        ["conv2d", "batch_norm2d", "global_avg_pool2d", "linear", "gelu"]
    )


def test_an_edit_that_got_lost_is_sent_again(lab: Lab, page: Page) -> None:
    open_design(page, lab, "conv8 relu bn gap flat fc10")
    row(page, 2).locator(".lab-kind").click()
    expect(page.get_by_role("button", name="Delete (Del)")).to_be_visible()
    page.evaluate("""() => {
      const list = document.querySelector('.lab-layers').layerList, send = list.send;
      list.send = () => { list.send = send; };  // a connection that breaks just now
    }""")
    page.get_by_role("button", name="Delete (Del)").click()
    expect(page.locator(".lab-row")).to_have_count(5)


def test_on_a_phone_the_next_layer_is_shown_without_scrolling_the_page(lab: Lab, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    open_design(page, lab)
    forward = page.get_by_role("button", name="next layer")
    place(forward)
    forward.scroll_into_view_if_needed()
    before = place(forward)
    forward.tap()
    expect(page.locator(".lab-field-text")).to_contain_text("16×9×9 map sees 12 px")
    assert place(forward) == before
    context.close()
