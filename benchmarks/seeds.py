"""Images a second of two seeds that train side by side with one thread each, against one with two threads.

    python benchmarks/seeds.py [--json] [--net NAME] [--seconds N] [--turns N] [--data mnist|synthetic]

They train with recipe `best`, in processes of their own, in turns, of which the median counts; what comes
before all are at it does not. `ratio` is what several seeds at one press gain on a processor: the two
together against the one, so above 1 they are sooner done side by side.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import machine  # noqa: E402
from mnist_core.training.machine import wait_politely  # noqa: E402
from mnist_core.training.recipe import DATA_NAMES, RECIPES  # noqa: E402


def part(net: str, data: str, threads: int) -> None:
    """Say "ready" after the first steps, read for how many seconds, then say how many images a second."""
    wait_politely()
    import torch

    torch.set_num_threads(threads)
    from mnist_core.course.records import ALL
    from mnist_core.training.data import load
    from mnist_core.training.engine import StepEvent, train
    from mnist_core.training.state import TrainingState

    events = train(TrainingState.new(ALL[net].spec, RECIPES["best"].changed(device="cpu")), load(data))
    for _ in range(3):
        next(events)
    print("ready", flush=True)
    seconds = float(sys.stdin.readline())
    speeds, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        event = next(events)
        if isinstance(event, StepEvent):
            speeds.append(event.images_per_second)
    print(statistics.mean(speeds), flush=True)


def together(net: str, data: str, processes: int, threads: int, seconds: float) -> float:
    """Images a second of so many processes at once."""
    command = [sys.executable, __file__, "--net", net, "--data", data, "--part", str(threads)]
    started = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        for _ in range(processes)
    ]
    for one in started:
        assert one.stdout and one.stdout.readline() == "ready\n"
    for one in started:
        assert one.stdin
        one.stdin.write(f"{seconds}\n")
        one.stdin.flush()
    return sum(float(one.communicate()[0]) for one in started)


def main() -> None:
    """Measure, print a line or JSON."""
    parser = argparse.ArgumentParser(description="Two seeds side by side against one after the other.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--net", default="task-2", help="an experiment's or a record's name")
    parser.add_argument("--seconds", type=float, default=8, help="of each turn (default 8)")
    parser.add_argument("--turns", type=int, default=3, help="of each kind (default 3)")
    parser.add_argument("--data", choices=DATA_NAMES, default="mnist")
    parser.add_argument("--part", type=int, default=0, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.part:
        part(wanted.net, wanted.data, wanted.part)
        return
    alone, beside = [], []
    for _ in range(wanted.turns):
        alone.append(together(wanted.net, wanted.data, 1, 2, wanted.seconds))
        beside.append(together(wanted.net, wanted.data, 2, 1, wanted.seconds))
    one, two = statistics.median(alone), statistics.median(beside)
    result = {
        "machine": machine(),
        "net": wanted.net,
        "alone": round(one),
        "side_by_side": round(two),
        "ratio": round(two / one, 2),
    }
    if wanted.json:
        print(json.dumps(result, indent=2))
        return
    print(result["machine"])
    print(
        f"{wanted.net}: one seed with two threads {one:,.0f} images/s, two seeds with one thread each "
        f"{two:,.0f}, ratio {two / one:.2f}"
    )


if __name__ == "__main__":
    main()
