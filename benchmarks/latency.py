"""How long a person waits, measured in Chromium in front of the real lab.

    python benchmarks/latency.py [--json] [--times N] [--pairs N] [--seconds N] [--only NAME…]

Design: from a keystroke in a layer's field to the new total on the screen, for `task-2` (34 layers) and for
60 layers. Draw: from lifting the pen to the probabilities on the screen, and to the feature maps. Also the
time of one `analyze` of 30 layers, without a browser. Beside a run that trains `task-2` on MNIST: an edit in
Design, a stroke in Draw, and on the run's Train page, tall enough for curves, live digits and log, a click on
another run and back (until the log, which is drawn last, is there) and on the tab of the confusion matrix and
back. Milliseconds: median and 95th percentile.

Slowdown: how much slower that run trains while that page is open: images/s with and without the browser, in
turns of six seconds, as a mean over pairs of turns ± its standard error. Without means that the browser is
halted (SIGSTOP), so that a turn starts and ends at once; what the page costs the server is part of the
figure. Other work on the machine spoils it, which the standard error tells.

Bars: design 300 ms (60 layers: 600), draw 300 at the median and 500 at the 95th percentile, beside a run too,
feature maps 700, analysis 2 ms, a click or an edit beside a run 500, slowdown 5 %.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import Page, sync_playwright

from benchmarks.machine import machine
from benchmarks.train_page import WATCH, ended, measure_choice, measure_slowdown, measure_tabs, training
from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.text import from_text
from mnist_core.course.experiments import EXPERIMENTS
from tests.browser import chromium
from tests.browser.conftest import FLAGS, serve

SIXTY = "conv8p1-b bn relu " * 19 + "gap flat fc10"
THIRTY = "conv8p1-b bn relu drop0.1 " * 6 + "max2 conv8k1 relu gap flat fc10"

BESIDE = ("draw_beside_a_run", "design_beside_a_run", "choose_beside_a_run", "tab_beside_a_run", "slowdown")
NAMES = ("analysis_30_layers", "design_task_2", "design_60_layers", "draw", "feature_maps", *BESIDE)
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


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The figures of all that `options.only` names."""
    times, path, task_2 = options.times, chromium.find(), EXPERIMENTS["task-2"].layers
    results: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as lab, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page, url = browser.new_page(viewport={"width": 1280, "height": 800}), lab.url

        def take(name: str, how: Callable[..., list[float]], *arguments: Any) -> None:
            if name in options.only:
                results[name] = spread(how(*arguments))

        take("analysis_30_layers", measure_analysis)
        take("design_task_2", measure_design, page, url, task_2, 5, times)
        take("design_60_layers", measure_design, page, url, SIXTY, 4, times)
        take("draw", measure_draw, page, url, times)
        take("feature_maps", measure_draw, page, url, times, MAPS)
        if set(BESIDE) & set(options.only):
            other = ended(lab.runs)
            with training(lab.runs) as run:
                take("draw_beside_a_run", measure_draw, page, url, times)
                take("design_beside_a_run", measure_design, page, url, task_2, 5, times)
                take("choose_beside_a_run", measure_choice, page, url, run, other, times)
                take("tab_beside_a_run", measure_tabs, page, url, run, times)
                if "slowdown" in options.only:
                    lost = measure_slowdown(browser, page, url, run, options.pairs, options.seconds)
                    results["slowdown_by_open_page"], results["slowdown_error"] = (round(x, 4) for x in lost)
        browser.close()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--times", type=int, default=20, help="measurements of each kind")
    parser.add_argument("--pairs", type=int, default=20, help="of turns, for the slowdown")
    parser.add_argument("--seconds", type=float, default=6, help="of a turn, for the slowdown")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help=str(NAMES))
    results = measure(options := parser.parse_args())
    if options.json:
        print(json.dumps(results))
        return
    print(f"{results.pop('machine')}, Python {platform.python_version()}")
    lost, error = (results.pop(name, None) for name in ("slowdown_by_open_page", "slowdown_error"))
    for name, values in results.items():
        print(f"{name:20} median {values['median_ms']:8.2f} ms   95 % {values['p95_ms']:8.2f} ms")
    if lost is not None:
        print(f"slowdown of a run by its open page: {100 * lost:.1f} ± {100 * error:.1f} %")


if __name__ == "__main__":
    main()
