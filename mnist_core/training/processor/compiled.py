"""What the compiled layers share: how Numba compiles them, and how they see a map's memory.

Numba does not know bfloat16: its values are read and written as the upper halves of float32. What has been
compiled lies in __pycache__ and is there for the next process; until then a layer takes some seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import llvmlite.binding
import numba
import numba.np.ufunc.omppool  # an ImportError where there is none
import numpy as np
import torch
from numba import types
from numba.extending import overload, register_jitable
from torch import Tensor

KNOWN = (torch.float32, torch.bfloat16)
_WIDTH = 1024  # values in a row: they and some sums beside them fit a core's first cache
_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
_REST = ("comprehension", "reduction", "inplace_binop", "setitem", "numpy", "stencil", "fusion")
_ONLY_PRANGE = {"prange": True} | dict.fromkeys(_REST, False)  # all else would only take longer to compile

Kernel = Callable[..., Any]


def _start_threads() -> None:
    """OpenMP's, which torch has, too; Numba's own may not be called from two places at once."""
    numba.config.THREADING_LAYER = "omp"
    before = torch.get_num_threads()
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)  # at first also sets the number for torch
    torch.set_num_threads(before)


def _use_whole_registers() -> None:
    """Of 512 bits: LLVM takes half of them, as whole ones once slowed the clock down.

    On processors that know bfloat16 they no longer do; a step of a net with SiLU is a tenth faster.
    """
    try:
        features = llvmlite.binding.get_host_cpu_features()
    except RuntimeError:  # LLVM does not know this processor
        return
    if features.get("avx512bf16") and numba.config.CPU_FEATURES is None:
        numba.config.CPU_NAME = numba.config.CPU_NAME or llvmlite.binding.get_host_cpu_name()
        numba.config.CPU_FEATURES = features.flatten() + ",-prefer-256-bit"


_use_whole_registers()
_start_threads()


def serial(function: Kernel) -> Kernel:
    """`function`, compiled: the work of one thread."""
    return _compiled(function)


def parallel(function: Kernel) -> Kernel:
    """`function`, compiled, with its prange loops on several threads; call `share_work` before it."""
    return _compiled(function, parallel=_ONLY_PRANGE)


def _compiled(function: Kernel, **more: Any) -> Kernel:
    try:
        return numba.njit(function, cache=True, **_OPTIONS, **more)
    except RuntimeError:  # no folder for the cache can be written: compile in every process
        return numba.njit(function, **_OPTIONS, **more)


def share_work() -> int:
    """The number of threads that torch uses, which Numba's next calls will use, too."""
    threads: int = min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS)
    numba.set_num_threads(threads)
    return threads


def memory(x: Tensor) -> Any:
    """The same memory as an array; bfloat16 as uint16."""
    x = x.detach()
    return (x.view(torch.uint16) if x.dtype == torch.bfloat16 else x).numpy()


def lines(x: Tensor) -> Any:
    """(N, C, H, W), channels last → the same memory as (N, H, W · C)."""
    return memory(x.permute(0, 2, 3, 1).flatten(2))


def rows(x: Tensor) -> Any:
    """(N, C, H, W), channels last → the same memory as (N, H · W / n, n · C): n whole pixels in a row."""
    count, channels, height, width = x.shape
    return memory(x.permute(0, 2, 3, 1).view(count, -1, channels * _pixels(height * width, channels)))


@lru_cache
def _pixels(count: int, channels: int) -> int:
    """How many of an image's pixels make the widest row that divides it."""
    return max(n for n in range(1, max(_WIDTH // channels, 1) + 1) if count % n == 0)


@register_jitable
def part_of(values: Any, part: int, parts: int) -> Any:
    """What one of so many threads has of the values."""
    return values[len(values) * part // parts : len(values) * (part + 1) // parts]


@register_jitable
def repeat(values: Any, row: Any) -> None:
    """Fill a row with the values of the channels, for each of its pixels."""
    done = len(values)
    for c in range(done):
        row[c] = values[c]
    while done < len(row):
        rest = row[done : 2 * done]
        for j in range(len(rest)):
            rest[j] = row[j]
        done *= 2


@register_jitable
def repeated(values: Any, width: int) -> Any:
    """A row of that width with the values of the channels, for each of its pixels."""
    row = np.empty(width, np.float32)
    repeat(values, row)
    return row


def load(value: Any) -> Any:
    """A value of a map as float32; for kernels."""


@overload(load, strict=False)
def _load(value: Any) -> Kernel:
    if value == types.uint16:
        return lambda value: np.uint32(np.uint32(value) << np.uint32(16)).view(np.float32)
    return lambda value: value


def store(values: Any, place: Any, value: Any) -> None:
    """values[place] = value, rounded to the nearest, ties to even; for kernels."""


@overload(store, strict=False)
def _store(values: Any, place: Any, value: Any) -> Kernel:
    def as_float(values: Any, place: Any, value: Any) -> None:
        values[place] = value

    def as_half(values: Any, place: Any, value: Any) -> None:
        bits = np.float32(value).view(np.uint32)
        odd = (bits >> np.uint32(16)) & np.uint32(1)
        values[place] = np.uint16(np.uint32(bits + np.uint32(0x7FFF) + odd) >> np.uint32(16))

    return as_half if values.dtype == types.uint16 else as_float


@register_jitable
def exp(x: Any) -> Any:
    """e^x in float32 without a branch, so that it is computed for a whole vector register at once.

    2^n · e^r with |r| ≤ ln 2 / 2, where Taylor's polynomial of degree 6 is exact to 2e-7. What lies beyond
    ±87 is taken for that.
    """
    x = min(max(x, np.float32(-87)), np.float32(87))
    n = np.floor(x * np.float32(1.44269504) + np.float32(0.5))
    r = x - n * np.float32(0.69314718)
    sum = r * np.float32(1 / 720) + np.float32(1 / 120)
    sum = sum * r + np.float32(1 / 24)
    sum = sum * r + np.float32(1 / 6)
    sum = sum * r + np.float32(1 / 2)
    sum = (sum * r + np.float32(1)) * r + np.float32(1)
    return sum * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)
