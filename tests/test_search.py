"""A search: resumable, shared, blind to the test set, and honest on the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from optuna.trial import TrialState

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.text import from_text
from mnist_core.course import search
from mnist_core.course.trials import (
    JOURNAL,
    Settings,
    give_up_the_dead,
    open_study,
    outcomes,
    read_study,
)
from mnist_core.training import data, splits, synthetic
from mnist_core.training.data import Dataset
from mnist_core.training.recipe import Recipe
from mnist_core.training.state import TrainingError

from .conftest import ROOT

SETTINGS = Settings(params=700, epochs=2, images=200, macs=200_000, data="synthetic")
SCRIPT = """
import sys
from pathlib import Path
from mnist_core.course import search
from mnist_core.course.trials import Settings
from mnist_core.training import data, synthetic
search.VALIDATION = 100
rendered = data.Dataset("synthetic", *synthetic.digits(600, 10))
data.load = lambda name: rendered
settings = Settings(params=700, epochs=2, images=200, macs=200_000, data="synthetic")
say = lambda line: print(line, flush=True)
search.search(settings, folder=Path(sys.argv[1]), say=say)
"""


def start(folder: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, str(folder)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    """Few digits, without test images: a tensor on `meta` has no content, whoever reads it fails."""
    images, labels, *_ = synthetic.digits(600, 10)
    nothing = torch.empty(10, 28, 28, dtype=torch.uint8, device="meta")
    return Dataset("synthetic", images, labels, nothing, torch.empty(10, dtype=torch.int64, device="meta"))


@pytest.fixture
def few(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """The search works on these digits."""
    monkeypatch.setattr(data, "load", lambda name: digits)
    monkeypatch.setattr(search, "VALIDATION", 100)
    return digits


def test_what_is_chosen_on_is_what_other_runs_hold_out(digits: Dataset) -> None:
    chosen = splits.development(digits, 100, 200)
    held = splits.held_out(600, 100)
    assert torch.equal(chosen.test_images, digits.train_images[held])
    assert torch.equal(chosen.test_labels, digits.train_labels[held])
    rest = splits.split(
        Dataset("", digits.train_images, digits.train_labels, digits.train_images, digits.train_labels),
        Recipe(validation_size=100),
        torch.device("cpu"),
    )
    pool = {image.numpy().tobytes() for image in rest.train_images}
    assert {image.numpy().tobytes() for image in chosen.train_images} <= pool
    assert len(chosen.train_images) == 200
    longer = splits.development(digits, 100, 500)
    assert torch.equal(longer.train_images[:200], chosen.train_images)  # the first of the same order
    for images in (0, 501):
        with pytest.raises(TrainingError, match="Ask for 1 to 500"):
            splits.development(digits, 100, images)


def test_a_search_goes_on_where_it_was_and_never_sees_the_test_images(few: Dataset, tmp_path: Path) -> None:
    said: list[str] = []
    assert search.search(SETTINGS, 2, folder=tmp_path, say=said.append) == 0
    assert len(said) == 2 and said[0].startswith("trial    0") and "validation" in said[0]
    first = outcomes(open_study(SETTINGS, tmp_path))
    search.search(SETTINGS, 5, folder=tmp_path, say=said.append)
    found = outcomes(read_study(SETTINGS, tmp_path))
    assert found[:2] == first and [outcome.number for outcome in found] == [0, 1, 2, 3, 4]
    search.search(SETTINGS, 5, folder=tmp_path, say=said.append)
    assert len(said) == 5  # nothing was left to do
    for outcome in found:
        analysis = analyze(from_text(outcome.design))
        assert (outcome.params, outcome.macs) == (analysis.params, analysis.macs)
        assert outcome.params < SETTINGS.params and outcome.macs <= 200_000
        assert Recipe.from_dict(outcome.recipe).epochs == SETTINGS.epochs
        assert len(outcome.accuracies) == (1 if outcome.pruned else 2)
    # Halving: whoever goes on is in the better half of those that have come as far.
    for outcome in found:
        before = [other.accuracies[0] for other in found[: outcome.number + 1]]
        place = sorted(before, reverse=True).index(outcome.accuracies[0])
        assert outcome.pruned == (place >= max(1, len(before) // 2))
    assert not list(tmp_path.glob("*-trial-*.lock"))


@pytest.mark.slow
def test_the_same_settings_draw_the_same_trials(few: Dataset, tmp_path: Path) -> None:
    once, again = tmp_path / "once", tmp_path / "again"
    for folder, counts in ((once, (5,)), (again, (3, 5))):
        for count in counts:
            search.search(SETTINGS, count, folder=folder, say=lambda line: None)
    first, second = (
        [(o.design, o.recipe) for o in outcomes(read_study(SETTINGS, folder))] for folder in (once, again)
    )
    assert first == second and len({design for design, _ in first}) == 5


def test_no_trial_is_begun_after_the_time(few: Dataset, tmp_path: Path) -> None:
    said: list[str] = []
    search.search(SETTINGS, minutes=0, folder=tmp_path, say=said.append)
    assert said == []


@pytest.mark.slow
def test_kill_9_loses_one_trial_and_two_processes_share_a_search(few: Dataset, tmp_path: Path) -> None:
    pair = start(tmp_path), start(tmp_path)
    told: list[int] = []
    for process in pair:
        assert process.stdout
        told += [int(process.stdout.readline().split()[1]) for _ in range(2)]
    for process in pair:
        process.kill()
    for process in pair:
        assert process.stdout
        told += [int(line.split()[1]) for line in process.stdout.read().splitlines(keepends=True)]
        process.wait()
    study = read_study(SETTINGS, tmp_path)
    ended = {outcome.number for outcome in outcomes(study)}
    lost = {trial.number for trial in study.trials} - ended
    assert len(set(told)) == len(told) and set(told) <= ended  # each trial by one of the two, none lost
    assert len(ended) - len(told) <= 2 and len(lost) <= 2  # at most those at hand, told or not
    goal = len(ended) + 1
    assert search.search(SETTINGS, goal, folder=tmp_path, say=lambda line: None) == 0
    study = read_study(SETTINGS, tmp_path)
    assert len(outcomes(study)) == goal
    failed = {trial.number for trial in study.trials if trial.state == TrialState.FAIL}
    assert failed == lost and all(trial.state.is_finished() for trial in study.trials)
    assert not list(tmp_path.glob("*-trial-*.lock"))


def test_a_design_that_was_set_is_tried_again_after_its_process_has_died(tmp_path: Path) -> None:
    study = open_study(SETTINGS, tmp_path)
    study.enqueue_trial({"x": 7})
    study.ask()
    study.ask()  # drawn by chance, so nothing is owed to it
    assert give_up_the_dead(study, SETTINGS, tmp_path) == 0
    again = study.ask()
    assert again.number == 2 and again.suggest_int("x", 0, 9) == 7
    assert not study.get_trials(states=(TrialState.WAITING,))


def lab(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mnist_core", "search", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | environment
    )


@pytest.mark.slow
def test_the_command(tmp_path: Path) -> None:
    small = ["--data", "synthetic", "--params", "700", "--macs", "200000", "--images", "100", "--epochs", "1"]
    where = ["--out", str(tmp_path)]
    done = lab(*small, *where, "--trials", "2")
    assert done.returncode == 0 and done.stderr.count("trial ") == 2, done.stderr
    for word in ("validation images", "Nothing was measured on the test images", "Pareto", "train", "100"):
        assert word in done.stdout
    told = json.loads(lab(*small, *where, "--show", "--json").stdout)
    assert told["measured_on"] == "validation" and told["finished"] == 2 and told["search"]["params"] == 700
    assert told["best"][0]["design"] in done.stdout
    assert told["front"][-1]["validation_accuracy"] == told["best"][0]["validation_accuracy"]
    command = [sys.executable, "-m", "mnist_core", "analyze", told["best"][0]["design"], "--json"]
    looked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert json.loads(looked.stdout)["params"] == told["best"][0]["params"] and looked.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--params", "400"), "500 to 200,000"),
        (("--params", "300000"), "500 to 200,000"),
        (("--macs", "1000"), "150,000"),
        (("--epochs", "20000"), "epochs"),
        (("--trials", "0"), "above 0"),
    ],
)
def test_what_no_search_can_do_is_wrong_usage(arguments: tuple[str, ...], word: str, tmp_path: Path) -> None:
    done = lab(*arguments, "--out", str(tmp_path / "none"))
    assert (done.returncode, done.stdout) == (2, "") and word in done.stderr


@pytest.mark.slow
def test_broken_journals_missing_data_and_full_disks(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text("hello\nworld\n")
    done = lab("--show", "--out", str(tmp_path / "none"))
    assert done.returncode == 2 and "no search has been begun" in done.stderr
    done = lab("--show", "--out", str(tmp_path))
    assert done.returncode == 2 and "Move it away" in done.stderr and "Traceback" not in done.stderr
    file = tmp_path / "file"
    file.touch()
    done = lab("--data", "synthetic", "--images", "50", "--out", str(file / "folder"))
    assert done.returncode == 1 and "folder" in done.stderr and "Traceback" not in done.stderr
    done = lab("--out", str(tmp_path / "new"), MNIST_LAB_DATA=str(file))
    assert done.returncode == 1 and "MNIST" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_full_disk_is_said_and_the_search_goes_on_afterwards(tmp_path: Path) -> None:
    small = "--data synthetic --params 700 --macs 200000 --images 50 --epochs 1 --trials 1 --out"
    command = f"ulimit -f 2; exec {sys.executable} -m mnist_core search {small} {tmp_path}"  # at 2 KiB a file
    full = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert full.returncode == 1 and "the same command goes on" in full.stderr, full.stderr
    assert "Traceback" not in full.stderr and (tmp_path / JOURNAL).stat().st_size == 2048
    done = lab(*small.split(), str(tmp_path), "--json")
    assert json.loads(done.stdout)["finished"] == 1 and "trial    1" in done.stderr
