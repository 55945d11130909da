"""Train in the browser: curves grow while the net learns, and neither reload nor kill -9 loses a run."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from mnist_core.runs import checkpoint, manage, store, wishes
from mnist_core.runs.store import Run

from .conftest import Lab, to_page

pytestmark = pytest.mark.browser

CHART = "document.querySelectorAll('.mnist-lab-chart')[1]"  # the loss
POINTS = f"""() => {{
  const shown = new URLSearchParams(location.search).get('run') === {CHART}?.layout?.uirevision;
  return shown ? {CHART}.data?.[0]?.x?.length ?? 0 : 0;  // not yet the run of before
}}"""
RANGE = f"() => {CHART}._fullLayout.xaxis.range.map((x) => x.toFixed(4)).join()"
HOVERED = f"() => {CHART}.querySelector('.hoverlayer').childElementCount > 0"
MARK = f"() => {{ {CHART}.marked = true }}"
MARKED = f"() => {CHART}.marked === true"


def open_train(page: Page, lab: Lab, design: str = "") -> None:
    page.goto(f"{lab.url}/{design}")
    expect(page.get_by_role("list", name="Layers")).to_be_visible()
    to_page(page, "Train")
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_visible()


def press_train(page: Page, lab: Lab, epochs: int, data: str = "MNIST") -> Run:
    """Sets epochs and data, presses Train; the run that the address bar then names."""
    known = {view.run.name for view in store.list_runs(lab.runs)}
    field = page.get_by_role("spinbutton", name="epochs")
    field.fill(str(epochs))
    field.press("Enter")
    page.get_by_role("radio", name=data).click()
    page.get_by_role("button", name="Train", exact=True).click()
    # The page puts an earlier run into the link when there is one, at a time of its own.
    wait(page, lambda: named(page) not in {"", *known}, 20)
    run = store.find(named(page), lab.runs)
    assert run
    return run


def named(page: Page) -> str:
    """The run in the address bar."""
    found = re.search(r"[?&]run=([^&]*)", page.url)
    return found[1] if found else ""


def wait(page: Page, condition: Callable[[], Any], seconds: float = 120) -> Any:
    """What the condition gives as soon as that is true. Playwright works on meanwhile."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        page.wait_for_timeout(100)
    return value


def stop(page: Page, run: Run) -> None:
    """Leaves no worker behind."""
    wishes.request_stop(run.folder)
    wait(page, lambda: not store.read(run).alive)


@pytest.mark.mnist
def test_an_epoch_of_mnist_grows_survives_a_reload_and_ends(page: Page, lab: Lab) -> None:
    open_train(page, lab)
    expect(page.get_by_text("19,712 params").first).to_be_visible()
    run = press_train(page, lab, epochs=2)
    expect(page.get_by_role("progressbar")).to_be_visible()
    first = wait(page, lambda: page.evaluate(POINTS))
    page.evaluate(MARK)
    box = page.locator(".mnist-lab-chart").nth(1).bounding_box()
    assert box
    page.mouse.move(box["x"] + 90, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 190, box["y"] + 200, steps=4)
    page.mouse.up()
    zoom = page.evaluate(RANGE)
    page.mouse.move(box["x"] + 120, box["y"] + 120)
    wait(page, lambda: page.evaluate(HOVERED))
    grown = wait(page, lambda: (count := page.evaluate(POINTS)) > first + 3 and count)
    assert page.evaluate(MARKED), "another chart: it flickers"
    assert page.evaluate(RANGE) == zoom, "the zoom was lost"
    assert page.evaluate(HOVERED), "the hover was lost"
    page.reload()
    wait(page, lambda: page.evaluate(POINTS) >= grown)
    expect(page.get_by_text(re.compile(r"epoch [12] of 2 · [\d,]+ images/s"))).to_be_visible()
    expect(page.get_by_text(re.compile("Done"))).to_be_visible(timeout=120_000)
    view = store.read(run)
    assert view.state == "done" and view.checkpoint
    figures = checkpoint.load(view.checkpoint).figures
    assert figures["test_accuracy"] > 0.98 and figures["data"] == "mnist"
    expect(page.locator(".lab-headline strong").first).to_have_text(f"{100 * figures['test_accuracy']:.2f} %")
    right = round(figures["test_accuracy"] * 10_000)
    expect(page.get_by_text(f"Accuracy: {right}/10000")).to_be_visible()
    manage.delete(run)  # it is no run of the other tests


