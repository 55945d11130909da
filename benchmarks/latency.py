"""How long a person waits, measured in Chromium in front of the real lab.

    python benchmarks/latency.py [--json] [--times N]

Design: from a keystroke in a layer's field to the new total on the screen, for `task-2` (34 layers) and for
60 layers. Draw: from lifting the pen to the probabilities on the screen, alone and beside a run that trains
`task-2` on MNIST, and to the feature maps. Milliseconds: median and 95th percentile. Also the time of one
`analyze` of 30 layers, without a browser, an edit in Design beside a run, and how much slower a run trains
while its Train page is open: images/s with and without the browser, in turns of six seconds, as a mean over
pairs of turns ± its standard error. Without means that the browser is halted (SIGSTOP), so that a turn starts
and ends at once; what the page costs the server is part of the figure. Other work on the machine spoils it,
which the standard error tells. Bars: design 300 ms (60 layers: 600; beside a run 500), draw 300 at the median
and 500 at the 95th percentile, beside a run too, feature maps 700, analysis 2 ms, slowdown 5 %.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import Browser, Page, sync_playwright

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.text import from_text
from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.runs import launch, store, wishes
from mnist_core.runs.files import last_lines
from mnist_core.runs.store import Run
from mnist_core.training.recipe import RECIPES
from tests.browser import chromium
from tests.browser.conftest import FLAGS, serve

SIXTY = "conv8p1-b bn relu " * 19 + "gap flat fc10"
THIRTY = "conv8p1-b bn relu drop0.1 " * 6 + "max2 conv8k1 relu gap flat fc10"

# Resolves with the milliseconds until `read` gives something else than before `act`.
WATCH = """([read, act]) => new Promise((resolve) => {
  const value = new Function(`return ${read}`), before = value(), start = performance.now();
  const observer = new MutationObserver(() => {
    if (value() === before) return;
    observer.disconnect();
    requestAnimationFrame(() => resolve(performance.now() - start));
  });
  observer.observe(document.body, {childList: true, subtree: true, characterData: true, attributes: true});
  new Function(act)();
})"""
TOTAL = "document.querySelector('[data-testid=stMetricValue]').innerText"


def measure_design(page: Page, url: str, text: str, number: int, times: int) -> list[float]:
    """Edits of out_channels in one layer, milliseconds each."""
    page.goto(f"{url}/?design={quote(text)}")
    page.locator(f'[data-n="{number}"] .lab-kind').click()
    box = f'[data-n="{number}"] input[name=out_channels]'
    page.locator(box).wait_for()
    page.wait_for_timeout(1500)
    results = []
    for turn in range(times + 2):
        value = 9 + turn % 2
        act = (
            f"const box = document.querySelector('{box}'); box.focus(); box.value = '{value}';"
            "box.dispatchEvent(new Event('input', {bubbles: true}));"
        )
        results.append(page.evaluate(WATCH, [TOTAL, act]))
        page.wait_for_timeout(400)
    return results[2:]


# When the pen is lifted: resolves with the milliseconds until the answer, or the maps, are on the screen.
ANSWER = """() => { const root = document.querySelector('.lab-guess'), before = root.dataset.strokes;
  return [root, () => root.dataset.strokes !== before]; }"""
MAPS = """() => { const root = document.querySelector('.lab-maps'), canvas = root.querySelector('.lab-tile');
  const before = canvas.toDataURL();
  return [root, () => canvas.toDataURL() !== before]; }"""


def measure_draw(page: Page, url: str, times: int, shown: str = ANSWER) -> list[float]:
    """Strokes on the canvas, from the end of each to what is shown of it, milliseconds."""
    page.goto(f"{url}/draw")
    page.locator(".upper-canvas").wait_for()
    page.locator(".lab-card").first.wait_for()
    page.wait_for_timeout(2000)
    box = page.locator(".upper-canvas").bounding_box()
    assert box
    if shown == MAPS:
        stroke(page, box["x"] + 40, box["y"] + 60)
        page.get_by_role("radio", name="Feature maps").click()
        page.locator(".lab-grid canvas").first.wait_for()
    results = []
    for turn in range(times + 2):
        if turn % 8 == 0 and turn:
            page.get_by_role("button", name="Clear", exact=True).click()
            page.wait_for_timeout(800)
            if shown == MAPS:
                stroke(page, box["x"] + 40, box["y"] + 60)
                page.locator(".lab-grid canvas").first.wait_for()
        stroke(page, box["x"] + 60 + 25 * (turn % 8), box["y"] + 60, lift=False)
        page.evaluate(
            f"""() => {{
              const [root, done] = ({shown})();
              window.answered = new Promise((resolve) => {{
                const look = () => {{
                  if (!done()) return;
                  observer.disconnect();
                  requestAnimationFrame(() => resolve(performance.now() - window.lifted));
                }};
                const observer = new MutationObserver(look);
                observer.observe(root, {{attributes: true, subtree: true, childList: true}});
              }});
              const lift = () => {{ window.lifted = performance.now(); }};
              addEventListener('mouseup', lift, {{once: true, capture: true}});
            }}"""
        )
        page.mouse.up()
        results.append(page.evaluate("window.answered"))
        page.wait_for_timeout(300)
    return results[2:]


def stroke(page: Page, x: float, y: float, lift: bool = True) -> None:
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y + 180, steps=8)
    if lift:
        page.mouse.up()
        page.wait_for_timeout(800)


def measure_slowdown(
    browser: Browser, page: Page, url: str, run: Run, pairs: int = 20, seconds: float = 6
) -> tuple[float, float]:
    """The share of its speed that a run loses while its page is open, and the standard error of that.

    Evaluations are not counted. The order changes from pair to pair, so that a drift of the machine cancels.
    """
    page.goto(f"{url}/train?run={run.name}")
    page.wait_for_timeout(8000)  # the page's own start is no part of it
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
    # Every line covers about the same number of steps.
    return statistics.harmonic_mean(line["images_per_second"] for line in store.read(run).steps[known:])


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
    run = store.create(experiment.spec, RECIPES["fast"].model_copy(update={"epochs": 50}), root=runs)
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


def measure_analysis(times: int = 200) -> list[float]:
    """`analyze` of 30 layers, milliseconds each."""
    spec = from_text(THIRTY)
    assert len(spec.layers) == 30
    results = []
    for _ in range(times):
        begin = time.perf_counter()
        analyze(spec)
        results.append(1e3 * (time.perf_counter() - begin))
    return results


def spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    last = ordered[math.ceil(0.95 * len(ordered)) - 1]
    return {"median_ms": round(statistics.median(ordered), 2), "p95_ms": round(last, 2), "times": len(values)}


def measure(times: int) -> dict[str, Any]:
    path, task_2 = chromium.find(), EXPERIMENTS["task-2"].layers
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as lab, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        results: dict[str, Any] = {
            "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
            "analysis_30_layers": spread(measure_analysis()),
            "design_task_2": spread(measure_design(page, lab.url, task_2, 5, times)),
            "design_60_layers": spread(measure_design(page, lab.url, SIXTY, 4, times)),
            "draw": spread(measure_draw(page, lab.url, times)),
            "feature_maps": spread(measure_draw(page, lab.url, times, MAPS)),
        }
        with training(lab.runs) as run:
            results["draw_beside_a_run"] = spread(measure_draw(page, lab.url, times))
            results["design_beside_a_run"] = spread(measure_design(page, lab.url, task_2, 5, times))
            lost, error = measure_slowdown(browser, page, lab.url, run)
            results["slowdown_by_open_page"], results["slowdown_error"] = round(lost, 4), round(error, 4)
        browser.close()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--times", type=int, default=20, help="measurements of each kind")
    options = parser.parse_args()
    results = measure(options.times)
    if options.json:
        print(json.dumps(results))
        return
    print(results.pop("machine"))
    lost, error = (100 * results.pop(name) for name in ("slowdown_by_open_page", "slowdown_error"))
    for name, values in results.items():
        print(f"{name:20} median {values['median_ms']:8.2f} ms   95 % {values['p95_ms']:8.2f} ms")
    print(f"slowdown of a run by its open page: {lost:.1f} ± {error:.1f} %")


if __name__ == "__main__":
    main()
