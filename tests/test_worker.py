"""The worker: what it leaves behind is true, whole and enough to go on from, whatever ends it."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from mnist_core.architecture.spec import ModelSpec
from mnist_core.runs import checkpoint, locks, manage, record, store, wishes, worker
from mnist_core.runs.files import put_aside
from mnist_core.runs.store import Run, RunView
from mnist_core.runs.worker import Worker
from mnist_core.training import data, engine
from mnist_core.training.data import Dataset
from mnist_core.training.recipe import Recipe

SPEC = ModelSpec.from_json(
    json.dumps(
        {
            "name": "tiny",
            "layers": [
                {"kind": "conv2d", "out_channels": 6, "kernel_size": 5, "stride": 2},
                {"kind": "batch_norm2d"},
                {"kind": "relu"},
                {"kind": "dropout", "p": 0.1},
                {"kind": "flatten"},
                {"kind": "linear", "out_features": 10},
            ],
        }
    )
)
RECIPE = Recipe.from_dict(
    {
        "epochs": 3,
        "batch_size": 100,
        "optimizer": "adamw",
        "schedule": "one_cycle",
        "ema_decay": 0.9,
        "precision": "float32",
        "device": "cpu",
        "augmentation": {"rotation": 10, "translation": 0.1},
    }
)


@pytest.fixture(scope="module", autouse=True)
def one_thread_a_run() -> Iterator[None]:
    """Each training with one thread: several on a busy machine wait for each other most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNIST_LAB_MAX_RUNS", "1000")
        yield


@pytest.fixture(scope="module")
def few(rendered: Dataset) -> Dataset:
    images, labels = rendered.train_images[:4_000], rendered.train_labels[:4_000]
    return Dataset("synthetic", images, labels, rendered.test_images[:500], rendered.test_labels[:500])


@pytest.fixture(autouse=True)
def few_digits(few: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", lambda name, progress=None: few)


def new_run(root: Path, recipe: Recipe = RECIPE, spec: ModelSpec = SPEC) -> Run:
    return store.create(spec, recipe, "synthetic", root)


def work(run: Run) -> RunView:
    """A worker's whole life, in this process."""
    lock = locks.take(run / locks.WORKER_LOCK)
    assert lock is not None
    with lock:
        worker.work([Worker(run)])
    return store.read(run)


def when(condition: Callable[[], object], action: Callable[[], object]) -> threading.Thread:
    """Does something, in a thread, as soon as a condition holds (within a minute)."""

    def watch() -> None:
        deadline = time.monotonic() + 60
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.005)
        action()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def has_lines(run: Run) -> bool:
    path = run / store.METRICS
    return path.exists() and path.stat().st_size > 0


