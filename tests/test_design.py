"""The Design page as its script runs; what needs a browser is in `browser/test_design.py`."""

from __future__ import annotations

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
def page(runs_folder: Path) -> AppTest:
    return AppTest.from_function(script, default_timeout=60).run()


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
