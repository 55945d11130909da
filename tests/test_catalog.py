import os
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.text import from_text
from mnist_core.probe import catalog
from mnist_core.runs import checkpoint, manage, store, words
from mnist_core.training.recipe import Recipe
from pages.parts.guess import about
from tests.test_inference import SPEC, untrained


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    monkeypatch.setattr(catalog, "shipped_folder", lambda: folder)
    return folder


def test_runs_that_have_a_checkpoint_first_then_what_ships(shipped: Path, runs_folder: Path) -> None:
    assert catalog.entries() == ()
    first, second = (store.create(SPEC, Recipe(epochs=1), "synthetic") for _ in range(2))
    trained = replace(untrained(SPEC), figures={"test_accuracy": 0.97, "data": "synthetic"})
    checkpoint.save(second / store.CHECKPOINT, trained)
    checkpoint.save(shipped / "small.safetensors", untrained(SPEC))
    run, own = catalog.entries()
    assert (own.key, own.shipped, own.accuracy, own.data) == ("shipped/small", True, 0.1, "unknown data")
    assert (run.key, run.shipped) == (f"runs/{second.name}", False)
    assert (run.params, run.accuracy, run.data) == (analyze(SPEC).params, 0.97, "synthetic")
    checkpoint.save(first / store.CHECKPOINT, untrained(SPEC))
    checkpoint.save(shipped / "a.safetensors", untrained(from_text("conv2s4 relu gap flat fc10", "tiny")))
    keys = [entry.key for entry in catalog.entries()]
    assert keys[2:] == ["shipped/small", "shipped/a"], "the largest first"
    assert keys[:2] == [f"runs/{view.run.name}" for view in store.list_runs()], "the newest first"


def test_runs_have_the_name_that_train_has_and_no_two_read_alike(shipped: Path, runs_folder: Path) -> None:
    def trained(seed: int, name: str = "my net") -> store.Run:
        run = store.create(from_text("flat fc10", name), Recipe(epochs=1, seed=seed), "synthetic")
        checkpoint.save(run / store.CHECKPOINT, untrained(from_text("flat fc10", name)))
        return run

    def name_of(run: store.Run) -> str:
        return next(entry.name for entry in catalog.entries() if entry.key == f"runs/{run.name}")

    checkpoint.save(shipped / "a.safetensors", untrained(from_text("flat fc10", "task-2")))
    one = trained(1)
    assert name_of(one) == "my net"
    twin, seed, other = trained(1), trained(2), trained(1, "task-2")
    when = words.when(store.read(one))
    assert name_of(other) == f"task-2 · {when}", "not as what ships"
    assert name_of(seed) == f"my net · {when} · seed 2"
    assert name_of(twin) == f"my net · {when} · seed 1 · {twin.name[-3:]}"
    manage.rename(twin, "my best try")
    assert (name_of(twin), name_of(one)) == ("my best try", f"my net · {when} · seed 1")


def test_one_of_several_seeds(shipped: Path, runs_folder: Path) -> None:
    for seeds in (5, 1, None, "5", 1e400):
        figures = {"test_accuracy": 0.99744, "seeds": seeds}
        checkpoint.save(shipped / "a.safetensors", replace(untrained(SPEC), figures=figures))
        (entry,) = catalog.entries()
        assert entry.seeds == (5 if seeds == 5 else 1)
        assert about(entry)[1] == ("99.74 %, 1 of 5 seeds" if seeds == 5 else "99.74 %")


def test_a_new_epoch_is_seen(shipped: Path, runs_folder: Path) -> None:
    run = store.create(SPEC, Recipe(epochs=1), "synthetic")
    checkpoint.save(run / store.CHECKPOINT, untrained(SPEC))
    assert catalog.entries()[0].accuracy == 0.1
    checkpoint.save(run / store.CHECKPOINT, replace(untrained(SPEC), figures={"test_accuracy": 0.9}))
    os.utime(run / store.CHECKPOINT, ns=(1, 1))
    assert catalog.entries()[0].accuracy == 0.9


def test_broken_files_are_left_out_and_odd_figures_are_unknown(shipped: Path, runs_folder: Path) -> None:
    (shipped / "broken.safetensors").write_bytes(b"\x00" * 50)
    (shipped / "notes.txt").write_text("not a checkpoint")
    for number, odd in enumerate(("99 %", True, 7.5, None)):
        odd_one = replace(untrained(SPEC), figures={"test_accuracy": odd})
        checkpoint.save(shipped / f"odd-{number}.safetensors", odd_one)
    assert [entry.accuracy for entry in catalog.entries()] == [None] * 4


def test_many_files_are_read_once(shipped: Path, runs_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, read = checkpoint.to_bytes(untrained(SPEC)), []
    for number in range(300):
        (shipped / f"net-{number}.safetensors").write_bytes(data)
    describe = catalog.describe
    monkeypatch.setattr(catalog, "describe", lambda path: read.append(path) or describe(path))
    assert len(catalog.entries()) == len(catalog.entries()) == len(read) == 300


def test_what_ships_is_found_without_a_look_at_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [entry for entry in catalog.entries() if entry.shipped]
    monkeypatch.delattr(store, "list_runs")
    assert list(catalog.shipped_entries()) == expected != []


def test_what_ships_is_found() -> None:
    assert all(entry.path.is_file() for entry in catalog.entries() if entry.shipped)
    assert catalog.shipped_folder().name == "checkpoints"