def without_times(lines: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


@pytest.fixture(scope="module")
def unbroken(few: Dataset, one_thread_a_run: None) -> tuple[list[dict[str, Any]], dict[str, torch.Tensor]]:
    """What an uninterrupted training gives: its epoch lines and its final weights."""
    torch.set_num_threads(locks.threads_a_run())
    state = engine.TrainingState.new(SPEC, RECIPE)
    events = [event.to_dict() for event in engine.train(state, few, interval=0)]
    return events, state.model_tensors()


def test_a_run_leaves_true_figures_and_a_checkpoint_that_has_them(
    tmp_path: Path, few: Dataset, unbroken: Any
) -> None:
    view = work(new_run(tmp_path))
    assert (view.state, view.status.message, view.status.progress) == ("done", "", 1.0)
    events, weights = unbroken
    assert without_times(view.epochs) == without_times(tuple(e for e in events if e["event"] == "epoch"))
    assert view.checkpoint
    saved = checkpoint.load(view.checkpoint)
    assert all(torch.equal(saved.tensors[name], weights[name]) for name in weights)
    loss, accuracy = engine.evaluate(saved.model(), few.test_images, few.test_labels, few)
    assert accuracy == saved.figures["test_accuracy"] == view.epochs[-1]["test_accuracy"]
    assert loss == pytest.approx(saved.figures["test_loss"], rel=1e-5)
    assert saved.figures == view.status.figures
    assert saved.figures["best_accuracy"] == max(line["test_accuracy"] for line in view.epochs)
    assert (saved.figures["epochs"], saved.figures["seed"], saved.figures["data"]) == (3, 1, "synthetic")
    left = {path.name for path in view.run.folder.iterdir()}
    assert not left & {worker.RESERVE, wishes.STOP, wishes.PAUSE}


def test_a_run_with_a_teacher(tmp_path: Path) -> None:
    taught = RECIPE.changed(epochs=1, teacher="record-seconds")
    view = work(new_run(tmp_path, taught))
    assert view.state == "done"
    assert (
        view.epochs[0]["train_loss"]
        != work(new_run(tmp_path, RECIPE.changed(epochs=1))).epochs[0]["train_loss"]
    )
    view = work(new_run(tmp_path, taught.changed(teacher="nobody")))
    assert view.state == "failed"
    assert "teacher" in view.status.message and "nobody.safetensors" in view.status.message


def test_every_step_line_is_one_of_the_training(tmp_path: Path, unbroken: Any) -> None:
    view = work(new_run(tmp_path))
    losses = {(e["epoch"], e["step"]): e["loss"] for e in unbroken[0] if e["event"] == "step"}
    assert view.steps and all(losses[line["epoch"], line["step"]] == line["loss"] for line in view.steps)


@pytest.mark.parametrize("pauses", [1, 4])
def test_a_paused_run_goes_on_as_if_nothing_had_happened(tmp_path: Path, unbroken: Any, pauses: int) -> None:
    run = new_run(tmp_path)
    lengths = []
    for _ in range(pauses):
        lengths.append(len(store.read(run).steps + store.read(run).epochs))
        watcher = when(lambda: has_lines(run), lambda: wishes.request_pause(run.folder))
        view = work(run)
        watcher.join()
        assert view.state == "paused" or len(lengths) > 1  # on a slow machine the last may come too late
        wishes.withdraw(run.folder)
    before = (run / store.METRICS).read_bytes()
    view = work(run)
    assert view.state == "done"
    assert (run / store.METRICS).read_bytes().startswith(before) and lengths == sorted(lengths)
    events, weights = unbroken
    assert without_times(view.epochs) == without_times(tuple(e for e in events if e["event"] == "epoch"))
    saved = checkpoint.load(run / store.CHECKPOINT)
    assert all(torch.equal(saved.tensors[name], weights[name]) for name in weights)
    moments = [(line["epoch"], line["step"]) for line in view.steps]
    assert moments == sorted(set(moments))


def test_a_lost_tail_of_the_state_is_trained_again_without_a_doubled_line(
    tmp_path: Path, unbroken: Any
) -> None:
    run = new_run(tmp_path)
    early = tmp_path / "early"
    copier = when(
        (run / store.STATE).exists, lambda: shutil.copy(run / store.STATE, early)
    )  # the state after the first event
    work(run)
    copier.join()
    shutil.copy(early, run / store.STATE)  # as a kill -9 would leave it: metrics far ahead of the state
    before = (run / store.METRICS).read_bytes()
    (run / store.METRICS).write_bytes(before[:-7])  # and the last line torn
    (run / store.CHECKPOINT).unlink()
    view = work(run)
    assert view.state == "done"
    epochs = [line["epoch"] for line in view.epochs]
    assert epochs == [1, 2, 3]
    saved = checkpoint.load(run / store.CHECKPOINT)
    assert all(torch.equal(saved.tensors[name], unbroken[1][name]) for name in unbroken[1])


class Killed(BaseException):
    """Stands for kill -9: nothing of the worker's own is done after it."""


def kill_at(monkeypatch: pytest.MonkeyPatch, run: Run, method: str, when: Callable[[Any], object]) -> None:
    """Let the run's worker begin its work, and kill it after the recorder's `method` as soon as `when`."""
    whole = getattr(record._Recorder, method)

    def cut(self: Any, *arguments: Any) -> None:
        whole(self, *arguments)
        if when(self.state):
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(record._Recorder, method, cut)
        with pytest.raises(Killed):
            work(run)
    assert store.read(run).state == "interrupted"


def test_a_rate_changed_after_a_crash_holds_from_the_last_line_on_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "LOOK_EVERY", 0.0)
    run = new_run(tmp_path, RECIPE.changed(schedule="none", epochs=2))
    kill_at(monkeypatch, run, "_after_step", lambda state: (state.epoch, state.step) == (1, 9))
    assert len(store.read(run).steps) == 49  # far ahead of the state, which is that of the first event
    manage.change_rate(run, 0.1)
    view = work(run)
    assert [(line["epoch"], line["step"], line["scale"]) for line in view.rates] == [(2, 9, 0.1)]
    moments = [(line["epoch"], line["step"]) for line in view.steps]
    assert moments == [(epoch, step) for epoch in (1, 2) for step in range(1, 41)]
    assert [line["learning_rate"] for line in view.steps] == pytest.approx([0.01] * 49 + [0.001] * 31)
    assert view.status.figures["rate_changes"] == list(view.rates)
    manage.change_rate(run, 5)  # too late: nothing is trained at it
    manage._add_epochs(run, 1, 0.002)
    view = work(run)
    assert view.epochs[-1]["learning_rate"] == 0.002
    assert [line["scale"] for line in view.rates] == [0.1, 1]


