"""The whole way: design, train on real MNIST, draw, in one tab."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from mnist_core.runs import manage, store

from .conftest import Lab
from .test_design import expect_params, row
from .test_draw import answers, canvas, clear, digit, draw, strokes_are
from .test_train import POINTS, press_train, wait

pytestmark = [pytest.mark.browser, pytest.mark.mnist]


def test_from_a_published_net_to_a_net_that_knows_ones_hand(lab: Lab, page: Page) -> None:
    page.goto(lab.url)
    page.get_by_label("Start from").click()
    page.get_by_role("option", name="task-2 ·").click()
    expect_params(page, "19,712")
    expect(page.locator(".lab-table tbody tr")).to_have_count(34)
    row(page, 19).locator(".lab-kind").click()
    page.get_by_role("button", name="Delete (Del)").click()
    expect_params(page, "17,408")
    expect(page.locator(".lab-table tbody tr")).to_have_count(33)
    page.get_by_label("Name").fill("journey")
    page.get_by_label("Name").press("Enter")
    wait(page, lambda: "name=journey" in page.url)

    page.get_by_test_id("stTopNavLink").filter(has_text="Train").click()
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_visible()
    run = press_train(page, lab, epochs=2)
    early = wait(page, lambda: page.evaluate(POINTS))
    wait(page, lambda: page.evaluate(POINTS) > early)
    page.reload()
    wait(page, lambda: page.evaluate(POINTS) > early)
    wait(page, lambda: not store.read(run).alive, 240)
    expect(page.get_by_text("Done", exact=True).first).to_be_visible()
    assert store.read(run).state == "done"

    page.get_by_test_id("stTopNavLink").filter(has_text="Draw").click()
    expect(canvas(page)).to_be_visible(timeout=40_000)
    expect(answers(page)).to_have_count(1)
    expect(answers(page)).to_contain_text("journey")
    for figure in (1, 0, 7):
        strokes = digit(figure)
        draw(page, strokes)
        strokes_are(page, len(strokes))
        expect(answers(page)).to_have_attribute("data-answer", str(figure))
        clear(page)
    manage.delete(run)  # it is no run of the other tests
