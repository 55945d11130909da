"""Compare in the browser: what is there, sorted and filtered; a click chooses, and opens it elsewhere."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.runs import store
from mnist_core.runs.status import Status
from mnist_core.training.recipe import RECIPES

from .conftest import Lab, to_page

pytestmark = pytest.mark.browser

POINT = """([key, hidden]) => {
  const chart = document.querySelector(".mnist-lab-chart");
  const trace = chart?.data?.find((one) => one.customdata?.some(([own]) => own === key));
  if (!trace || (hidden && chart.data.some((one) => one.name === hidden))) return null;  // not drawn yet
  const { xaxis, yaxis } = chart._fullLayout;
  const i = trace.customdata.findIndex(([own]) => own === key);
  const box = chart.getBoundingClientRect();
  const at = (axis, value) => axis._offset + axis.d2p(value);
  return [box.x + at(xaxis, trace.x[i]), box.y + at(yaxis, trace.y[i])];
}"""


@pytest.fixture
def two_seeds(lab: Lab) -> Iterator[None]:
    """A finished run of two seeds, and one on other digits, which is not compared."""
    made = []
    for seed, accuracy, data in ((1, 0.9931, "mnist"), (2, 0.9935, "mnist"), (3, 0.9999, "synthetic")):
        group = made[0].name if made and data == "mnist" else ""
        recipe = RECIPES["fast"].changed(seed=seed)
        spec = EXPERIMENTS["twelve-k-final"].spec.model_copy(update={"name": "mine"})
        run = store.create(spec, recipe, data, lab.runs, group=group)
        figures = {"test_accuracy": accuracy, "best_accuracy": accuracy, "judged_on": "test"}
        store.write_status(run, Status(state="done", figures=figures))
        made.append(run)
    yield
    for run in made:
        shutil.rmtree(run.folder)


def lines(page: Page) -> list[str]:
    return page.locator(".lab-standings tbody tr").all_inner_texts()


def column(page: Page, name: str) -> list[float]:
    cells = page.locator(f".lab-standings td.lab-{name}").all_inner_texts()
    return [float(cell.replace(",", "")) for cell in cells if cell != "–"]


def test_compare_from_the_table_the_figure_and_to_other_pages(lab: Lab, page: Page, two_seeds: None) -> None:
    page.goto(f"{lab.url}/compare")
    row = page.locator(".lab-standings tbody tr")
    expect(row.first).to_be_visible(timeout=40_000)
    accuracies = column(page, "accuracy")
    assert len(accuracies) > 26 and accuracies == sorted(accuracies, reverse=True)
    mine = row.filter(has_text="yours")
    expect(mine).to_have_count(1)  # both seeds as one, the synthetic one not at all
    expect(mine).to_have_text(re.compile(r"mine.*99\.33.*± 0\.03, 2 seeds.*12,734.*3.*99\.33"))

    page.locator(".lab-standings").get_by_role("button", name="params", exact=True).click()
    params = column(page, "params")
    assert params == sorted(params)
    expect(page.locator(".lab-standings th.lab-params")).to_have_attribute("aria-sort", "ascending")

    page.get_by_role("button", name="published").first.click()
    expect(row.filter(has=page.locator("td.lab-kind", has_text="published"))).to_have_count(0)
    mine.click()
    chosen = page.locator(".st-key-chosen")
    expect(chosen).to_contain_text("99.33 % ± 0.03, 2 seeds")
    expect(chosen.get_by_role("button", name="Open in Draw")).to_have_count(0)  # it has no checkpoint

    page.wait_for_timeout(1000)  # the choice has scrolled to its facts
    page.mouse.click(*page.wait_for_function(POINT, arg=["shipped/task-2", "published"]).json_value())
    expect(chosen).to_contain_text("99.56 %")
    expect(page.locator(".lab-chosen")).to_contain_text("shipped")
    assert column(page, "params") == sorted(column(page, "params"))  # the order that was asked for stays
    chosen.get_by_role("button", name="Open in Draw").click()
    expect(page.get_by_text("task-2 · 19,712 params · 99.56 %")).to_be_visible(timeout=30_000)
    expect(page.get_by_test_id("stException")).to_have_count(0)

    to_page(page, "Compare")
    expect(chosen).to_contain_text("99.56 %")  # still chosen, and still without the published ones
    expect(row.filter(has=page.locator("td.lab-kind", has_text="published"))).to_have_count(0)
    mine.locator("button").press("Enter")
    expect(chosen).to_contain_text("2 seeds")
    chosen.get_by_role("button", name="Open in Train").click()
    expect(page.get_by_text("2 seeds, none done yet")).to_be_visible()
    to_page(page, "Compare")
    chosen.get_by_role("button", name="Open in Design").click()
    expect(page.get_by_test_id("stMetricValue").first).to_have_text("12,734")
    expect(page.get_by_label("Name")).to_have_value("mine")
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_points_at_one_place_are_chosen_one_after_the_other(lab: Lab, page: Page) -> None:
    page.goto(f"{lab.url}/compare")
    chosen = page.locator(".lab-chosen [data-key]")
    expect(chosen).to_have_attribute("data-key", "shipped/record-under-20k", timeout=40_000)
    place = page.wait_for_function(POINT, arg=["published/twelve-k-step-lr", None]).json_value()
    seen = ["shipped/record-under-20k"]
    for _ in range(8):
        page.mouse.click(*place)
        expect(chosen).not_to_have_attribute("data-key", seen[-1])
        seen.append(chosen.get_attribute("data-key") or "")
        page.wait_for_timeout(500)  # or it would be a double click
    assert {"published/twelve-k-step-lr", "reproduced/twelve-k-step-lr"} < set(seen)

    place = page.wait_for_function(POINT, arg=["published/drill-down-2-fewer-params", None]).json_value()
    page.mouse.click(*place)
    expect(chosen).to_have_attribute("data-key", re.compile("drill-down-2-fewer-params"))
    line = page.locator("tr.lab-chosen").bounding_box()
    table = page.locator(".lab-standings").bounding_box()
    assert line and table and table["y"] < line["y"] < table["y"] + table["height"]  # it came into view


def test_what_is_told_of_a_final_net_and_of_a_record(lab: Lab, page: Page) -> None:
    page.goto(f"{lab.url}/compare")
    row = page.locator(".lab-standings [data-key]")
    chosen = page.locator(".st-key-chosen")
    expect(chosen).to_contain_text("our record", timeout=40_000)
    page.locator("[data-key='shipped/record-fewest-params']").click()
    for text in ("fewest params with ≥ 99.40 · our record", "best published 4,392 params", "wanted ≤ 2,000"):
        expect(chosen).to_contain_text(text)
    chosen.get_by_text("How it was found").click()
    expect(chosen.get_by_text("held-out training images").first).to_be_visible()
    chosen.get_by_test_id("stTooltipIcon").first.hover()
    expect(page.get_by_test_id("stTooltipContent")).to_contain_text("± their standard deviation")

    final = page.locator("[data-key='reproduced/session-5-step-5']")
    final.click()
    expect(chosen).to_contain_text("Step 5: more params, rotation, no dropout · Session 5")
    expect(chosen).to_contain_text("below the published 99.38")
    chosen.get_by_role("tab", name="Step").click()
    expect(chosen.get_by_text("Against session-5-step-4: params 7,400 → 12,396")).to_be_visible()
    expect(row.filter(has_text="session-5-step-5")).to_have_count(2)  # published and here, not a third time
    chosen.get_by_role("button", name="Open in Draw").click()
    expect(page.get_by_text("session-5-step-5 as published · 12,396 params")).to_be_visible(timeout=30_000)


def test_on_a_phone_the_table_fits(lab: Lab, context: BrowserContext) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{lab.url}/compare")
    table = page.locator(".lab-standings")
    expect(table.locator("tbody tr").first).to_be_visible(timeout=40_000)
    assert table.evaluate("(box) => box.scrollWidth <= box.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for heading in ("name", "accuracy, %", "params"):
        expect(table.get_by_role("columnheader", name=heading)).to_be_visible()
