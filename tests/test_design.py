"""The Design page as its script runs; what needs a browser is in `browser/test_design.py`."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mnist_core.course.mistakes import MISTAKES
from pages.parts import state

WRONG = "mistake-over-budget"


def script() -> None:
    """lab.py without its navigation, which AppTest does not follow."""
    import runpy

    from pages.parts import state
    from tests.conftest import ROOT

    state.begin()
    runpy.run_path(str(ROOT / "pages" / "design.py"))


@pytest.fixture
def page(runs_folder: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page with its menu open, in which the text form is, and without the link to a page unknown here."""
    monkeypatch.setattr("streamlit.page_link", lambda *given, **named: None)
    page = AppTest.from_function(script, default_timeout=60)
    page.session_state["exchange"] = True
    return page.run()


def enter(page: AppTest, key: str, value: Any) -> None:
    """Fills in the widget with this key."""
    kinds = ("text_area", "text_input", "selectbox", "number_input")
    (widget,) = (found for kind in kinds for found in page.get(kind) if found.key == key)
    widget.set_value(value).run()
    assert not page.exception


def press(page: AppTest, key: str) -> None:
    page.button(key=key).click().run()
    assert not page.exception


def lesson(page: AppTest) -> bool:
    return MISTAKES[WRONG].lesson in [info.value for info in page.info]


def test_undo_takes_back_what_differences_are_counted_from(page: AppTest) -> None:
    enter(page, "text", "conv8 gap flat fc10")
    changed = page.metric[0].delta
    enter(page, "start", WRONG)
    assert lesson(page) and not page.metric[0].delta
    press(page, "undo")
    assert not lesson(page) and page.metric[0].delta == changed
    press(page, "redo")
    assert lesson(page) and not page.metric[0].delta


def test_the_browsers_back_takes_it_back_too(page: AppTest) -> None:
    enter(page, "text", "conv8 gap flat fc10")
    changed, link = page.metric[0].delta, dict(page.query_params)
    enter(page, "start", WRONG)
    page.session_state["written"] = -state.CATCH_UP  # no edit is on its way any more
    page.query_params.update(link)
    page.run()
    assert page.text_area(key="text").value == "conv8 gap flat fc10"
    assert not lesson(page) and page.metric[0].delta == changed


def test_an_edited_design_is_not_the_published_one_any_more(page: AppTest) -> None:
    assert page.selectbox(key="start").value == "task-2"
    enter(page, "text", "conv8 gap flat fc10")
    assert page.selectbox(key="start").value is None
    enter(page, "start", "task-2")
    assert page.selectbox(key="start").value == "task-2" and page.metric[0].value == "19,712"


@pytest.mark.parametrize(("key", "typo"), [("text", "conv8 reluu gap flat fc10"), ("input_shape", "3x32")])
def test_what_was_refused_stays_to_be_mended(page: AppTest, key: str, typo: str) -> None:
    def shown() -> str:
        (box,) = (box for box in (*page.text_area, *page.text_input) if box.key == key)
        return box.value

    enter(page, "text", "conv8 gap flat fc10")
    right = shown()
    enter(page, key, typo)
    assert "was not taken" in page.warning[0].value and shown() == typo
    page.run()
    assert not page.warning and shown() == typo
    enter(page, key, right)
    assert shown() == right
    enter(page, key, typo)
    press(page, "undo")
    press(page, "redo")
    assert shown() == right


def test_how_much_is_met_stands_at_the_assignment(page: AppTest) -> None:
    def told() -> str:
        return page.selectbox(key="assignment").label.removeprefix("Assignment · ")

    assert told() == ":green[9 of 9 met] · 2 wait for a run"
    enter(page, "assignment", "free")
    assert told() == "1 waits for a run"  # nothing is judged yet
    enter(page, "assignment", "under-20k")
    enter(page, "start", "empty")
    assert told() == "0 of 1 met"
    (verdicts,) = (found.body for found in page.get("html") if "lab-verdicts" in found.body)
    assert "Add layers first." in verdicts


def test_what_became_less_points_down_and_a_remark_names_its_text(page: AppTest) -> None:
    enter(page, "start", "task-2")
    assert page.caption[0].value.startswith("From the text “Task 2”: The 19,712-param net. The text says")
    enter(page, "text", "conv8 gap flat fc10")
    assert page.metric[0].delta == "-19,542"
    assert page.metric[0].proto.direction == page.metric[0].proto.MetricDirection.DOWN


def test_limits_of_ones_own(page: AppTest) -> None:
    def label() -> tuple[bool, str]:
        (bar,) = (found.body for found in page.get("html") if "lab-budget" in found.body)
        return "lab-over" in bar, re.findall(r'aria-label="(.*?)"', bar)[0]

    assert label() == (False, "19,712 params of at most 19,999")
    enter(page, "assignment", "free")
    enter(page, "text", "conv64 relu conv64 gap flat fc10")
    assert label() == (False, "38,218 params")
    boxes = [box.id for box in page.number_input]
    enter(page, "own_max_params", 40_000)
    assert label() == (False, "38,218 params of at most 40,000")
    enter(page, "own_accuracy", 99.46)
    enter(page, "own_max_params", 38_000)
    assert label() == (True, "38,218 params of at most 38,000")
    assert json.loads(page.query_params["assignment"]) == {
        "accuracy": 0.9946,
        "max_params": 38_000,
    }
    assert [box.id for box in page.number_input] == boxes
    enter(page, "own_max_params", None)
    assert label() == (False, "38,218 params")


def evidence(page: AppTest, text: str) -> None:
    """The torchsummary view of a design."""
    enter(page, "text", text)
    page.button_group(key="view").set_value("torchsummary").run()
    assert not page.exception


def test_torchsummary_counts_what_is_repeated_for_each_pass(page: AppTest) -> None:
    evidence(page, "conv16-b 3x(conv16p1-b gn4 relu) in[affine=true] gap flat fc10")
    assert "Total params: 7,354" in page.code[-1].value
    assert page.caption[-1].value.endswith("anew in every pass. The design has 2,682 params.")


def test_torchsummary_runs_no_giant(page: AppTest) -> None:
    begun = time.process_time()
    evidence(page, "input4x512x512 conv64p1 100x(conv64p1 relu) gap flat fc10")
    assert "966,971,622,016 MACs" in page.info[-1].value and time.process_time() - begun < 5
