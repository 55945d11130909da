"""What one can look at before one trains: the digits as the net will see them, and which rate it bears."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import streamlit as st

from mnist_core.architecture.spec import ModelSpec
from mnist_core.runs import words
from mnist_core.training.recipe import Recipe
from pages.parts import charts, state
from pages.parts.recipe_form import use_rate
from pages.parts.style import plain

ROOT = Path(__file__).parents[2]
PATIENCE = 180  # seconds that a range test may take
USUAL = 10  # seconds that one takes on a quiet machine
LOOK_EVERY = 0.2  # seconds
_line: list[_RangeTest] = []  # on this server, one at a time: each takes a process and a core
_ZOOM, _GAP, _ROW = 2, 6, 8  # of a digit on the screen; px between digits; digits in a row


def tryout(spec: ModelSpec, recipe: Recipe, data: str) -> None:
    """Two popovers; what they show is made when they are open."""
    seen = st.popover(
        "Preview",
        icon=":material/visibility:",
        help="Sixteen training digits as the net will see them",
        on_change="rerun",
        key="preview",
    )
    if seen.open:
        with seen:
            _preview(recipe, data)
    rates = st.popover(
        "Find a rate",
        icon=":material/query_stats:",
        help="Learning-rate range test: up to 120 steps at growing rates",
        on_change="rerun",
        key="rates",
    )
    if rates.open:
        with rates:
            _rates(spec, recipe, data)


def _preview(recipe: Recipe, data: str) -> None:
    from mnist_core.training.preview import preview  # PyTorch takes seconds to start

    draw = state.value("preview draw") or 0
    with st.spinner("Preparing the digits"):
        shown = preview(recipe.augmentation, recipe.seed + draw, data)
    what = "Each digit is drawn anew in every epoch." if recipe.augmentation.active else _NO_AUGMENTATION
    st.markdown(f"**As the net will see them.** {what}")
    st.image(_sheet(shown.after), output_format="PNG")
    if recipe.augmentation.active:
        st.caption("The same digits as they are in the training set:")
        st.image(_sheet(shown.before), output_format="PNG")
    if shown.data != data:
        st.caption("MNIST is not there yet, so these are synthetic digits; the first training fetches it.")
    st.button("Draw again", icon=":material/casino:", on_click=state.put, args=("preview draw", draw + 1))


_NO_AUGMENTATION = (
    "This recipe has no augmentation: every epoch shows the same images. Change it under *More*."
)


def _sheet(digits: np.ndarray) -> np.ndarray:
    """Digits (N, 28, 28) in [0, 1] as one picture, black on the gaps' transparency."""
    side = 28 * _ZOOM
    rows = -(-len(digits) // _ROW)
    sheet = np.zeros((rows * (side + _GAP) - _GAP, _ROW * (side + _GAP) - _GAP, 4), np.uint8)
    for index, digit in enumerate(np.rint(digits * 255).astype(np.uint8)):
        top, left = (side + _GAP) * (index // _ROW), (side + _GAP) * (index % _ROW)
        tile = sheet[top : top + side, left : left + side]
        tile[..., :3] = digit.repeat(_ZOOM, 0).repeat(_ZOOM, 1)[..., None]
        tile[..., 3] = 255
    return sheet


def _rates(spec: ModelSpec, recipe: Recipe, data: str) -> None:
    st.markdown(
        "**Which learning rate?** An untrained net takes steps at a rate that grows from step to step. "
        "Where the loss falls fastest, the net learns; where it rises again, the rate is too high."
    )
    asked = (spec.to_json(), recipe.to_dict() | {"learning_rate": None}, data)
    test: _RangeTest | None = state.value("range test")
    if test and test.asked != asked:
        test = None
    st.button(
        f"Try it (about {USUAL} s)",
        icon=":material/play_arrow:",
        disabled=test is not None and "error" not in (test.found or {}),
        on_click=lambda: state.put("range test", _RangeTest(spec, recipe, data, asked)),
    )
    if test is None:
        return
    if test.found is None:
        _await(test)
        return
    tried = test.found
    if "error" in tried:
        st.error(plain(tried["error"]).replace("\n", "  \n"), icon=":material/error:")
        return
    _chart(tried["points"], tried["proposed"])
    if tried["proposed"] is None:
        st.caption("The loss never fell within these steps: the net has not begun to learn at any rate.")
        return
    st.button(
        f"Use {tried['proposed']:g}",
        type="primary",
        on_click=use_rate,
        args=(tried["proposed"],),
        help="A tenth of the rate at which the smoothed loss is lowest: a whole run bears it.",
    )


class _RangeTest:
    """A range test on a thread of its own: a click meanwhile begins the page anew, and that finds it."""

    def __init__(self, spec: ModelSpec, recipe: Recipe, data: str, asked: object) -> None:
        self.asked = asked
        self.found: dict[str, Any] | None = None
        _line.append(self)
        Thread(target=self._run, args=(spec, recipe, data), name="range test", daemon=True).start()

    def _run(self, spec: ModelSpec, recipe: Recipe, data: str) -> None:
        try:
            while self.ahead:
                time.sleep(LOOK_EVERY)
            self.found = _range_test(spec, recipe, data)
        except (OSError, ValueError) as error:
            self.found = {"error": f"The test could not be made: {error}"}
        finally:
            self.found = self.found or {"error": "The test ended without a word."}
            _line.remove(self)

    @property
    def ahead(self) -> int:
        """How many others come first."""
        line = list(_line)
        return line.index(self) if self in line else 0


@st.fragment(run_every=0.5)
def _await(test: _RangeTest) -> None:
    """A word on what one waits for; the rest of the page goes on."""
    if test.found is not None:
        st.rerun()
    st.markdown(f":primary[:material/hourglass_top:] {_waiting(test.ahead)}")


def _waiting(ahead: int) -> str:
    if not ahead:
        return "Taking steps at growing rates"
    others = words.counted(ahead, "range test")
    return f"Waiting for {others} of others, about {words.duration(USUAL * ahead)}"


def _range_test(spec: ModelSpec, recipe: Recipe, data: str) -> dict[str, Any]:
    """What `python -m mnist_core rates` prints, or {"error": why not}."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        files = {"design.json": spec.to_json(), "recipe.json": recipe.to_json()}
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        paths = [str(Path(folder) / name) for name in files]
        command = [sys.executable, "-m", "mnist_core", "rates", paths[0], "--recipe", paths[1]]
        try:
            done = subprocess.run(
                [*command, "--data", data, "--json"],
                cwd=ROOT,
                env=os.environ | {"PYTHONIOENCODING": "utf-8"},
                capture_output=True,
                encoding="utf-8",
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired:
            return {"error": f"It took more than {PATIENCE} s. Try a smaller design, or when no run trains."}
    if done.returncode:
        return {"error": "\n".join(done.stderr.strip().splitlines()[-8:]) or "The test ended."}
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _chart(points: list[dict[str, float]], proposed: float | None) -> None:
    steps = [(point["rate"], point["loss"]) for point in points]
    smoothed = [(point["rate"], point["smoothed"]) for point in points]
    charts.rate_chart("rate range", steps, smoothed, proposed)
