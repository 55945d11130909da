import os
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.text import from_text
from mnist_core.probe import catalog
from mnist_core.runs import checkpoint, store
from mnist_core.training.recipe import Recipe
from tests.test_inference import SPEC, untrained


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    monkeypatch.setattr(catalog, "shipped_folder", lambda: folder)
    return folder


def test_shipped_first_then_runs_that_have_a_checkpoint(shipped: Path, runs_folder: Path) -> None:
    assert catalog.entries() == ()
    first, second = (store.create(SPEC, Recipe(epochs=1), "synthetic") for _ in range(2))
    trained = replace(untrained(SPEC), figures={"test_accuracy": 0.97, "data": "synthetic"})
    checkpoint.save(second / store.CHECKPOINT, trained)
    checkpoint.save(shipped / "small.safetensors", untrained(SPEC))
    own, run = catalog.entries()
    assert (own.key, own.shipped, own.accuracy, own.data) == ("shipped/small", True, 0.1, "unknown data")
    assert (run.key, run.shipped) == (f"runs/{second.name}", False)
    assert (run.name, run.params, run.accuracy, run.data) == (
        "small",
        analyze(SPEC).params,
        0.97,
        "synthetic",
    )
    checkpoint.save(first / store.CHECKPOINT, untrained(SPEC))
    checkpoint.save(shipped / "a.safetensors", untrained(from_text("conv2s4 relu gap flat fc10", "tiny")))
    assert [entry.key for entry in catalog.entries()][:2] == ["shipped/small", "shipped/a"], (
        "the largest first"
    )
    assert len(catalog.entries()) == 4


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
