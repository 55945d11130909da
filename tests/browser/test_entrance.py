"""The first visitor of a server may ask for any page."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .conftest import serve

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("name", "text"), [("train", "Recipe"), ("draw", "Checkpoints")])
def test_any_page_may_be_the_first(name: str, text: str, tmp_path: Path, page: Page) -> None:
    with serve(tmp_path) as lab:
        page.goto(f"{lab.url}/{name}")
        expect(page.get_by_text(text).first).to_be_visible(timeout=40_000)
        expect(page.get_by_test_id("stTopNavLink").first).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)
