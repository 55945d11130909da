"""What a person may do to a run: more seeds, another name or rate, more epochs, a zip, the end of it."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import threading
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from mnist_core.architecture.spec import ModelSpec
from mnist_core.runs import checkpoint, launch, locks, manage, store, wishes, words
from mnist_core.runs.figures import figures_of
from mnist_core.runs.status import Status
from mnist_core.runs.store import Run, RunError, RunView
from mnist_core.runs.verdict import verdict
from mnist_core.training import data, engine
from mnist_core.training.recipe import Recipe

SPEC = ModelSpec.from_json(
    '{"name": "tiny", "layers": [{"kind": "max_pool2d", "kernel_size": 4}, {"kind": "flatten"}, '
    '{"kind": "linear", "out_features": 10}]}'
)
RECIPE = Recipe.from_dict({"epochs": 2, "batch_size": 500, "device": "cpu", "precision": "float32"})


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return store.create(SPEC, RECIPE, "synthetic", tmp_path)


def ended(run: Run, state: str = "done") -> RunView:
    deadline = time.monotonic() + 120
    while (view := store.read(run)).alive:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert view.state == state, view.status.message
    return view


def test_a_label_is_shown_instead_of_the_design_and_taken_away_again(run: Run) -> None:
    assert store.read(run).title == "tiny"
    manage.rename(run, "  my \n best  ")
    assert store.read(run).title == "my best"
    manage.rename(run, "x" * 500)
    assert len(store.read(run).label) == store.LABEL_LENGTH
    manage.rename(run, "")
    assert store.read(run).title == "tiny"
    shutil.rmtree(run.folder)
    with pytest.raises(RunError, match="cannot be renamed"):
        manage.rename(run, "gone")


@pytest.mark.parametrize("scale", [0, -1, 1e4, float("nan"), float("inf")])
def test_a_rate_out_of_bounds_is_refused(run: Run, scale: float) -> None:
    with pytest.raises(RunError, match="factor on the learning rate"):
        manage.change_rate(run, scale)
    assert not (run / wishes.RATE).exists()


def unpacked(run: Run) -> dict[str, bytes]:
    """What the run's zip holds, by name."""
    with zipfile.ZipFile(io.BytesIO(manage.archive(run))) as packed:
        assert packed.testzip() is None
        return {name.removeprefix(f"{run.name}/"): packed.read(name) for name in packed.namelist()}


def test_a_zip_holds_the_run_and_no_locks(run: Run) -> None:
    (run / locks.WORKER_LOCK).touch()
    manage.rename(run, "my best")
    os.utime(run / store.REQUEST, (0, 0))  # a clock that stood
    found = unpacked(run)
    assert set(found) == {store.REQUEST, store.STATUS, store.LABEL, "net.py", "report.md"}
    assert found[store.REQUEST] == (run / store.REQUEST).read_bytes()
    assert found["report.md"].startswith(b"# my best\n") and b"No epoch has ended." in found["report.md"]


def test_a_zip_of_a_finished_run_can_be_handed_in(tmp_path: Path) -> None:
    run = store.create(SPEC, RECIPE.changed(epochs=3), "mnist", tmp_path)
    epochs = [
        {"event": "epoch", "epoch": number, "seconds": 30.0, "learning_rate": 0.01, "train_loss": 0.1}
        | {"train_accuracy": 0.99, "test_loss": 0.02, "test_accuracy": accuracy}
        for number, accuracy in enumerate((0.99, 0.9951, 0.9947), 1)
    ]
    (run / store.METRICS).write_text("".join(json.dumps(line) + "\n" for line in epochs))
    facts = {"test_images": 10_000, "precision": "bfloat16"}
    status = Status("done", seconds=91.0, device="CPU", threads=2, figures=figures_of(epochs, facts))
    store.write_status(run, status)
    found = {name: content.decode() for name, content in unpacked(run).items()}
    assert found["log.txt"] == words.notebook_log(store.read(run)) and "(99.51%)" in found["log.txt"]
    names: dict[str, Any] = {"__name__": "net"}
    exec(found["net.py"], names)  # as the one who gets it would run it
    params = sum(parameter.numel() for parameter in names["Net"]().parameters())
    assert params == 500 and "500 params" in found["report.md"]
    assert "| 3 | linear out_features 10 | 10 | 500 | 28 |" in found["report.md"]
    assert "seed 1 · CPU, 2 threads · 91 s · done, 3 of 3 epochs" in found["report.md"]
    assert f"| test, last epoch | 99.47 % | {words.interval(0.9947, 10_000)} |" in found["report.md"]
    assert "| test, best epoch (2) | 99.51 % |" in found["report.md"]
    met = "99.4 % was met in 2 of 3 epochs, first in epoch 2 after 60 s; held in 2 of the last 3."
    assert met in found["report.md"]
    assert verdict(epochs, RECIPE, SPEC).text in found["report.md"]
    assert "| precision | bfloat16 |" in found["report.md"]


