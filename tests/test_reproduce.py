"""Reproduction: every seed once, whatever ends the process and however many work side by side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import save as serialize

from mnist_core.course import progress, reproduce
from mnist_core.course.experiments import EXPERIMENTS, FINAL, Experiment
from mnist_core.course.results import fingerprint, read_results
from mnist_core.runs import checkpoint, locks
from mnist_core.training import data, synthetic
from mnist_core.training.evaluation import evaluate
from mnist_core.training.state import TrainingError

from .conftest import ROOT

LAYERS = "conv4s4 relu bn gap flat fc10"
EPOCHS = 4
SCRIPT = f"""
import sys
from pathlib import Path
from mnist_core.course import progress, reproduce
from mnist_core.course.experiments import Experiment
from mnist_core.training import data, synthetic
from mnist_core.training.evaluation import evaluate
progress.SAVE_EVERY = 0.0
rendered = synthetic.digits(600, 100)
data.load = lambda name: data.Dataset(name, *rendered)
fields = {{"epochs": {EPOCHS}, "batch_size": 30}}
tiny = Experiment("tiny", "", "", "", True, 0, "{LAYERS}", fields, {{}}, None)
folder = Path(sys.argv[1])
say = lambda line: print(line, flush=True)
print(reproduce.reproduce([tiny], 2, 1, "synthetic", folder / "rows.jsonl", folder / "work", say), flush=True)
"""


def start(folder: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_order_and_the_number_of_seeds() -> None:
    planned = reproduce.plan(EXPERIMENTS.values())
    counts: dict[str, int] = {}
    for seed in planned:
        counts[seed.experiment.name] = counts.get(seed.experiment.name, 0) + 1
        assert seed.recipe.seed == counts[seed.experiment.name]
    assert [seed.recipe.seed for seed in planned] == sorted(seed.recipe.seed for seed in planned)
    first = [seed.cost for seed in planned if seed.recipe.seed == 1]
    assert len(first) == 36 and first == sorted(first)
    assert {counts[name] for name in FINAL} == {5}
    assert counts["ten-steps-04-batch-norm"] == 3 and counts["twelve-k-without-bn"] == 1
    assert counts["ten-steps-01-setup"] == 1
    assert {seed.recipe.epochs for seed in planned if seed.experiment.params > 10**6} == {3}
    on_a_card = reproduce.plan(EXPERIMENTS.values(), 5, "cuda")
    assert len(on_a_card) == 180 and all(s.recipe.epochs == s.experiment.recipe.epochs for s in on_a_card)


@pytest.mark.slow
def test_kill_9_loses_a_part_of_one_seed_and_two_processes_share_the_work(tmp_path: Path) -> None:
    victim = start(tmp_path)
    assert victim.stdout
    while "epoch 2," not in (line := victim.stdout.readline()):
        assert line, "it ended too early"
    victim.kill()
    victim.wait()
    assert not (tmp_path / "rows.jsonl").exists()
    (tmp_path / "rows.jsonl").write_bytes(b'{"name": "torn by a cra')
    pair = start(tmp_path), start(tmp_path)
    said = [process.communicate(timeout=120)[0].splitlines() for process in pair]
    assert all(lines[-1] in ("0", "1") for lines in said)
    begun = sorted(line for lines in said for line in lines if " from epoch " in line)
    assert [line.split(":")[0] for line in begun] == ["tiny, seed 1", "tiny, seed 2"]  # none twice
    assert "from epoch 1 " not in begun[0] and "from epoch 1 " in begun[1]
    assert sorted(row.seed for row in read_results(tmp_path / "rows.jsonl")) == [1, 2]
    assert not list((tmp_path / "work").glob("*.safetensors"))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> data.Dataset:
    """Few digits in place of 14,000."""
    few = data.Dataset("synthetic", *synthetic.digits(600, 100))
    monkeypatch.setattr(data, "load", lambda name: few)
    return few


class Enough(Exception):
    """Ends a reproduction from within."""


def test_going_on_gives_the_row_that_an_unbroken_training_gives(
    few: data.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SAVE_EVERY", 0.0)
    fields = {"epochs": EPOCHS, "batch_size": 30, "schedule": "one_cycle"}
    tiny = Experiment("tiny", "", "", "", True, 0, LAYERS, fields, {}, None)

    def work(name: str, stop: str = "nowhere") -> list[str]:
        said: list[str] = []

        def say(line: str) -> None:
            said.append(line)
            if stop in line:
                raise Enough

        with suppress(Enough):
            folder = tmp_path / name
            reproduce.reproduce([tiny], 1, 1, "synthetic", tmp_path / f"{name}.jsonl", folder, say)
        return said

    assert len(work("whole")) == 1 + EPOCHS
    work("broken", "epoch 2,")
    assert not (tmp_path / "broken.jsonl").exists()
    work("broken", "epoch 4,")
    assert "from epoch 1 " not in work("broken")[0]
    (whole,), (broken,) = (read_results(tmp_path / f"{name}.jsonl") for name in ("whole", "broken"))
    for curve in ("test_accuracy", "test_loss", "train_accuracy", "train_loss"):
        assert getattr(whole, curve) == getattr(broken, curve)
    kept = checkpoint.load(reproduce.kept_checkpoint(tmp_path / "broken", "tiny", 1))
    _, accuracy = evaluate(kept.model(), few.test_images, few.test_labels, few)
    assert accuracy == broken.last == kept.figures["test_accuracy"]
    assert [line.partition(":")[0] for line in work("broken")] == ["Nothing to train"]  # never twice


def test_what_another_process_trains_is_left_to_it(few: data.Dataset, tmp_path: Path) -> None:
    tiny = Experiment("tiny", "", "", "", True, 0, LAYERS, {"epochs": 1}, {}, None)
    (seed,) = reproduce.plan([tiny], 1, "cpu", "synthetic")
    lock = locks.take(tmp_path / f"{seed.key}.lock")
    assert lock
    with lock:
        said: list[str] = []
        # An experiment with the same layers and recipe is the same training, and held by the same lock.
        twin = Experiment("twin", "", "", "", True, 0, LAYERS, {"epochs": 1}, {}, None)
        left = reproduce.reproduce(
            [tiny, twin], 1, 1, "synthetic", tmp_path / "r.jsonl", tmp_path, said.append
        )
    assert left == 2 and said == []


def test_the_same_layers_and_recipe_are_trained_once(few: data.Dataset, tmp_path: Path) -> None:
    first, second = (
        Experiment(name, "", "", "", True, 0, LAYERS, {"epochs": 1, "batch_size": 1000}, {}, None)
        for name in ("first", "second")
    )
    said: list[str] = []
    out = tmp_path / "rows.jsonl"
    reproduce.reproduce([first, second], 1, 1, "synthetic", out, tmp_path, said.append)
    one, two = read_results(out)
    assert (one.name, one.same_as, two.name, two.same_as) == ("first", None, "second", "first")
    assert one.test_accuracy == two.test_accuracy and "the same training as first" in said[-1]
    assert one.fingerprint == fingerprint(first.spec, reproduce.recipe_of(first, 1), "synthetic")
    assert one.processor_seconds < 60 and one.machine.endswith("1 thread")


def test_a_seed_that_cannot_be_trained_holds_up_no_other(few: data.Dataset, tmp_path: Path) -> None:
    wild, tame = (
        Experiment(name, "", "", "", True, 0, LAYERS, {"batch_size": 10, **fields}, {}, None)
        for name, fields in (("wild", {"epochs": 4, "learning_rate": 100.0}), ("tame", {"epochs": 2}))
    )
    said: list[str] = []
    out = tmp_path / "rows.jsonl"
    with pytest.raises(TrainingError, match=r"wild, seed 1: .*learning rate"):
        reproduce.reproduce([wild, tame], 1, 1, "synthetic", out, tmp_path, said.append)
    assert [row.name for row in read_results(out)] == ["tame"] and "wild, seed 1: " in "".join(said)


def test_a_state_that_no_longer_fits_is_begun_again(tmp_path: Path) -> None:
    tiny = Experiment("tiny", "", "", "", True, 0, LAYERS, {"epochs": 1, "batch_size": 1000}, {}, None)
    (seed,) = reproduce.plan([tiny], 1, name="synthetic")
    path = tmp_path / f"{seed.key}.safetensors"
    about = {"epochs": [], "threads": 1, "processor_seconds": 0.0, "seconds": 0.0}
    path.write_bytes(serialize({"other": torch.zeros(1)}, {progress._FORMAT: json.dumps(about)}))
    assert progress.Progress(seed, path, 1).state.epoch == 0
