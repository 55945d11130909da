"""The published experiments against torchsummary's own table and their documents' totals."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torchinfo
import torchsummary

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.model import build
from mnist_core.course.experiments import EXPERIMENTS, Experiment

every = pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=EXPERIMENTS)


def test_there_are_36_with_names_of_their_own_and_their_documents() -> None:
    assert len(EXPERIMENTS) == 36
    assert len({e.source_id for e in EXPERIMENTS.values()}) == 36
    assert EXPERIMENTS["task-2"].source_id == "001-main"
    assert EXPERIMENTS["session-5-step-1"].source_id == "003-step1"
    assert sum(e.exact for e in EXPERIMENTS.values()) == 28


@every
def test_totals_are_the_published_ones(experiment: Experiment) -> None:
    analysis = analyze(experiment.spec)
    assert not analysis.problems
    assert analysis.params == experiment.params
    if experiment.exact:
        assert experiment.published["params"] == experiment.params


@every
def test_the_recipe_is_whole(experiment: Experiment) -> None:
    epochs = experiment.published.get("epochs")
    assert epochs is None or experiment.recipe.epochs == epochs
    curve = experiment.published.get("test_accuracy", [])
    if curve:
        assert len(curve) == epochs
        assert max(curve) == experiment.published["best_test_accuracy"]
        assert curve[-1] == experiment.published["last_test_accuracy"]
        target = [number for number, value in enumerate(curve, 1) if value >= 0.994]
        assert target == experiment.published["epochs_at_target"]


def table(text: str) -> list[tuple[str, list[int], int]]:
    """(layer, output shape, params) of every line of torchsummary's table."""
    row = re.compile(r"^\s*(\w+)-\d+\s+\[-1, ([\d, ]+)\]\s+([\d,]+)\s*$", re.MULTILINE)
    return [
        (kind, [int(size) for size in shape.split(",")], int(params.replace(",", "")))
        for kind, shape, params in row.findall(text)
    ]


@every
def test_torchsummary_agrees_line_by_line(experiment: Experiment, capsys: pytest.CaptureFixture[str]) -> None:
    torchsummary.summary(build(experiment.spec), (1, 28, 28), device="cpu")
    printed = capsys.readouterr().out
    analysis = analyze(experiment.spec)
    ours = [(list(report.output_shape or ()), report.params) for report in analysis.layers]
    assert [(shape, params) for _, shape, params in table(printed)] == ours
    memory = dict(
        re.findall(r"^(Input|Forward/backward pass|Params) size \(MB\): ([\d.]+)$", printed, re.MULTILINE)
    )
    assert memory["Forward/backward pass"] == f"{2 * 4 * analysis.units / 1024**2:.2f}"
    assert memory["Params"] == f"{4 * analysis.params / 1024**2:.2f}"


@every
def test_torchinfo_agrees_on_macs(experiment: Experiment) -> None:
    model = build(experiment.spec)
    theirs = torchinfo.summary(model, (1, 1, 28, 28), verbose=0).total_mult_adds
    # torchinfo also counts an addition for every bias and a multiplication for every scale of a norm.
    extra = 0
    analysis = analyze(experiment.spec)
    for report in analysis.layers:
        shape = report.output_shape or (0,)
        if report.kind == "conv2d" and "bias" in report.weights:
            extra += shape[0] * shape[1] * shape[2]
        elif report.kind == "batch_norm2d":
            extra += report.params
        elif "bias" in report.weights:
            extra += shape[0]
    assert theirs == analysis.macs + extra


def torch_name(kind: str) -> str:
    """max_pool2d → MaxPool2d."""
    words = {"relu": "ReLU", "conv2d": "Conv2d"}
    return words.get(kind) or "".join(part.capitalize() for part in kind.split("_"))


def test_the_published_tables_layer_by_layer() -> None:
    """The table of `task-2` as its document prints it: kind, output, params."""
    document = Path(__file__).with_name("task_2_table.txt").read_text(encoding="utf-8")
    expected = [
        (kind, [int(n) for n in shape.split("x")], int(params), int(field), int(jump))
        for kind, shape, params, field, jump in (line.split() for line in document.splitlines())
    ]
    rows = analyze(EXPERIMENTS["task-2"].spec).to_dict()["layers"]
    found = [
        (torch_name(row["kind"]), row["output_shape"], row["params"], row["receptive_field"], row["jump"])
        for row in rows
    ]
    assert found == expected
