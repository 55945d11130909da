"""The machine that a benchmark ran on, named by all of them in the same words. Needs no torch."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

from mnist_core.runs.locks import cores


def processor() -> str:
    """The processor's name where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def machine(device: str = "") -> str:
    """ "Intel(R) Xeon(R) Processor, 2 cores, torch 2.15.0"; `device` instead of the processor, as a GPU."""
    return f"{device or processor()}, {cores()} core{'' if cores() == 1 else 's'}, torch {version('torch')}"