@pytest.mark.parametrize("broken", [b"", b"{", b'{"spec": {"layers": 3}, "recipe": {"epochs": 2}}'])
def test_a_zip_of_a_broken_run_leaves_out_what_is_missing(run: Run, broken: bytes) -> None:
    (run / store.REQUEST).write_bytes(broken)
    (run / store.METRICS).write_bytes(b'{"event": "epoch", "epoch": null, "test_accuracy": "x"}\n{"eve')
    store.write_status(run, Status("failed", figures={"test_accuracy": "x", "target_seconds": []}))
    assert set(unpacked(run)) == {store.REQUEST, store.STATUS, store.METRICS, "log.txt"}


def test_a_report_leaves_out_figures_that_are_none(run: Run) -> None:
    (run / store.METRICS).write_bytes(b'{"event": "epoch", "epoch": null, "test_accuracy": 0.5}\n{"eve')
    store.write_status(run, Status("failed", figures={"test_accuracy": "x", "test_images": "y"}))
    found = unpacked(run)
    assert b"No epoch has ended." in found["report.md"] and b"(50.00%)" in found["log.txt"]


def test_delete_refuses_while_the_worker_lives(
    run: Run, holder: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="Stop it first"):
        manage.delete(run)
    holder.kill()
    holder.wait()
    manage.delete(run)
    assert store.list_runs(tmp_path) == () and os.listdir(tmp_path) == []
    manage.delete(run)


@pytest.mark.parametrize("seeds", [0, 33])
def test_too_many_seeds_are_refused_before_anything_starts(seeds: int, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="it must be 1 to 32"):
        manage.start_seeds(SPEC, RECIPE, "synthetic", seeds, tmp_path)
    assert store.list_runs(tmp_path) == ()


def test_all_seeds_are_on_their_way_before_one_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, str]] = []

    def spawn(runs: Sequence[Run]) -> None:
        done.extend(("launched", run.name) for run in runs)

    monkeypatch.setattr(launch, "_spawn", spawn)
    monkeypatch.setattr(launch, "_await_life", lambda run, child: done.append(("alive", run.name)))
    names = [run.name for run in manage.start_seeds(SPEC, RECIPE, "synthetic", 3, tmp_path)]
    assert done == [(what, name) for what in ("launched", "alive") for name in names]


def test_seeds_that_cannot_all_be_started_leave_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RunError, match=r"2 seeds from 2147483647 on: .*\n  seed: is 2147483648"):
        manage.start_seeds(SPEC, RECIPE.changed(seed=2**31 - 1), "synthetic", 2, tmp_path)
    assert os.listdir(tmp_path) == []
    whole, enqueue = store.create, locks.enqueue
    called: list[object] = []

    def third_fails(function: Callable[..., Run | None]) -> Callable[..., Run | None]:
        def one(*arguments: Any, **more: Any) -> Run | None:
            called.append(arguments)
            if len(called) % 3 == 0:
                raise RunError("no space") if function is whole else OSError(28, "no space")
            return function(*arguments, **more)

        return one

    for place, name, function in ((store, "create", whole), (locks, "enqueue", enqueue)):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, third_fails(function))
            with pytest.raises(RunError, match="no space"):
                manage.start_seeds(SPEC, RECIPE, "synthetic", 4, tmp_path)
        assert store.list_runs(tmp_path) == () and not [*tmp_path.glob("2*")]


@pytest.mark.slow
def test_several_seeds_are_runs_of_one_group(tmp_path: Path) -> None:
    runs = manage.start_seeds(SPEC, RECIPE, "synthetic", 2, tmp_path)
    views = [ended(run) for run in runs]
    assert [view.recipe.seed for view in views if view.recipe] == [1, 2]
    assert [view.group for view in views] == ["", runs[0].name]
    assert views[0].epochs[-1]["test_loss"] != views[1].epochs[-1]["test_loss"]


