"""Which arithmetic a model is trained in: bfloat16 where this machine is measurably faster with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_ROUNDS = 6  # the first is for warming up
_BUDGET_S = 2.0
_WORTH = 0.92  # bfloat16 rounds to 8 bits: it must save at least this much to be taken


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """The context in which a forward pass uses `precision`, "float32" or "bfloat16"."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


@contextmanager
def exact(device: torch.device) -> Iterator[None]:
    """The context in which float32 is float32: on CUDA convolutions otherwise round to TF32's 10 bits.

    So a checkpoint's figure is the same on every device.
    """
    if device.type != "cuda":
        yield
        return
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def choose(model: nn.Module, inputs: Tensor, labels: Tensor) -> tuple[str, str]:
    """(precision, why), by timing a few steps of a copy of the model on this batch, in turns.

    On a processor with one thread: several that wait for each other take processor time, too, and on a busy
    machine one trial in two took twenty times as long.
    """
    device = inputs.device
    if device.type == "mps" or (device.type == "cuda" and not torch.cuda.is_bf16_supported(False)):
        return "float32", f"float32: {device.type} has no bfloat16 here"
    threads = torch.get_num_threads()
    torch.set_num_threads(1 if device.type == "cpu" else threads)
    try:
        return _compare(deepcopy(model), inputs, labels)
    finally:
        torch.set_num_threads(threads)


def _compare(trial: nn.Module, inputs: Tensor, labels: Tensor) -> tuple[str, str]:
    seconds: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    started = time.perf_counter()
    for _ in range(_ROUNDS):
        for precision, taken in seconds.items():
            taken.append(_step_seconds(trial, inputs, labels, precision))
        if time.perf_counter() - started > _BUDGET_S and len(seconds["bfloat16"]) > 1:
            break
    full, half = (min(taken[1:] or taken) for taken in seconds.values())
    precision, other = ("bfloat16", "float32") if half < full * _WORTH else ("float32", "bfloat16")
    mine, others = (half, full) if precision == "bfloat16" else (full, half)
    of = "of one thread's time " if inputs.device.type == "cpu" else ""
    return precision, f"{precision}: {1000 * mine:.1f} ms {of}a step, {other} takes {1000 * others:.1f} ms"


def _step_seconds(model: nn.Module, inputs: Tensor, labels: Tensor, precision: str) -> float:
    start = _now(inputs.device)
    with autocast(inputs.device, precision):
        outputs = model(inputs)
    F.cross_entropy(outputs.float(), labels).backward()
    model.zero_grad(set_to_none=True)
    return _now(inputs.device) - start


def _now(device: torch.device) -> float:
    """Processor time where the processor computes: other programs must not sway the choice."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()