def test_a_worker_killed_after_its_last_state_leaves_the_last_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(tmp_path)
    kill_at(monkeypatch, run, "_save_state", lambda state: state.finished)
    view = work(run)
    assert view.state == "done" and view.checkpoint
    assert view.status.figures == checkpoint.describe(view.checkpoint).figures
    assert view.status.figures["epochs"] == 3
    (run / store.STATUS).write_bytes(b"")  # what a power cut may leave
    assert work(run).status.figures == view.status.figures


def test_the_last_status_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[str, bool]] = []
    monkeypatch.setattr(
        store, "write_status", lambda run, status, durable=False: written.append((status.state, durable))
    )
    run = new_run(tmp_path)
    wishes.request_stop(run.folder)
    work(run)
    assert written[-1] == ("stopped", True)


@pytest.mark.skipif(os.name == "nt", reason="a folder cannot be synced there")
def test_a_power_cut_finds_on_the_disk_what_is_relied_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All lines, and what is renamed, are synced first, then the folder; a wish goes after its line."""
    run = new_run(tmp_path, RECIPE.changed(epochs=2))
    manage.change_rate(run, 0.5)
    journal = run / store.METRICS
    synced: dict[int, int] = {}  # bytes on the disk by inode
    renamed: list[str] = []
    sync, rename, forget = os.fsync, os.replace, wishes.rate_is_met

    def fsync(descriptor: int) -> None:
        file = os.fstat(descriptor)
        synced[file.st_ino] = file.st_size
        sync(descriptor)
        if file.st_ino == run.folder.stat().st_ino:
            renamed.clear()

    def is_synced(path: Path) -> bool:
        return synced.get(path.stat().st_ino) == path.stat().st_size

    def replace_(source: Path, target: Path) -> None:
        if target.name in (store.CHECKPOINT, store.STATE):
            assert is_synced(source) and (is_synced(journal) or not journal.stat().st_size)
            assert not renamed, "the one before is not on the disk"
            renamed.append(target.name)
        rename(source, target)

    def rate_is_met(folder: Path, scale: float) -> None:
        assert is_synced(journal) and not renamed
        forget(folder, scale)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace_)
    monkeypatch.setattr(wishes, "rate_is_met", rate_is_met)
    view = work(run)
    assert view.state == "done" and view.rates and not renamed
    assert all(is_synced(run / name) for name in (store.METRICS, store.CHECKPOINT, store.STATE))


def test_too_little_memory_has_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "started", lambda *arguments: torch.empty(10**15))
    view = work(new_run(tmp_path))
    assert view.state == "failed"
    assert "can't allocate memory" in view.status.message and "smaller batch size" in view.status.message


def test_another_fault_of_the_program_is_none_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "started", lambda *arguments: torch.zeros(2) @ torch.zeros(3))
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        work(new_run(tmp_path))


def test_a_stop_keeps_what_is_there(tmp_path: Path) -> None:
    run = new_run(tmp_path, RECIPE.changed(epochs=1000))
    watcher = when((run / store.CHECKPOINT).exists, lambda: wishes.request_stop(run.folder))
    view = work(run)
    watcher.join()
    assert view.state == "stopped" and view.epochs and view.status.saved_epoch >= 2
    assert checkpoint.load(run / store.CHECKPOINT).figures["epochs"] == len(view.epochs)


def test_a_stop_in_the_first_epoch_keeps_the_weights_of_the_moment(
    tmp_path: Path, few: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Oracle: the same training in this process, after the same step. There is no accuracy to tell yet."""
    monkeypatch.setattr(record, "LOOK_EVERY", 0.0)
    run, whole = new_run(tmp_path), record._Recorder._after_step

    def stop_after(self: Any, event: Any) -> None:
        whole(self, event)
        if event.step == 7:
            wishes.request_stop(run.folder)

    with monkeypatch.context() as patch:
        patch.setattr(record._Recorder, "_after_step", stop_after)
        view = work(run)
    assert view.state == "stopped" and view.checkpoint and "epochs" not in view.status.figures
    saved = checkpoint.load(view.checkpoint)
    assert not saved.figures.keys() & {"epochs", "test_accuracy", "best_accuracy"}
    torch.set_num_threads(locks.threads_a_run())
    state = engine.TrainingState.new(SPEC, RECIPE)
    for _ in zip(range(7), engine.train(state, few, interval=0), strict=False):
        pass
    assert all(torch.equal(saved.tensors[name], tensor) for name, tensor in state.model_tensors().items())
    assert work(run).epochs[0]["epoch"] == 1