def test_of_two_tabs_that_add_epochs_at_once_one_does(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_LAB_MAX_RUNS", "1")
    (tmp_path / "other").mkdir()
    held = locks.take(tmp_path / "other" / locks.WORKER_LOCK)
    slot = locks.take_turn(tmp_path / "other").share  # the only slot is taken: no worker trains
    store.write_status(run, Status(state="done"))
    (run / store.STATE).touch()
    request = (run / store.REQUEST).read_bytes()
    other_tab = locks.take(run / locks.LAUNCH_LOCK)
    assert other_tab
    with pytest.raises(RunError, match="being worked on already"):
        manage.train_more(run, 1, 0.001)
    other_tab.release()
    assert store.read(run).state == "done" and (run / store.REQUEST).read_bytes() == request
    outcomes: dict[int, str] = {}

    def press(epochs: int) -> None:
        try:
            manage.train_more(run, epochs, 0.001)
            outcomes[epochs] = "added"
        except RunError as error:
            outcomes[epochs] = str(error)

    tabs = [threading.Thread(target=press, args=(epochs,)) for epochs in (1, 2, 3, 4)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    wishes.request_stop(run.folder)
    recipe = ended(run, "stopped").recipe
    assert recipe and [outcomes[more.epochs] for more in recipe.more] == ["added"]
    refused = [said for said in outcomes.values() if said != "added"]
    assert len(refused) == 3 and all("being worked on already" in said for said in refused)
    assert held and slot


def test_epochs_are_not_added_where_the_state_is_missing(run: Run) -> None:
    store.write_status(run, Status(state="done"))
    kept = {name: (run / name).read_bytes() for name in (store.REQUEST, store.STATUS)}
    with pytest.raises(RunError, match=r"state\.safetensors.* is missing"):
        manage.train_more(run, 1, 0.001)
    assert {name: (run / name).read_bytes() for name in kept} == kept
    assert not (run / wishes.RATE).exists()


@pytest.mark.slow
def test_more_epochs_equal_a_run_that_had_them_from_the_start(tmp_path: Path) -> None:
    run = store.create(SPEC, RECIPE, "synthetic", tmp_path)
    with pytest.raises(RunError, match="only a run that is done"):
        manage.train_more(run, 1, 0.001)
    launch.start(run)
    first = ended(run)
    for epochs, rate in ((0, 0.1), (1, 0), (1, 1e9)):
        with pytest.raises(RunError, match="cannot be given"):
            manage.train_more(run, epochs, rate)
    manage.train_more(run, 2, 0.001)
    view = ended(run)
    assert view.epochs[:2] == first.epochs and len(view.epochs) == 4
    assert [line["learning_rate"] for line in view.epochs] == [0.01, 0.01, 0.001, 0.001]
    threads = torch.get_num_threads()
    torch.set_num_threads(view.status.threads)
    assert view.recipe is not None and view.recipe.total_epochs == 4
    state = engine.TrainingState.new(SPEC, view.recipe)
    list(engine.train(state, data.load("synthetic")))
    torch.set_num_threads(threads)
    saved = checkpoint.load(run / store.CHECKPOINT)
    assert all(torch.equal(saved.tensors[name], tensor) for name, tensor in state.model_tensors().items())
    assert saved.recipe == view.recipe and saved.figures["epochs"] == 4


@pytest.mark.slow
def test_a_rate_changed_by_hand_holds_from_there_on_and_is_told(tmp_path: Path) -> None:
    run = store.create(SPEC, RECIPE, "synthetic", tmp_path)
    manage.change_rate(run, 0.5)
    launch.start(run)
    view = ended(run)
    assert [line["learning_rate"] for line in view.epochs] == [0.005, 0.005]
    assert [(line["epoch"], line["step"], line["scale"]) for line in view.rates] == [(1, 0, 0.5)]
    assert wishes.wished_rate(run.folder) is None
    assert checkpoint.load(run / store.CHECKPOINT).figures["rate_changes"][0]["scale"] == 0.5
    manage.train_more(run, 1, 0.002)  # added epochs have the rate that they are given
    assert ended(run).epochs[-1]["learning_rate"] == 0.002
    manage.change_rate(run, 0.1)  # asked for too late, and not meant for what is added then
    manage.train_more(run, 1, 0.002)
    assert ended(run).epochs[-1]["learning_rate"] == 0.002
