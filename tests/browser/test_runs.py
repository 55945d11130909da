"""What a person does to runs: looks before training, trains two seeds, renames, goes on, clones, deletes."""

from __future__ import annotations

import re
import zipfile

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from mnist_core.runs import store, wishes
from mnist_core.runs.store import Run

from .conftest import Lab, downloaded
from .test_train import open_train, press_train, wait

pytestmark = pytest.mark.browser
SMALL = "?design=max4 flat fc10&name=small"


def fill(page: Page, name: str, value: str) -> None:
    field = page.get_by_role("spinbutton", name=name, exact=True).first
    field.fill(value)
    field.press("Enter")
    page.wait_for_timeout(500)


def manage(page: Page) -> None:
    button = page.get_by_role("button", name="Manage")
    expect(button).to_have_count(1)  # while the page is drawn anew, the old one is still there for a moment
    button.click()
    expect(page.get_by_role("button", name="Download as zip")).to_be_visible()


def test_two_seeds_from_the_start_to_the_bin(page: Page, lab: Lab) -> None:
    open_train(page, lab, SMALL)
    fill(page, "seeds", "2")
    first = press_train(page, lab, epochs=1, data="synthetic")
    expect(page.get_by_text("mean ± standard deviation, last epoch, 2 of 2 seeds")).to_be_visible(
        timeout=90_000
    )
    expect(page.get_by_text("1 of 1 epoch ·")).to_be_visible()
    runs = [view.run for view in store.list_runs(lab.runs) if view.group == first.name]
    assert len(runs) == 1
    reached = [store.read(run).epochs[-1]["test_accuracy"] for run in (first, runs[0])]
    expect(page.get_by_text(f"{50 * sum(reached):.2f} ±")).to_be_visible()
    page.get_by_role("button", name=re.compile("seed 2")).or_(
        page.get_by_role("radio", name=re.compile("seed 2"))
    ).click()
    wait(page, lambda: runs[0].name in page.url, 20)
    expect(page.get_by_text("adamw 0.02 · seed 2")).to_be_visible()
    page.wait_for_timeout(2000)  # until nothing of the other run's page is left

    manage(page)
    page.get_by_role("textbox", name="Name").fill("second try")
    page.keyboard.press("Enter")
    listed = page.get_by_role("button", name=re.compile("second try"))
    expect(listed).to_be_visible()
    with zipfile.ZipFile(downloaded(page, "Download as zip")) as packed:
        assert {f"{runs[0].name}/{name}" for name in (store.CHECKPOINT, "report.md")} <= {*packed.namelist()}
    page.keyboard.press("Escape")

    page.get_by_role("button", name="More epochs").click()
    page.get_by_role("button", name="Go on", exact=True).click()
    expect(page.get_by_text("6 of 6 epochs")).to_be_visible(timeout=60_000)
    assert len(store.read(runs[0]).epochs) == 6

    manage(page)
    page.get_by_role("button", name="Clone").click()
    expect(page.get_by_role("combobox", name="recipe")).to_have_value("as cloned")
    expect(page.get_by_role("spinbutton", name="epochs", exact=True).first).to_have_value("1")
    expect(page.get_by_role("radio", name="synthetic")).to_be_checked()
    page.wait_for_timeout(2000)
    page.get_by_text("Delete this run and its files").click()
    page.get_by_role("button", name="Delete for good").click()
    wait(page, lambda: not runs[0].folder.exists(), 20)
    expect(listed).not_to_be_visible()
    assert Run(first.folder).folder.exists()


def test_the_rate_is_changed_while_it_trains_and_while_it_rests(page: Page, lab: Lab) -> None:
    open_train(page, lab, SMALL)
    run = press_train(page, lab, epochs=5000, data="synthetic")
    wait(page, lambda: store.read(run).steps)
    page.get_by_role("button", name="Rate", exact=True).click()
    page.get_by_text("× 0.1", exact=True).click()
    wait(page, lambda: store.read(run).rates, 30)
    expect(page.get_by_text(re.compile(r"rate by hand: × 0\.1 since epoch"))).to_be_visible()
    page.keyboard.press("Escape")
    wishes.request_stop(run.folder)
    wait(page, lambda: not store.read(run).alive)
    expect(page.get_by_role("button", name="Resume", exact=True)).to_be_visible()
    page.get_by_role("button", name="Rate", exact=True).click()
    page.get_by_text("× 0.5", exact=True).click()
    expect(page.get_by_text("× 0.5: asked for, not taken yet")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Resume", exact=True).click()
    wait(page, lambda: [line["scale"] for line in store.read(run).rates] == [0.1, 0.5], 30)
    wishes.request_stop(run.folder)
    wait(page, lambda: not store.read(run).alive)


def test_one_looks_before_one_trains(page: Page, lab: Lab, context: BrowserContext) -> None:
    open_train(page, lab, SMALL)
    page.get_by_role("radio", name="synthetic").click()
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("This recipe has no augmentation")).to_be_visible(timeout=30_000)
    expect(page.locator("[data-testid=stPopoverBody] img")).to_have_count(1)
    page.keyboard.press("Escape")
    other = context.new_page()
    open_train(other, lab, SMALL)
    for tab in (other, page):
        tab.get_by_role("button", name="Find a rate").click()
        expect(tab.get_by_role("button", name="Try it")).to_be_enabled()
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("Taking steps at growing rates")).to_be_visible()
    other.get_by_role("button", name="Try it").click()
    expect(other.get_by_text("Waiting for 1 range test of others, about 10 s")).to_be_visible()
    other.close()
    page.keyboard.press("Escape")  # what comes of it must not be lost
    expect(page.get_by_text("Which learning rate?")).to_have_count(0)
    page.get_by_role("button", name="Find a rate").click()
    use = page.get_by_role("button", name=re.compile(r"Use [\d.]+"))
    expect(use).to_be_visible(timeout=90_000)
    proposed = use.inner_text().split()[-1]
    use.click()
    expect(page.get_by_role("spinbutton", name="learning rate", exact=True).first).to_have_value(proposed)
