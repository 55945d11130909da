"""What an assignment says of a run, and where it is handed in."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

from mnist_core.architecture.text import from_text
from mnist_core.course.assignments import ASSIGNMENTS, RunFacts
from mnist_core.course.grading import facts_of, grading
from mnist_core.runs import manage, store
from mnist_core.runs.status import Status
from mnist_core.training.recipe import RECIPES

ASKED = ASSIGNMENTS["under-20k"]
SPEC = from_text("conv16-b bn relu drop0.1 max2 conv16k1-b conv10-b gap flat logsoftmax", "mine")


def made(root: Path, accuracies: list[object], state: str = "done", data: str = "mnist") -> store.Run:
    run = store.create(SPEC, RECIPES["fast"], data, root)
    lines = [{"event": "epoch", "epoch": n, "test_accuracy": value} for n, value in enumerate(accuracies, 1)]
    (run / store.METRICS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    store.write_status(run, Status(state))
    return run


def test_a_run_is_graded_when_it_is_done_on_mnist(tmp_path: Path) -> None:
    done = store.read(made(tmp_path, [0.99, "x", 0.9941]))
    assert facts_of(done) == RunFacts(3, [0.99, None, 0.9941])
    said = grading(done, ASKED)
    assert said.startswith(f"## Assignment: {ASKED.title}\n\n- met: params. ")
    assert "- met: test accuracy ≥ 99.40 %. 99.41 %." in said
    for other in (made(tmp_path, [0.99], "stopped"), made(tmp_path, [0.99], data="synthetic")):
        assert facts_of(store.read(other)) is None
        assert "- open: test accuracy ≥ 99.40 %" in grading(store.read(other), ASKED)
    low = store.read(made(tmp_path, [0.99]))
    assert "- **not met**: test accuracy ≥ 99.40 %" in grading(low, ASKED)


def test_the_report_ends_with_it(tmp_path: Path) -> None:
    run = made(tmp_path, [0.9941])
    said = grading(store.read(run), ASKED)
    with zipfile.ZipFile(io.BytesIO(manage.archive(run, said))) as packed:
        assert packed.read(f"{run.name}/report.md").decode().endswith(f"\n\n{said}\n")
