"""Watch a net in the browser: its confusion matrix, its mistakes, and what it says while it learns."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from mnist_core.probe.judgement import digits_of, judge
from mnist_core.runs import checkpoint, manage, store
from mnist_core.runs.checkpoint import shipped_folder
from mnist_core.runs.status import Status
from mnist_core.runs.store import Run
from tests.conftest import held

from .conftest import Lab, place, to_page
from .test_draw import digit, draw, open_draw, strokes_are
from .test_train import press_train, stop, wait

pytestmark = pytest.mark.browser

INKED = (
    "canvas => canvas.getContext('2d').getImageData(0, 0, 28, 28).data.some((v, i) => i % 4 < 3 && v > 99)"
)
SHIPPED = shipped_folder() / "task-2.safetensors"


def finished_run(root: Path) -> Run:
    """A run that ended with the shipped weights."""
    found = checkpoint.load(SHIPPED)
    run = store.create(found.spec, found.recipe, "mnist", root)
    shutil.copy(SHIPPED, run / store.CHECKPOINT)
    lines = [
        {"event": "epoch", "epoch": n, "seconds": 13.0, "learning_rate": 0.01}
        | {"train_loss": 0.08 / n, "train_accuracy": 0.985, "test_loss": 0.05 / n, "test_accuracy": 0.9956}
        for n in range(1, 6)
    ]
    (run / store.METRICS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    held = {"target_held": 4, "target_of": 5}
    store.write_status(run, Status(state="done", figures=found.figures | held))
    return run


def cell(page: Page, true: int, said: int) -> Locator:
    return page.locator(".lab-confusion tbody tr").nth(true).get_by_role("gridcell").nth(said)


def figures(page: Page, key: str) -> Locator:
    return page.locator(f".st-key-{key} figure")


def _titles(page: Page) -> list[str]:
    return figures(page, "live").locator("b").all_inner_texts()


@pytest.mark.mnist
def test_the_matrix_its_images_and_the_mistakes_of_the_shipped_net(page: Page, lab: Lab) -> None:
    run = finished_run(lab.runs)
    page.goto(f"{lab.url}/train?run={run.name}")
    expect(page.get_by_text("held in 4 of the last 5")).to_be_visible()
    expect(page.get_by_text("Neither over- nor underfitting")).to_be_visible()
    expect(page.locator(".lab-confusion")).to_have_count(0)  # nothing is asked before its tab is open
    page.get_by_role("tab", name="Confusion").click()
    expect(page.get_by_text("9,956 of 10,000 test digits right (99.56 %)")).to_be_visible(timeout=60_000)
    found = judge(SHIPPED, digits_of("mnist"))
    shown = [
        [int(cell(page, is_, says).inner_text().replace(",", "")) for says in range(10)] for is_ in range(10)
    ]
    assert shown == found.confusion.tolist()

    wrong = found.confusion - np.diag(found.confusion.diagonal())
    true, said = (int(place) for place in np.unravel_index(wrong.argmax(), wrong.shape))
    count = int(wrong.max())
    cell(page, true, said).click()
    expect(page.get_by_text(f"{true} taken for {said}: {count} digits")).to_be_visible()
    expect(figures(page, "cell")).to_have_count(count)
    worst = found.cell(true, said)[0]
    expect(figures(page, "cell").first).to_contain_text(f"no. {worst:,} · loss {found.losses[worst]:.2f}")

    for key in ("ArrowUp",) * 10 + ("ArrowLeft",) * 10 + ("Enter",):
        page.keyboard.press(key)
    expect(
        page.get_by_text("0 named right: 978 digits, 24 of them shown, the least sure first")
    ).to_be_visible()
    expect(cell(page, 0, 0)).to_have_attribute("aria-selected", "true")
    expect(figures(page, "cell")).to_have_count(24)

    page.get_by_role("tab", name="Mistakes").click()
    expect(page.get_by_text("44 mistakes, 24 of them shown, the worst first")).to_be_visible()
    expect(figures(page, "mistakes")).to_have_count(24)
    worst = found.mistakes()[0]
    text = f"is {found.digits.labels[worst]}, says {found.said[worst]}"
    expect(figures(page, "mistakes").first).to_contain_text(text)
    link = figures(page, "mistakes").first.get_by_role("link")
    expect(link).to_have_attribute("href", f"draw?digit={worst}&net=runs/{run.name}")
    manage.delete(run)  # it is no run of the other tests


def test_nothing_jumps_when_a_run_pauses_or_ends_and_its_net_can_be_asked(page: Page, lab: Lab) -> None:
    run = finished_run(lab.runs)
    done = replace(store.read(run).status, seconds=39.0, device="CPU", threads=2)
    unmet = done.figures | {"target_epoch": None, "target_seconds": None}
    lines = (run / store.METRICS).read_text()
    (run / store.METRICS).unlink()
    target = page.locator(".lab-headline strong").nth(2)

    def tops(text: str) -> list[float]:
        """Where a phone's figures and a screen's curves begin, once the page says this."""
        found = []
        for width, part in ((390, ".lab-headline"), (1280, ".mnist-lab-chart")):
            page.set_viewport_size({"width": width, "height": 844})
            expect(page.get_by_text(re.compile(text)).last).to_be_visible()
            found.append(place(page.locator(part).first)["y"])
        return found

    with held(run):
        store.write_status(run, replace(done, state="training", epoch=2, images_per_second=900.0))
        page.goto(f"{lab.url}/train?run={run.name}")
        expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
        while_it_trains = tops("epoch 2 of 19 · 900 images/s")
        page.set_viewport_size({"width": 390, "height": 844})
        log = page.locator(".lab-log pre")
        expect(log).to_contain_text("The log of the epochs will stand here")
        assert log.evaluate("node => node.scrollWidth <= node.clientWidth"), "its sentence is cut off"
    (run / store.METRICS).write_text(lines)
    (run / store.STATE).touch()
    store.write_status(run, replace(done, state="paused", saved_epoch=2, figures=unmet))
    assert tops("Paused · .* · Resume goes on in epoch 2") == while_it_trains
    expect(target).to_have_text("not yet")
    expect(page.get_by_role("button", name="Resume", exact=True)).to_be_visible()
    (run / store.STATE).unlink()
    page.reload()
    expect(page.get_by_text("state.safetensors is gone, so that Resume starts again")).to_be_visible()
    store.write_status(run, replace(done, figures=unmet))
    page.reload()
    assert tops("Done · ") == while_it_trains
    expect(target).to_have_text("no")
    expect(page.get_by_role("button", name="What is “99.4 % met”?")).to_be_visible()

    page.get_by_role("tab", name="Recipe").click()
    expect(page.get_by_text("19 epochs of AdamW in batches of 128")).to_be_visible()
    expect(page.get_by_role("row", name="averaging of the weights, decay 0.998")).to_be_visible()
    expect(page.get_by_text("final_div_factor")).not_to_be_visible()  # no field without words before one asks
    page.get_by_text("all fields").click()
    expect(page.get_by_text("final_div_factor")).to_be_visible()
    expect(page.get_by_role("link", name="compare", exact=True)).to_be_visible()
    asks = page.get_by_role("link", name="ask it on Draw")
    expect(asks).to_have_attribute("href", re.compile(f"draw.*net=runs(/|%2F){run.name}"))
    asks.click()
    expect(page).to_have_title("Draw · MNIST lab")
    manage.delete(run)  # it is no run of the other tests


def test_a_net_that_learns_is_seen_to_name_digits_and_the_drawing(page: Page, lab: Lab) -> None:
    open_draw(page, lab)
    strokes = digit(3)
    draw(page, strokes)
    strokes_are(page, len(strokes))
    to_page(page, "Train")
    run = press_train(page, lab, epochs=500, data="synthetic")
    moment = page.get_by_text(re.compile(r"Epoch \d+(, step \d+ of \d+)?: eight random test digits"))
    expect(figures(page, "live")).to_have_count(9)
    figures(page, "live").first.scroll_into_view_if_needed()  # what is not on the screen is not asked
    expect(moment).to_be_visible(timeout=90_000)
    page.evaluate("document.querySelector('.st-key-live figure').marked = true")
    seen = {moment.inner_text()}
    digits = wait(page, lambda: _titles(page) if "–" not in _titles(page) else [])
    assert digits[-1] == "your drawing" and set("".join(digits[:-1])) <= set("0123456789")
    wait(page, lambda: seen.add(moment.inner_text()) or len(seen) >= 3, 30)
    wait(page, lambda: _titles(page) != digits, 30)
    assert page.evaluate("document.querySelector('.st-key-live figure').marked"), "another tile: it flickers"
    guesses = figures(page, "live").locator("li").all_inner_texts()
    assert len(guesses) == 27 and all(re.match(r"^\d\s+[<>]?\d+\.\d$", guess) for guess in guesses)
    for tile in (0, 8):
        assert figures(page, "live").nth(tile).locator("canvas").evaluate(INKED)
    page.get_by_role("tab", name="Confusion").click()
    expect(page.get_by_text(re.compile(r"After epoch \d+: [\d,]+ of 2,000 test digits right"))).to_be_visible(
        timeout=60_000
    )
    cell(page, 7, 7).click()
    expect(page.get_by_text(re.compile("7 named right"))).to_be_visible()
    stop(page, run)
    expect(figures(page, "live")).to_have_count(0, timeout=90_000)
    expect(page.get_by_role("tab", name="Confusion")).to_have_attribute("aria-selected", "true")
    assert not (run / store.LATEST).exists()
