"""The first visitor of a server may ask for any page; what is around all pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from mnist_core.runs import manage

from .conftest import Lab, serve
from .test_watch import finished_run

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("name", "text"), [("train", "Recipe"), ("draw", "Nets")])
def test_any_page_may_be_the_first(name: str, text: str, tmp_path: Path, page: Page) -> None:
    with serve(tmp_path) as lab:
        page.goto(f"{lab.url}/{name}")
        expect(page.get_by_text(text).first).to_be_visible(timeout=40_000)
        expect(page.get_by_test_id("stTopNavLink").first).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)


def test_on_a_phone_the_drawer_closes_behind_what_one_has_chosen(browser: Browser, lab: Lab) -> None:
    run = finished_run(lab.runs)
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    drawer, opens = page.get_by_test_id("stSidebar"), page.get_by_test_id("stExpandSidebarButton")
    page.goto(f"{lab.url}/train")
    expect(page.get_by_role("heading", name="Train", level=1)).to_have_count(1)
    opens.tap()
    drawer.get_by_role("button", name="task-2").first.tap()
    expect(drawer).not_to_be_in_viewport()
    opens.tap()
    drawer.get_by_role("link", name="Draw").tap()
    expect(drawer).not_to_be_in_viewport()
    expect(page).to_have_title("Draw · MNIST lab")
    expect(page.get_by_role("heading", name="Draw", level=1)).to_have_count(1)
    context.close()
    manage.delete(run)  # it is no run of the other tests