def test_a_look_asks_for_what_is_on_the_screen_and_runs_no_script(page: Page, lab: Lab) -> None:
    asked: list[str] = []
    runs_of_the_script: list[int] = []  # after how many looks
    page.on("request", lambda request: "/pulse?" in request.url and asked.append(request.url))
    page.on(
        "websocket", lambda socket: socket.on("framesent", lambda _: runs_of_the_script.append(len(asked)))
    )
    open_train(page, lab)
    run = press_train(page, lab, epochs=500, data="synthetic")
    wait(page, lambda: store.read(run).state == "training")
    seen = len(asked)  # that was news: the script runs once more
    wait(page, lambda: len(asked) > max([seen, *runs_of_the_script]) + 2)
    asked.clear()
    runs_of_the_script.clear()
    figure = page.locator(".lab-headline strong").first
    for _ in range(2):
        reached = figure.inner_text()
        expect(figure).not_to_have_text(reached, timeout=60_000)
    assert not runs_of_the_script
    assert all("part=loss" in url and "part=live" not in url for url in asked)

    page.locator(".lab-tiles").scroll_into_view_if_needed()
    wait(page, lambda: "part=live" in asked[-1], 10)
    page.locator(".lab-log").scroll_into_view_if_needed()
    expect(page.locator(".lab-log")).to_contain_text("EPOCH: 1")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")  # as in a class
    page.locator(".lab-log button").click()
    expect(page.locator(".lab-log button")).to_have_text("Copied")
    assert "EPOCH: 1" in page.evaluate("window.getSelection().toString()")
    assert not runs_of_the_script
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.wait_for_timeout(1000)
    before = len(asked)
    page.wait_for_timeout(4000)
    assert len(asked) == before, "a tab that nobody sees looks"
    page.evaluate("delete document.hidden")
    wait(page, lambda: len(asked) > before, 10)
    stop(page, run)
    expect(page.get_by_text(re.compile("Stopped · "))).to_be_visible()


def test_stop_resume_and_kill_9_on_synthetic_digits(page: Page, lab: Lab) -> None:
    open_train(page, lab)
    run = press_train(page, lab, epochs=500, data="synthetic")
    expect(page.get_by_text("synthetic digits, not MNIST").first).to_be_visible()
    wait(page, lambda: page.evaluate(POINTS))
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_text(re.compile(r"Paused · .* · Resume goes on in epoch"))).to_be_visible(
        timeout=30_000
    )
    assert store.read(run).state == "paused"
    page.get_by_role("button", name="Resume", exact=True).click()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text(re.compile("Stopped · "))).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Resume", exact=True).click()
    wait(page, lambda: store.read(run).state == "training")
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    os.kill(store.read(run).status.pid, signal.SIGKILL)
    expect(page.get_by_text("ended without finishing; last line of worker.log")).to_be_visible()
    expect(page.get_by_role("button", name="Resume", exact=True)).to_be_visible()
    assert json.loads((run / store.STATUS).read_text())["state"] == "interrupted"
    expect(page.get_by_text("99.4 % met")).not_to_be_visible()  # MNIST's target says nothing here


def test_a_double_click_is_one_press(page: Page, lab: Lab) -> None:
    open_train(page, lab)
    known = {view.run.name for view in store.list_runs(lab.runs)}
    page.get_by_role("radio", name="synthetic").click()
    page.get_by_role("button", name="Train", exact=True).dblclick()
    wait(page, lambda: named(page) not in {"", *known}, 20)
    page.wait_for_timeout(2000)
    (run,) = [view.run for view in store.list_runs(lab.runs) if view.run.name not in known]
    assert named(page) == run.name
    wishes.request_pause(run.folder)
    page.get_by_role("button", name="Resume", exact=True).dblclick()
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    page.wait_for_timeout(2000)
    expect(page.get_by_text("only a run that is paused")).to_have_count(0)
    stop(page, run)


def test_two_tabs_that_press_train_get_a_run_each(context: BrowserContext, lab: Lab) -> None:
    one, two = context.new_page(), context.new_page()
    for tab in (one, two):
        open_train(tab, lab)
    first = press_train(one, lab, epochs=500, data="synthetic")
    second = press_train(two, lab, epochs=500, data="synthetic")
    assert first != second
    wait(two, lambda: store.read(first).state == "training")
    expect(two.get_by_text(re.compile(r"Next in the queue|epoch \d+ of 500"))).to_be_visible()
    expect(one.get_by_text(re.compile(r"epoch \d+ of 500"))).to_be_visible()
    stop(one, first)
    wait(two, lambda: store.read(second).state == "training")
    stop(two, second)
    expect(two.get_by_text(re.compile("Stopped · "))).to_be_visible()

    one.goto(f"{lab.url}/train?run={second.name}")
    one.get_by_role("button", name="Resume", exact=True).click()
    expect(two.get_by_text(re.compile(r"epoch \d+ of 500"))).to_be_visible(timeout=60_000)  # it was told
    stop(one, second)


def test_a_design_with_problems_cannot_be_trained(page: Page, lab: Lab) -> None:
    open_train(page, lab, "?design=conv16-b&name=broken")
    expect(page.get_by_text("This design cannot be trained")).to_be_visible()
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_disabled()
    page.get_by_role("link", name="Mend it on the Design page").click()
    expect(page).not_to_have_url(re.compile("/train"))


def test_a_run_that_is_not_there_has_a_word(page: Page, lab: Lab) -> None:
    open_train(page, lab)
    page.goto(f"{lab.url}/train?run=20000101-000000-none-abc")
    expect(page.get_by_text("There is no run 20000101-000000-none-abc here")).to_be_visible()
