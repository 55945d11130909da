"""A look at a live run: the parts that were asked for, and news when only the script can draw what is new."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from starlette.requests import Request
from streamlit.web.server.app_discovery import discover_asgi_app

from mnist_core.runs import checkpoint, store, wishes
from mnist_core.runs.status import Status
from mnist_core.runs.store import Run
from mnist_core.training.recipe import Recipe
from pages.parts import pulse
from pages.parts.component import encoded

from .conftest import ROOT
from .test_inference import SPEC, untrained

LINE = {"event": "step", "steps_per_epoch": 10, "learning_rate": 0.01, "images_per_second": 900.0}
NEXT = {"training": pulse.TRAINING_EVERY, "queued": pulse.WAITING_EVERY, "preparing": pulse.WAITING_EVERY}

Holder = subprocess.Popen[bytes]


@pytest.fixture
def run(runs_folder: Path) -> Run:
    return store.create(SPEC, Recipe(epochs=4, validation_size=0), "synthetic")


def learn(run: Run, steps: int, state: str = "training") -> None:
    """Writes down so many steps of the first epoch."""
    lines = [LINE | {"epoch": 1, "step": 1 + step, "loss": 2.0 - 0.1 * step} for step in range(steps)]
    (run / store.METRICS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    store.write_status(run, Status(state=state, epoch=1, progress=steps / 40, images_per_second=900.0))


def test_a_look_gives_what_was_asked_for(run: Run, holder: Holder) -> None:
    learn(run, 3)
    found = pulse.look(run.name, [run.name], ["progress", "loss", "nothing of ours"])
    assert found["every"] == pulse.TRAINING_EVERY and set(found["parts"]) == {"progress", "loss", "accuracy"}
    progress = {"text": "epoch 1 of 4 · 900 images/s · rate 0.01", "share": 0.075, "bold": ""}
    assert found["parts"]["progress"] == progress
    steps = found["parts"]["loss"]["traces"][0]
    assert steps["x"] == [0.1, 0.2, 0.3] and steps["y"] == [2.0, 1.9, 1.8]
    assert pulse.look(run.name, [run.name], [])["parts"] == {}


def test_a_long_run_is_looked_at_less_often(run: Run, holder: Holder) -> None:
    for seconds, every in ((59.0, pulse.TRAINING_EVERY), (61.0, pulse.LATER_EVERY)):
        store.write_status(run, Status(state="training", seconds=seconds))
        assert pulse.look(run.name, [run.name], [])["every"] == every


def test_every_part_that_follows_a_run(run: Run, holder: Holder) -> None:
    learn(run, 3)
    reached = {"epochs": 1, "test_accuracy": 0.5, "test_images": 100, "best_accuracy": 0.5, "best_epoch": 1}
    store.write_status(run, Status(state="training", figures=reached))
    wanted = ["progress", "headline", "fit", "accuracy", "live", "log"]
    parts = pulse.look(run.name, [run.name], wanted)["parts"]
    assert set(parts) == {*wanted, "loss", "moment"}
    assert [figure["value"] for figure in parts["headline"]] == ["50.00 %", "50.00 %"]
    assert parts["headline"][0]["note"] == "95 %: 40.38 – 59.62"
    assert parts["fit"]["bold"] == "Too early to speak of over- or underfitting"
    assert parts["log"]["text"] == "" and "will stand here" in parts["log"]["empty"]


def test_a_wish_is_news_steps_and_epochs_are_none(run: Run, holder: Holder) -> None:
    learn(run, 3)
    first = pulse.look(run.name, [run.name], [])
    views = [store.read(run)]
    assert first["news"] == pulse.news(views) and first["epochs"] == pulse.epochs(views)
    learn(run, 5)
    assert pulse.look(run.name, [run.name], []) == first
    store.write_status(run, Status(state="training", figures={"epochs": 1, "test_accuracy": 0.97}))
    second = pulse.look(run.name, [run.name], [])
    assert second["news"] == first["news"] and second["epochs"] != first["epochs"]
    wishes.request_pause(run.folder)
    wished = pulse.look(run.name, [run.name], ["progress"])
    assert wished["news"] != first["news"] and wished["every"] == pulse.WAITING_EVERY
    assert wished["parts"]["progress"]["text"] == "Pausing after this step"


@pytest.mark.parametrize("state", NEXT)
def test_before_it_trains_one_looks_more_often(run: Run, holder: Holder, state: str) -> None:
    learn(run, 0, state)
    assert pulse.look(run.name, [run.name], [])["every"] == NEXT[state]


def test_a_run_that_has_ended_is_news_and_has_no_parts(run: Run) -> None:
    learn(run, 3)
    alive = replace(store.read(run), status=Status(state="training"))
    found = pulse.look(run.name, [run.name], ["progress", "loss", "live"])
    assert found["parts"] == {} and found["news"] != pulse.news([alive])
    for state in ("paused", "done"):
        store.write_status(run, Status(state=state))
        assert pulse.look(run.name, [run.name], [])["every"] == pulse.RESTING_EVERY  # it may go on elsewhere


def test_a_look_draws_the_epoch_limit_of_who_looks(run: Run, holder: Holder) -> None:
    learn(run, 3)
    for limit, drawn in (("5", [5]), ("20", []), ("", []), ("no number", []), ("9" * 5000, [])):
        parts = pulse.look(run.name, [run.name], ["loss"], limit=limit)["parts"]
        assert [shape["x0"] for shape in parts["loss"]["layout"]["shapes"]] == drawn


@pytest.mark.parametrize("name", ["20000101-000000-none-abc", "../elsewhere", ""])
def test_a_run_that_is_not_there_is_news(run: Run, name: str) -> None:
    nothing = {"news": "", "epochs": "", "every": pulse.WAITING_EVERY, "parts": {}}
    assert pulse.look(name, [name], ["loss"]) == nothing
    assert pulse.look(run.name, [run.name, name], ["loss"]) == nothing
    assert pulse.look("", [], ["loss"]) == nothing


def test_eight_digits_and_the_drawing(run: Run, holder: Holder) -> None:
    learn(run, 3)
    checkpoint.save(run / store.LATEST, untrained(SPEC))
    drawing = np.arange(784, dtype=np.uint8).reshape(28, 28)
    for sent, has in ((encoded(drawing), encoded(drawing)), ("", ""), ("no pixels", ""), ("AAAA", "")):
        parts = pulse.look(run.name, [run.name], ["live"], sent)["parts"]
        assert len(parts["live"]) == 9 and parts["live"][-1]["pixels"] == has
        assert "eight random" in parts["moment"]["text"].lower()


def test_the_server_answers_a_look(run: Run, holder: Holder) -> None:
    learn(run, 3)
    query = urlencode([("shown", run.name), ("run", run.name), ("part", "progress"), ("part", "loss")])
    response = pulse.answer(Request({"type": "http", "query_string": query.encode()}))
    assert json.loads(bytes(response.body)) == pulse.look(run.name, [run.name], ["progress", "loss"])


def test_streamlit_finds_the_route_in_app_py() -> None:
    found = discover_asgi_app(ROOT / "app.py")
    assert found.is_asgi_app and found.app_name == "app"
    assert pulse.route().path == "/pulse"
