"""Whatever stands in the files of a run, say of a folder that was copied in: what shows runs bears it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_core.architecture.text import from_text
from mnist_core.course import compare
from mnist_core.course.assignments import ASSIGNMENTS
from mnist_core.course.grading import grading
from mnist_core.runs import handout, manage, seeds, store, words
from mnist_core.runs.figures import figures_of
from mnist_core.runs.status import STATES, Status
from mnist_core.training.recipe import RECIPES
from pages.parts import pulse, runs, watch

SPEC = from_text("conv8 relu gap flat fc10 logsoftmax", "strange")
FIGURES = [*figures_of([{"epoch": 1, "test_accuracy": 0.9}], {}), "test_accuracy", "test_images", "precision"]
NUMBERS = [
    *("epoch", "step", "steps_per_epoch", "loss", "learning_rate", "images_per_second", "seconds", "scale"),
    *(f"{split}_{what}" for split in ("train", "validation", "test") for what in ("loss", "accuracy")),
]
NO_NUMBERS = (float("nan"), float("inf"), float("-inf"), 10**400)
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(
        (-1, 0, 1, 2, 10**18, 10**400, 1e300, 0.994, -0.5, float("nan"), float("inf"), float("-inf"))
    ),
    st.floats(0, 1),
    st.text(max_size=5),
    st.sampled_from(([], {}, [1.0], {"a": []}, "done", "test", "1e999")),
)


def objects(names: list[str], **more: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names), PLAIN, max_size=8).flatmap(
        lambda found: st.fixed_dictionaries(more).map(lambda fixed: found | fixed)
    )


STATUS = objects(list(Status.__annotations__), figures=objects(FIGURES), state=st.sampled_from(STATES))
LINES = st.lists(objects(NUMBERS, event=st.sampled_from(["step", "epoch", "rate"])), max_size=6)
YEARS = st.sampled_from(["0001", "1979", "2026", "2150", "9999"])


@settings(max_examples=150, deadline=None)
@given(STATUS, LINES, YEARS, st.sampled_from(["mnist", "synthetic"]))
def test_no_content_of_a_run_breaks_what_shows_it(
    tmp_path: Path, status: dict[str, Any], lines: list[dict[str, Any]], year: str, data: str
) -> None:
    run = store.create(SPEC, RECIPES["fast"], data, tmp_path)
    request = json.loads((run / store.REQUEST).read_bytes()) | {"created": f"{year}-12-31T23:59:59"}
    (run / store.REQUEST).write_text(json.dumps(request))
    (run / store.STATUS).write_text(json.dumps(status))
    (run / store.METRICS).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    view = store.read(run)
    assert view.state in STATES
    words.when(view), words.progress_line(view), words.notebook_log(view), words.rate_changes(view)
    runs._outcome(view), runs.headline_of(view), runs.progress_shown(view), runs.log_shown(view)
    runs.curves_shown(view, seeds.Bands((), ()), 20), watch.fit(view)
    seeds.summary([view, view]), seeds.alike([view]), seeds.reached([view])
    compare.own([view]), pulse.news([view]), pulse.every([view])
    assert "report.md" in handout.files(view, grading(view, ASSIGNMENTS["under-8k"]))
    assert manage.archive(run)
    shutil.rmtree(run.folder)


@pytest.mark.parametrize("digits", [19, 400, 5000])
def test_a_number_without_end_is_none(tmp_path: Path, digits: int) -> None:
    run = store.create(SPEC, RECIPES["fast"], "synthetic", tmp_path)
    (run / store.STATUS).write_text(f'{{"state": "done", "seconds": {"9" * digits}, "threads": 2}}')
    assert store.read(run).status.seconds == 0.0