def test_a_stop_before_the_start_ends_it_there(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    wishes.request_stop(run.folder)
    view = work(run)
    assert view.state == "stopped" and view.steps == () and view.checkpoint is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_ends_the_run_with_a_word(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    (run / store.METRICS).symlink_to("/dev/full")
    view = work(run)
    assert view.state == "failed"
    assert "metrics.jsonl: the disk is full (No space left on device)" in view.status.message
    (run / store.METRICS).unlink()
    assert work(run).state == "done"


def test_a_full_disk_in_the_middle_loses_nothing_that_was_written(tmp_path: Path, unbroken: Any) -> None:
    import resource

    run = new_run(tmp_path)
    (run / store.LOG).write_bytes(b"")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = 40_000  # bytes a file may have: a checkpoint fits, a state does not

    def shrink() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))

    watcher = when((run / store.CHECKPOINT).exists, shrink)
    try:
        view = work(run)
        watcher.join()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert view.state == "failed" and "the disk is full (File too large)" in view.status.message
    assert checkpoint.load(run / store.CHECKPOINT).figures["epochs"] >= 1
    before = (run / store.METRICS).read_bytes()
    view = work(run)
    assert view.state == "done" and (run / store.METRICS).read_bytes().startswith(before)
    saved = checkpoint.load(run / store.CHECKPOINT)
    assert all(torch.equal(saved.tensors[name], unbroken[1][name]) for name in unbroken[1])


def test_a_deleted_folder_ends_the_worker_and_stays_deleted(tmp_path: Path) -> None:
    run = new_run(tmp_path, RECIPE.changed(epochs=1000))

    def delete() -> None:
        while run.folder.exists():
            shutil.rmtree(run.folder, ignore_errors=True)

    watcher = when(lambda: has_lines(run), delete)
    work(run)
    watcher.join()
    assert store.read(run).state == "deleted" and not run.folder.exists()


def test_a_loss_that_is_no_number_names_the_likely_cause(tmp_path: Path) -> None:
    wild = Recipe.from_dict({"epochs": 2, "learning_rate": 100, "device": "cpu", "precision": "float32"})
    spec = SPEC.model_copy(update={"layers": SPEC.layers[:1] + SPEC.layers[4:]})
    view = work(new_run(tmp_path, wild, spec))
    assert view.state == "failed" and "learning rate" in view.status.message


def test_a_design_for_other_images_is_refused_with_a_word(tmp_path: Path) -> None:
    view = work(new_run(tmp_path, spec=SPEC.model_copy(update={"input_shape": (3, 32, 32)})))
    assert view.state == "failed" and "input_shape" in view.status.message


def spoil(state: Path, how: str) -> None:
    """Lose a state in one of three ways."""
    if how == "missing":
        state.unlink()
    else:
        state.write_bytes(b"\x80\x02not a state" if how == "broken" else state.read_bytes()[:-1000])


