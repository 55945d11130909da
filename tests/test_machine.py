"""What the machine offers for training, told without importing torch."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from typing import Any

import pytest
import torch

from mnist_core.runs import words
from mnist_core.training import machine

from .conftest import ROOT


class Driver:
    """What CUDA's driver answers."""

    def __init__(self, version: int, devices: int) -> None:
        self.version, self.devices = version, devices

    def cuInit(self, flags: int) -> int:
        return 0

    def cuDriverGetVersion(self, version: Any) -> int:
        version._obj.value = self.version
        return 0

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = self.devices
        return 0


def test_cuda_of_torch_is_what_torch_says() -> None:
    assert machine.cuda_of_torch() == int((torch.version.cuda or "0").split(".")[0])
    asks = "from mnist_core.training import machine; machine.has_cuda()"
    code = f"import sys; {asks}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_gpu_is_found_where_torch_finds_one() -> None:
    assert machine.has_cuda() == torch.cuda.is_available()


@pytest.mark.parametrize(
    ("built_for", "version", "devices", "there"),
    [
        (13, 13020, 1, True),
        (12, 13020, 2, True),
        (13, 12040, 1, False),
        (0, 13020, 1, False),
        (13, 13020, 0, False),
    ],
)
def test_a_gpu_counts_only_for_a_torch_that_can_use_it(
    built_for: int, version: int, devices: int, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "cuda_of_torch", lambda: built_for)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Driver(version, devices))
    assert machine.has_cuda() is there


@pytest.mark.skipif(sys.platform == "darwin", reason="has a GPU of another kind")
def test_the_page_names_what_a_run_will_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_has_cuda", lambda: True)
    assert words.machine() == words.machine("cuda") == "GPU" and words.machine("cpu").startswith("CPU, ")
    monkeypatch.setattr(words, "_has_cuda", lambda: False)
    assert words.machine().startswith("CPU, ")
