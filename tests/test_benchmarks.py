"""The benchmarks that have no test file of their own run and report what they promise, in the smallest size.

Their figures are no test's business.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import all as every
from benchmarks import gpu, plain, time_to_accuracy
from benchmarks.machine import machine, processor
from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.course.records import ALL
from mnist_core.training.data import Dataset

from .conftest import ROOT

Printed = Callable[..., str]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Printed:
    """What a program's `main` prints when it is called with these arguments."""

    def call(main: Callable[[], None], *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["benchmark", *arguments])
        main()
        return capsys.readouterr().out

    return call


def of_process(*command: str) -> Any:
    """The JSON that a program prints."""
    done = subprocess.run(
        [sys.executable, *command, "--json"], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_machine_is_named_by_its_processor() -> None:
    assert machine().startswith(f"{processor()}, ") and "torch 2" in machine()
    assert machine("NVIDIA H200").startswith("NVIDIA H200, ")


@pytest.mark.usefixtures("one_thread")
def test_time_to_accuracy_of_layers_in_the_text_form(
    printed: Printed, monkeypatch: pytest.MonkeyPatch, rendered: Dataset
) -> None:
    monkeypatch.setattr(time_to_accuracy, "load", {"synthetic": rendered}.get)
    small = ["--net", "max4 flat fc10", "--data", "synthetic"]
    told = json.loads(printed(time_to_accuracy.main, "--json", *small, "--epochs", "2", "--seeds", "2"))
    assert (told["params"], told["recipe"], told["machine"]) == (500, "fast", machine())
    assert set(told["seconds_to"]) == {"99.0%", "99.4%"}
    first, second = told["epochs"]
    assert 0.3 < first["accuracy"] <= 1 and 0 <= first["deviation"] < 0.3
    # Hundredths of a second, in which so small a net is trained and evaluated.
    assert 0 <= first["seconds"] <= second["seconds"] <= second["with_evaluation"] < 60


def test_time_to_accuracy_takes_a_named_net_with_its_own_recipe(
    printed: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []
    monkeypatch.setattr(time_to_accuracy, "load", lambda name: None)
    monkeypatch.setattr(
        time_to_accuracy,
        "one_seed",
        lambda spec, recipe, data: taken.append((spec, recipe)) or [(0.991, 1, 2)],
    )
    told = json.loads(printed(time_to_accuracy.main, "--json"))
    record = ALL["record-seconds"]
    assert (told["net"], told["recipe"], told["params"]) == (record.name, "published", record.params)
    assert told["seconds_to"] == {"99.0%": 1, "99.4%": None}
    assert taken == [
        (record.spec, record.recipe.changed(precision="auto", seed=seed)) for seed in (1, 2, 3, 4, 5)
    ]
    text = printed(time_to_accuracy.main, "--net", "task-2", "--recipe", "fast").splitlines()
    assert text[:2] == [machine(), "task-2, 19,712 params, recipe fast, 5 seeds"]
    assert text[2:] == [
        "  epoch 1: 99.10 ± 0.00 % after 1.0 s (2.0 s with evaluation)",
        "  99.0%: 1.0 s",
        "  99.4%: not reached",
    ]
    with pytest.raises(SystemExit):
        printed(time_to_accuracy.main, "--net", "flat fc10", "--recipe", "published")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, which would be measured")
def test_gpu_says_that_there_is_none(printed: Printed) -> None:
    assert "no CUDA device" in printed(gpu.main)
    assert json.loads(printed(gpu.main, "--json"))["device"] is None


def test_all_renews_the_parts_that_are_wanted(
    printed: Printed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs = {"layers": "print('x is 1')", "seeds": "print('half'); raise ValueError('no such net')"}
    (tmp_path / "benchmarks").mkdir()
    for name, program in programs.items():
        (tmp_path / "benchmarks" / f"{name}.py").write_text(program)
    document = tmp_path / "benchmarks.md"
    document.write_text(f"{every.HEAD}\n## kills\n\n```\nequal True\n```\n\n## layers\n\n```\nx is 0\n```\n")
    monkeypatch.setattr(every, "ROOT", tmp_path)
    monkeypatch.setattr(every, "DOCUMENT", document)
    with pytest.raises(SystemExit) as end:
        printed(every.main, "--only", "layers")
    assert end.value.code == 0
    with pytest.raises(SystemExit) as end:
        printed(every.main, "--only", "seeds")
    assert end.value.code == 1
    assert list(every.known()) == ["layers", "seeds", "kills"]
    sections = every.known()
    assert sections["kills"].endswith("```\nequal True\n```\n")
    assert f", {machine()}, load at the end" in sections["layers"] and "\nx is 1\n" in sections["layers"]
    assert "\nhalf\nIt failed: ValueError: no such net\n" in sections["seeds"]
    assert document.read_text().startswith(every.HEAD)


def test_all_knows_programs_that_are_there() -> None:
    assert all((ROOT / "benchmarks" / program).is_file() for program, *_ in every.COMMANDS.values())


@pytest.mark.slow
def test_seeds() -> None:
    small = ["--net", "record-under-1k", "--data", "synthetic", "--seconds", "1", "--turns", "1"]
    told = of_process("benchmarks/seeds.py", *small)
    assert told["machine"] == machine() and told["net"] == "record-under-1k"
    assert told["ratio"] == pytest.approx(told["side_by_side"] / told["alone"], abs=0.01)


@pytest.mark.slow
@pytest.mark.mnist
def test_drawings() -> None:
    told = of_process("benchmarks/drawings.py", "--digits", "20", "--processes", "1")
    assert told["machine"] == machine() and told["digits"] == 20 and told["originals"] == 1
    assert {"accuracy", "points_lost", "naive_accuracy"} <= set(told["sharp"]) == set(told["smooth"])


@pytest.mark.slow
def test_plain() -> None:
    small = ["ten-steps-06-global-average-pooling", "--data", "synthetic", "--epochs", "1"]
    told = of_process("benchmarks/plain.py", *small)
    assert told["name"] == small[0] and [row["epoch"] for row in told["epochs"]] == [1]
    assert told["epochs"][0]["test_accuracy"] > 0.5


def test_plain_refuses_what_it_does_not_know() -> None:
    experiment = EXPERIMENTS["drill-down-6-augmentation"]
    with pytest.raises(SystemExit, match="another augmentation"):
        plain.train(experiment, 1, 1, "synthetic")
