"""Milliseconds of a training step on a processor with PyTorch's layers, and with those of training/processor.

    python benchmarks/layers.py [--json] [--steps N] [--only NAME…]

Forward and backward of one resident batch of 128, channels last, in bfloat16; the two take turns, and what is
printed is the median, with one thread and with one for each core. `ratio` is PyTorch's time over ours.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import machine  # noqa: E402
from mnist_core.runs import locks, words  # noqa: E402
from mnist_core.training.machine import keep_memory, wait_politely  # noqa: E402

NETS = ("task-2", "ten-steps-10-one-cycle", "record-under-8k", "record-fewest-params")
BATCH = 128
WARM_UP = 4


def compare(net: str, threads: int, steps: int) -> dict[str, Any]:
    """Median milliseconds of a step with each kind of layers."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    from mnist_core.architecture.model import build
    from mnist_core.course.records import ALL
    from mnist_core.training import processor

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    images = torch.randn(BATCH, 1, 28, 28).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(10, (BATCH,))

    def step(model: nn.Module) -> float:
        start = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            outputs = model(images)
        model.zero_grad(set_to_none=True)
        F.cross_entropy(outputs.float(), labels).backward()
        return 1000 * (time.perf_counter() - start)

    plain, ours = (build(ALL[net].spec).to(memory_format=torch.channels_last).train() for _ in range(2))
    processor.use_here(ours)
    taken = [(step(plain), step(ours)) for _ in range(WARM_UP + steps)][WARM_UP:]
    torchs, labs = (statistics.median(column) for column in zip(*taken, strict=True))
    return {
        "net": net,
        "threads": threads,
        "torch_ms": round(torchs, 1),
        "lab_ms": round(labs, 1),
        "ratio": round(torchs / labs, 2),
    }


def main() -> None:
    """Measure, print lines or JSON."""
    parser = argparse.ArgumentParser(description="A training step with PyTorch's layers and with ours.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--steps", type=int, default=60, help="of each kind (default 60)")
    parser.add_argument("--only", nargs="+", default=NETS, metavar="NAME", help="experiments or records")
    wanted = parser.parse_args()
    wait_politely()
    keep_memory()
    rows = [
        compare(net, threads, wanted.steps) for net in wanted.only for threads in sorted({1, locks.cores()})
    ]
    if wanted.json:
        print(json.dumps({"machine": machine(), "rows": rows}, indent=2))
        return
    print(machine())
    for row in rows:
        print(
            f"{row['net']}, {words.threads(row['threads'])}: PyTorch's layers {row['torch_ms']} ms a step, "
            f"the lab's {row['lab_ms']} ms, ratio {row['ratio']}"
        )


if __name__ == "__main__":
    main()
