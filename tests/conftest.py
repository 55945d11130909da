"""Fixtures for all tests. In CI nothing that needs MNIST or a browser may be skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from mnist_core.runs import locks
from mnist_core.runs.store import Run
from mnist_core.training.machine import wait_politely

if TYPE_CHECKING:
    from mnist_core.training.data import Dataset

wait_politely()  # before torch is imported: on a busy machine tests that train take a tenth of the time

# a busy machine is slow, which is no fault of a test; folders that examples share, they may share
settings.register_profile(
    "lab", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("lab")

ROOT = Path(__file__).parent.parent
HOLD = """
import sys, time, filelock
lock = filelock.FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """The data folder with the real MNIST archives: MNIST_LAB_DATA, else `data` in the project."""
    folder = Path(os.environ.get("MNIST_LAB_DATA", ROOT / "data"))
    archives = sorted((folder / "MNIST" / "raw").glob("*.gz"))
    assert len(archives) == 4, f"The four MNIST archives are needed in {folder / 'MNIST' / 'raw'}"
    return folder


@pytest.fixture(scope="session")
def rendered() -> Dataset:
    """The synthetic digits, rendered once: it takes a second."""
    from mnist_core.training.data import load

    return load("synthetic")


@pytest.fixture
def runs_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty runs folder that the lab uses for this test."""
    folder = tmp_path / "runs"
    monkeypatch.setenv("MNIST_LAB_RUNS", str(folder))
    return folder


@contextmanager
def held(run: Run) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the worker lock of `run`, which so counts as alive."""
    command = [sys.executable, "-c", HOLD, str(run / locks.WORKER_LOCK)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline().strip() == b"held"
        yield child
        child.kill()


@pytest.fixture
def holder(run: Run) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the worker lock of the test's own `run`."""
    with held(run) as child:
        yield child


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Nets this small are no faster with more threads, and other tests may be running."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
