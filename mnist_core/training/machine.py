"""Settings of the process that trains, which PyTorch leaves to its user.

Those of threads and memory are for Linux with glibc and libgomp; elsewhere they do nothing. Needs no torch,
because one of them must be set before torch is imported.
"""

from __future__ import annotations

import ctypes
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from runpy import run_path

_LOWEST_PRIORITY = 19
# How long an OpenMP thread that waits spins before it sleeps: some µs (GNU), 1 ms (Intel, LLVM).
_PATIENCE = {"GOMP_SPINCOUNT": "3000", "KMP_BLOCKTIME": "1"}
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h
_KEEP_BYTES = 1 << 30


def has_cuda() -> bool:
    """Whether PyTorch can train on a GPU with CUDA; asks the driver, as importing torch takes seconds."""
    built_for = cuda_of_torch()
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        count, version = ctypes.c_int(), ctypes.c_int()  # 13020 is CUDA 13.2
        driver.cuDriverGetVersion(ctypes.byref(version))
        found: bool = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    except (OSError, AttributeError):
        return False
    # a driver bears what was built for its own major version or an older one
    return found and count.value > 0 and 0 < built_for <= version.value // 1000


def cuda_of_torch() -> int:
    """The major version of CUDA that the installed PyTorch was built for; 0 for none."""
    torch = find_spec("torch")  # imports nothing
    if torch is None or torch.origin is None:
        return 0
    says = run_path(str(Path(torch.origin).with_name("version.py")))
    return int((says.get("cuda") or "0").split(".")[0])


def step_back() -> None:
    """Give this process the lowest priority: it takes hours, and whoever sits at the machine comes first."""
    if hasattr(os, "nice"):
        os.nice(_LOWEST_PRIORITY)


def wait_politely() -> None:
    """Before torch is imported: threads that wait for each other soon let others have the processor.

    OpenMP's threads spin while they wait. When anything else wants the same cores, they spin against each
    other: two trainings side by side on two cores took 1.1 s a step instead of 0.05 s. With short spinning a
    step alone is as fast as before.
    """
    if "torch" not in sys.modules:
        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)


def keep_memory() -> None:
    """Let malloc keep the big blocks that every step frees and wants again.

    By default glibc gives blocks of some megabytes back to the system, which has to clear them page by page
    the next time: 13,000 page faults and a third of the time of a float32 step.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return
    mallopt(_TRIM_THRESHOLD, _KEEP_BYTES)
    mallopt(_MMAP_THRESHOLD, _KEEP_BYTES)