@pytest.mark.parametrize("how", ["missing", "broken", "cut short"])
def test_a_run_without_its_state_begins_again_and_keeps_what_was_there(tmp_path: Path, how: str) -> None:
    """Else its first checkpoint would have the figures of the last epoch before."""
    run = new_run(tmp_path, RECIPE.changed(epochs=1))
    work(run)
    for number in (1, 2):  # the second time overwrites nothing of the first
        lines, weights = (run / store.METRICS).read_bytes(), (run / store.CHECKPOINT).read_bytes()
        spoil(run / store.STATE, how)
        view = work(run)
        assert view.state == "done" and [line["epoch"] for line in view.epochs] == [1]
        assert (run / f"metrics.before-{number}.jsonl").read_bytes() == lines
        assert (run / f"checkpoint.before-{number}.safetensors").read_bytes() == weights
        assert f"metrics.before-{number}.jsonl" in (run / store.LOG).read_text()
    assert view.status.figures["test_accuracy"] == view.epochs[0]["test_accuracy"]
    assert view.checkpoint and checkpoint.describe(view.checkpoint).figures == view.status.figures
    with zipfile.ZipFile(io.BytesIO(manage.archive(run))) as packed:
        assert f"{run.name}/metrics.before-2.jsonl" in packed.namelist()


