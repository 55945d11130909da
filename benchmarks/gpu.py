"""What a GPU makes of it: the notebooks' pipeline, an epoch, seconds to 99.4 %, many seeds at once.

    python benchmarks/gpu.py [--json] [--seeds N]

Without a GPU it says so and measures nothing.

* notebooks: images a second of a run's worker, as in throughput.py, against the notebooks' pipeline here;
* epoch: seconds of the second epoch of `task-2` at batch 128, as published, evaluation and data included;
* 99.4 %: seconds of one seed after another of `record-seconds` with its own recipe, in the precision that is
  faster here, from the first step on, recording of the CUDA graph and evaluation included, until the mean
  accuracy after an epoch reaches it;
* seeds: seconds of recipe `fast` on `task-2` for N seeds at once, each on a CUDA stream of its own, over
  those of one, from untrained models to the last evaluation, in a process that has trained before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from mnist_core.architecture.spec import ModelSpec  # noqa: E402
from mnist_core.course.records import ALL  # noqa: E402
from mnist_core.training.data import Dataset, load  # noqa: E402
from mnist_core.training.engine import EpochEvent, TrainingState, started, train  # noqa: E402
from mnist_core.training.recipe import RECIPES, Recipe  # noqa: E402
from mnist_core.training.streams import side_by_side  # noqa: E402

FAST, TARGET = "record-seconds", 0.994
SEEDS_TO_TARGET = 5


def trained(spec: ModelSpec, recipe: Recipe, data: Dataset) -> list[tuple[float, float]]:
    """(test accuracy, seconds since the first step) after each epoch."""
    state = TrainingState.new(spec, recipe)
    torch.cuda.synchronize()
    start, rows = time.perf_counter(), []
    for event in train(state, data):
        if isinstance(event, EpochEvent):
            rows.append((event.test_accuracy or 0.0, time.perf_counter() - start))
    return rows


def seconds_to_target(data: Dataset) -> dict[str, Any]:
    """Epoch by epoch the mean accuracy and the mean time so far; and when the target was reached."""
    spec, recipe = ALL[FAST].spec, ALL[FAST].recipe.changed(device="cuda", precision="auto")
    seeds = [trained(spec, recipe.changed(seed=1 + seed), data) for seed in range(SEEDS_TO_TARGET)]
    epochs = [
        {
            "accuracy": round(statistics.mean(accuracy for accuracy, _ in rows), 5),
            "seconds": round(statistics.mean(seconds for _, seconds in rows), 2),
        }
        for rows in zip(*seeds, strict=True)
    ]
    reached = next((row["seconds"] for row in epochs if row["accuracy"] >= TARGET), None)
    return {"epochs": epochs, "seconds_to_target": reached}


def at_once(data: Dataset, seeds: int) -> float:
    """Seconds of so many seeds side by side."""
    spec, recipe = ALL["task-2"].spec, RECIPES["fast"].changed(device="cuda", precision="bfloat16")

    def job(seed: int) -> Iterator[Any]:
        yield from started(TrainingState.new(spec, recipe.changed(seed=seed)), data, interval=60)

    start = time.perf_counter()
    for _ in side_by_side((job(seed) for seed in range(1, 1 + seeds)), seeds):
        pass
    return time.perf_counter() - start


def main() -> None:
    """Measure, print a table or JSON."""
    parser = argparse.ArgumentParser(description="Figures of a GPU.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--seeds", type=int, default=32, help="at once (default 32)")
    wanted = parser.parse_args()
    if not torch.cuda.is_available():
        why = "This machine has no CUDA device: nothing is measured."
        print(json.dumps({"device": None, "message": why}) if wanted.json else why)
        return
    from benchmarks.throughput import measured

    throughput = measured(["task-2"], 15, "cuda")["task-2"]
    data = load("mnist").on(torch.device("cuda"))
    task_2 = ALL["task-2"]
    rows = trained(task_2.spec, task_2.recipe.changed(epochs=2, device="cuda", precision="float32"), data)
    at_once(data, 1)
    one = statistics.median(at_once(data, 1) for _ in range(3))
    many = at_once(data, wanted.seeds)
    result: dict[str, Any] = {
        "device": torch.cuda.get_device_name(),
        "torch": str(torch.__version__),
        "notebooks": throughput,
        "epoch_seconds": round(rows[1][1] - rows[0][1], 3),
        "target": seconds_to_target(data),
        "seeds": wanted.seeds,
        "one_seed_seconds": round(one, 2),
        "seeds_seconds": round(many, 2),
        "seeds_ratio": round(many / one, 2),
    }
    if wanted.json:
        print(json.dumps(result, indent=2))
        return
    print(f"{result['device']}, torch {torch.__version__}, batch 128")
    print(
        f"task-2: {throughput['images_per_second']:,.0f} images/s, notebooks "
        f"{throughput['baseline_images_per_second']:,.0f}, ratio {throughput['ratio']:.1f}"
    )
    print(f"task-2: {result['epoch_seconds']} s an epoch with its evaluation")
    for number, row in enumerate(result["target"]["epochs"], 1):
        print(f"{FAST}, epoch {number}: {100 * row['accuracy']:.2f} % after {row['seconds']:.2f} s")
    print(f"99.4 % ({SEEDS_TO_TARGET} seeds): {result['target']['seconds_to_target']} s")
    print(
        f"task-2, recipe fast: one seed {one:.2f} s, {wanted.seeds} seeds at once {many:.2f} s, "
        f"{many / one:.2f} times"
    )


if __name__ == "__main__":
    main()
