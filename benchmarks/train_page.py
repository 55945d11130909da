"""What the Train page and a run that trains beside it take from each other; see latency.py."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, Page, ViewportSize

from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.runs import launch, store, wishes, words
from mnist_core.runs.checkpoint import shipped_folder
from mnist_core.runs.figures import figures_of
from mnist_core.runs.files import last_lines
from mnist_core.runs.status import Status
from mnist_core.runs.store import Run
from mnist_core.training.recipe import RECIPES

TALL: ViewportSize = {
    "width": 1280,
    "height": 1600,
}  # all that follows a run is on the screen, so all of it is asked for
FOLLOWS = {"accuracy", "loss", "live", "log"}  # the parts of the page that cost most
ENDED = "ended before"
LOG = "document.querySelector('.lab-log pre')?.textContent"

# Resolves with the milliseconds until `read` gives something else than before `act`, within a minute.
WATCH = """([read, act]) => new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error(`nothing changed: ${read}`)), 60_000);
  const value = new Function(`return ${read}`), before = value(), start = performance.now();
  const observer = new MutationObserver(() => {
    if (value() === before) return;
    observer.disconnect();
    requestAnimationFrame(() => resolve(performance.now() - start));
  });
  observer.observe(document.body, {childList: true, subtree: true, characterData: true, attributes: true});
  new Function(act)();
})"""


def open_page(page: Page, url: str, run: Run) -> None:
    """The run's page, with curves, live digits and log on the screen; RuntimeError where they are not."""
    page.set_viewport_size(TALL)
    page.goto(f"{url}/train?run={run.name}")
    page.locator(".lab-log pre").wait_for()
    page.wait_for_timeout(8000)  # the page's own start is no part of what is measured
    with page.expect_request(lambda request: "/pulse?" in request.url) as look:
        pass
    if missing := FOLLOWS - set(parse_qs(urlsplit(look.value.url).query).get("part", [])):
        raise RuntimeError(f"not on the screen: {', '.join(sorted(missing))}")


def measure_choice(page: Page, url: str, run: Run, other: Run, times: int) -> list[float]:
    """Clicks on `other`, which has ended, in the list of runs, and back; milliseconds until its log is there.

    The log is what the page draws last.
    """
    open_page(page, url, run)
    log = words.notebook_log(store.read(other))
    is_other = f"{LOG} === {json.dumps(log)}"
    buttons = "[...document.querySelectorAll('.st-key-runs button')]"
    button = f"{buttons}.find((button) => button.innerText.includes('{ENDED}') === {{}})"
    clicks = [(button.format("true"), is_other), (button.format("false"), f"!({is_other})")]
    return measure_clicks(page, clicks, times)


def measure_tabs(page: Page, url: str, run: Run, times: int) -> list[float]:
    """Clicks on the tab of the confusion matrix and back on that of the log, milliseconds until it is there.

    The matrix of an epoch is on its way when there is none yet; that is waited for once.
    """
    open_page(page, url, run)
    page.get_by_role("tab", name="Confusion").click()
    page.locator(".lab-confusion").wait_for(timeout=120_000)
    page.get_by_role("tab", name="Log").click()
    page.locator(".lab-log pre").wait_for()
    page.wait_for_timeout(1000)
    shown = {"Confusion": ".lab-confusion td", "Log": ".lab-log pre"}
    tab = "[...document.querySelectorAll('[role=tab]')].find((tab) => tab.innerText.includes('{}'))"
    clicks = [(tab.format(name), f"!!document.querySelector('{what}')") for name, what in shown.items()]
    return measure_clicks(page, clicks, times)


def measure_clicks(page: Page, clicks: list[tuple[str, str]], times: int) -> list[float]:
    """(what is clicked, what then becomes true) in turns, milliseconds each; the first two do not count."""
    results = []
    for turn in range(times + 2):
        clicked, answered = clicks[turn % len(clicks)]
        results.append(page.evaluate(WATCH, [answered, f"{clicked}.click()"]))
        page.wait_for_timeout(700)
    return results[2:]


def ended(runs: Path) -> Run:
    """A run of `task-2` that has ended after 19 epochs, with as many lines as one has."""
    experiment = EXPERIMENTS["task-2"]
    run = store.create(experiment.spec, experiment.recipe, root=runs)
    (run / store.LABEL).write_text(ENDED)
    shutil.copy(shipped_folder() / "task-2.safetensors", run / store.CHECKPOINT)
    lines = []
    for epoch in range(1, 1 + experiment.recipe.epochs):
        same = {"epoch": epoch, "learning_rate": 0.01}
        for step in range(12, 469, 12):
            speed = {"steps_per_epoch": 469, "images_per_second": 5000.0}
            lines.append({"event": "step", "step": step, "loss": 0.1 / epoch, **same, **speed})
        test = {"test_loss": 0.05 / epoch, "test_accuracy": 0.995 - 0.01 / epoch}
        train = {"train_loss": 0.08 / epoch, "train_accuracy": 0.99 - 0.01 / epoch}
        lines.append({"event": "epoch", "seconds": 12.0, **same, **test, **train})
    (run / store.METRICS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    epochs = [line for line in lines if line["event"] == "epoch"]
    store.write_status(run, Status(state="done", figures=figures_of(epochs, {"test_images": 10_000})))
    return run


def measure_slowdown(
    browser: Browser, page: Page, url: str, run: Run, pairs: int, seconds: float
) -> tuple[float, float]:
    """The share of its speed that a run loses while its page is open, and the standard error of that.

    Evaluations are not counted. The order changes from pair to pair, so that a drift of the machine cancels.
    """
    open_page(page, url, run)
    found = []
    for turn in range(pairs):
        watched_first = speed(run, seconds) if turn % 2 else 0.0
        with halted(browser):
            alone = speed(run, seconds)
        found.append((alone, watched_first or speed(run, seconds)))
    return slowdown(found)


def speed(run: Run, seconds: float, settle: float = 1) -> float:
    """Images/s of a run over so many seconds, not counting the first one."""
    time.sleep(settle)
    known = len(store.read(run).steps)
    time.sleep(seconds)
    while not (lines := store.read(run).steps[known:]):  # an evaluation took all the time
        if not store.read(run).alive:
            raise RuntimeError("the run has ended before the measurement: give it more epochs")
        time.sleep(0.2)
    # Every line covers about the same number of steps.
    return statistics.harmonic_mean(line["images_per_second"] for line in lines)


def slowdown(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    """Mean and standard error of the share that is lost, from pairs of images/s: alone, watched."""
    lost = [1 - watched / alone for alone, watched in pairs]
    return statistics.mean(lost), statistics.stdev(lost) / math.sqrt(len(lost))


@contextmanager
def halted(browser: Browser) -> Iterator[None]:
    """A browser whose processes all stand still."""
    session = browser.new_browser_cdp_session()
    processes = [process["id"] for process in session.send("SystemInfo.getProcessInfo")["processInfo"]]
    session.detach()
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


@contextmanager
def training(runs: Path) -> Iterator[Run]:
    """A run of `task-2` that trains on MNIST, from its first steps until the block ends."""
    experiment = EXPERIMENTS["task-2"]
    run = store.create(experiment.spec, RECIPES["fast"].model_copy(update={"epochs": 500}), root=runs)
    launch.start(run)
    try:
        deadline = time.monotonic() + 120
        while not store.read(run).steps:
            assert time.monotonic() < deadline, last_lines(run / store.LOG)
            time.sleep(0.5)
        yield run
    finally:
        wishes.request_stop(run.folder)
        while store.read(run, metrics=False).alive:
            time.sleep(0.2)