def test_a_worker_killed_while_it_puts_aside_has_its_work_done_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(tmp_path, RECIPE.changed(epochs=1))
    work(run)
    lines = (run / store.METRICS).read_bytes()
    spoil(run / store.STATE, "cut short")

    def cut(path: Path) -> Path:
        if path.name == store.METRICS:
            raise Killed
        return put_aside(path)

    with monkeypatch.context() as patch:
        patch.setattr(record, "put_aside", cut)
        with pytest.raises(Killed):
            work(run)
    view = store.read(run)
    assert view.state == "interrupted" and "Resume starts it again" in view.status.message
    assert (view.status.saved_epoch, view.status.figures, view.status.progress) == (0, {}, 0.0)
    assert (run / store.METRICS).read_bytes() == lines
    assert work(run).state == "done"
    assert (run / "metrics.before-1.jsonl").read_bytes() == lines
    assert (run / "checkpoint.before-1.safetensors").exists()


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.EACCES])
def test_a_state_that_cannot_be_read_now_is_no_lost_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    run = new_run(tmp_path)
    kill_at(monkeypatch, run, "_save_state", lambda state: state.epoch == 1)
    kept = {name: (run / name).read_bytes() for name in (store.METRICS, store.CHECKPOINT, store.STATE)}
    saved_epoch, whole = store.read(run).status.saved_epoch, Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == store.STATE:
            raise OSError(number, os.strerror(number), str(path))
        return whole(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        view = work(run)
    assert view.state == "failed" and view.status.saved_epoch == saved_epoch
    assert f"cannot be read now ({os.strerror(number)}). Nothing is lost: resume later" in view.status.message
    assert {name: (run / name).read_bytes() for name in kept} == kept
    view = work(run)
    assert view.state == "done" and (run / store.METRICS).read_bytes().startswith(kept[store.METRICS])


@pytest.mark.parametrize("how", ["missing", "broken"])
def test_epochs_are_not_added_to_a_state_that_is_lost(tmp_path: Path, how: str) -> None:
    run = new_run(tmp_path, RECIPE.changed(epochs=1))
    before = work(run)
    manage._add_epochs(run, 1, 0.002)
    kept = {name: (run / name).read_bytes() for name in (store.METRICS, store.CHECKPOINT)}
    spoil(run / store.STATE, how)
    view = work(run)
    assert view.state == "failed" and "no epochs can be added" in view.status.message
    assert {name: (run / name).read_bytes() for name in kept} == kept
    assert view.status.figures == before.status.figures


def test_the_weights_of_the_moment_can_be_watched_and_are_those_of_their_step(
    few: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Oracle: the same training in this process, looked at after the step that the file names."""
    monkeypatch.setattr(record, "SHOW_EVERY", 0.0)
    monkeypatch.setattr(record, "LOOK_EVERY", 0.01)
    torch.set_num_threads(locks.threads_a_run())
    run, copy = new_run(tmp_path), tmp_path / "seen"

    def is_seen() -> bool:
        with suppress(OSError):
            shutil.copy(run / store.LATEST, copy)
        return copy.exists() and int(checkpoint.describe(copy).figures["step"]) > 1

    watcher = when(is_seen, lambda: None)
    assert work(run).state == "done"
    watcher.join()
    assert not (run / store.LATEST).exists()
    seen = checkpoint.load(copy)
    state = engine.TrainingState.new(SPEC, RECIPE)
    for event in engine.train(state, few, interval=0):
        if isinstance(event, engine.StepEvent) and (event.epoch, event.step) == (
            seen.figures["epoch"],
            seen.figures["step"],
        ):
            break
    weights = state.model_tensors()
    assert all(torch.equal(seen.tensors[name], weights[name]) for name in weights)


def test_what_cannot_be_shown_does_not_end_a_run(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    (run / store.LATEST).mkdir()  # nothing can take its place
    assert work(run).state == "done"


def test_weights_that_a_killed_worker_left_are_not_shown_again(tmp_path: Path) -> None:
    run = new_run(tmp_path, RECIPE.changed(epochs=1000))
    (run / store.LATEST).write_bytes(b"old")
    watcher = when(lambda: has_lines(run), lambda: wishes.request_pause(run.folder))
    assert work(run).state == "paused"
    watcher.join()
    assert not (run / store.LATEST).exists()


def test_the_command_wants_a_run_folder_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert worker.main([]) == 2 and worker.main([str(tmp_path)]) == 2
    assert "request.json" in capsys.readouterr().err


def test_each_run_of_a_worker_that_waits_can_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_LAB_MAX_RUNS", "1")
    runs = [new_run(tmp_path, RECIPE.changed(epochs=1, seed=seed)) for seed in (1, 2, 3)]
    seen: list[tuple[str, str]] = []
    occupied = threading.Event()

    def occupy() -> None:
        """The only slot, from before they come until the second has been stopped."""
        slot = locks.take_turn(tmp_path / "another").share
        occupied.set()
        when(lambda: store.read(runs[2]).status.message, lambda: wishes.request_stop(runs[1].folder)).join()
        when(lambda: store.read(runs[1]).state == "stopped", lambda: None).join()
        seen.extend((view.state, view.status.message) for view in map(store.read, runs))
        assert slot
        slot.release()

    another = threading.Thread(target=occupy)
    another.start()
    assert occupied.wait(10)
    assert worker.main([str(run.folder) for run in runs]) == 0
    another.join()
    assert seen == [("queued", "Next in the queue"), ("stopped", ""), ("queued", "Next in the queue")]
    assert [store.read(run).state for run in runs] == ["done", "stopped", "done"]
    assert all(store.read(run).status.waited > 0 for run in runs)


def test_several_runs_of_one_worker_give_what_each_gives_alone(tmp_path: Path, unbroken: Any) -> None:
    """Also where one of them fails, one is stopped and one deleted."""
    runs = [new_run(tmp_path), new_run(tmp_path, RECIPE.changed(seed=2))]
    odd = [
        new_run(tmp_path, spec=SPEC.model_copy(update={"input_shape": (3, 32, 32)})),
        new_run(tmp_path, RECIPE.changed(epochs=1000)),
        new_run(tmp_path, RECIPE.changed(epochs=1000)),
    ]
    stop = when(lambda: has_lines(odd[1]), lambda: wishes.request_stop(odd[1].folder))
    delete = when(lambda: has_lines(odd[2]), lambda: shutil.rmtree(odd[2].folder, ignore_errors=True))
    assert worker.main([str(run.folder) for run in (*runs, *odd)]) == 1
    stop.join()
    delete.join()
    states = [store.read(run).state for run in (*runs, *odd[:2])]
    assert states == ["done", "done", "failed", "stopped"]
    events, weights = unbroken
    view = store.read(runs[0])
    assert without_times(view.epochs) == without_times(tuple(e for e in events if e["event"] == "epoch"))
    saved = checkpoint.load(runs[0] / store.CHECKPOINT)
    assert all(torch.equal(saved.tensors[name], weights[name]) for name in weights)
    assert store.read(runs[1]).epochs[-1]["test_loss"] != view.epochs[-1]["test_loss"]
    assert all("epoch 3: test accuracy 0." in (run / store.LOG).read_text() for run in runs)
    assert all(locks.take(run / locks.WORKER_LOCK) for run in runs), "they hold nothing any more"
