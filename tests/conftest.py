"""Fixtures for all tests. In CI nothing that needs MNIST or a browser may be skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mnist_core.training.machine import wait_politely

wait_politely()  # before torch is imported: on a busy machine tests that train take a tenth of the time

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """The data folder with the real MNIST archives: MNIST_LAB_DATA, else `data` in the project."""
    folder = Path(os.environ.get("MNIST_LAB_DATA", ROOT / "data"))
    archives = sorted((folder / "MNIST" / "raw").glob("*.gz"))
    assert len(archives) == 4, f"The four MNIST archives are needed in {folder / 'MNIST' / 'raw'}"
    return folder


@pytest.fixture
def runs_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty runs folder that the lab uses for this test."""
    folder = tmp_path / "runs"
    monkeypatch.setenv("MNIST_LAB_RUNS", str(folder))
    return folder
