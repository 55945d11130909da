"""Seconds of training until a net is right about 99.0 % and 99.4 % of MNIST's test digits.

    python benchmarks/time_to_accuracy.py [--json] [--net NAME|TEXT] [--recipe NAME] [--epochs N] [--seeds N]
                                          [--data mnist|synthetic]

The net is trained with several seeds: by default the record `record-seconds` with its own recipe, of which
mnist_core/course/records.json tells how both were found. After every epoch the mean accuracy of the seeds
(averaged weights, all 10,000 test digits) stands beside the mean time so far; a target counts as reached
after the first epoch whose mean reaches it. `seconds` is training alone, from the first step on;
`with_evaluation` adds the evaluation after every epoch. No file is written. The precision is what is faster
on this machine, whatever the recipe says.
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
from mnist_core.training.machine import wait_politely  # noqa: E402

wait_politely()  # before torch is imported

import torch  # noqa: E402

from mnist_core.architecture.analysis import analyze  # noqa: E402
from mnist_core.architecture.spec import ModelSpec  # noqa: E402
from mnist_core.architecture.text import from_text  # noqa: E402
from mnist_core.course.records import ALL  # noqa: E402
from mnist_core.training.data import Dataset, load  # noqa: E402
from mnist_core.training.engine import EpochEvent, TrainingState, train  # noqa: E402
from mnist_core.training.recipe import DATA_NAMES, RECIPES, Recipe  # noqa: E402

TARGETS = (0.990, 0.994)


def one_seed(spec: ModelSpec, recipe: Recipe, data: Dataset) -> list[tuple[float, float, float]]:
    """(accuracy, seconds of training, seconds with evaluation) after each epoch."""
    state = TrainingState.new(spec, recipe)
    rows, training, start = [], 0.0, time.perf_counter()
    clock = start
    for event in train(state, data):
        now = time.perf_counter()
        if isinstance(event, EpochEvent):
            assert event.test_accuracy is not None
            rows.append((event.test_accuracy, training, now - start))
        else:
            training += now - clock
        clock = now
    return rows


def main() -> None:
    """Train all seeds, print a table or JSON."""
    parser = argparse.ArgumentParser(description="Seconds of training until 99.0 % and 99.4 %.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--net", default="record-seconds", help="a name, or layers in the text form")
    parser.add_argument("--recipe", choices=["published", *RECIPES], help="default: the net's own, or fast")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--data", choices=DATA_NAMES, default="mnist")
    wanted = parser.parse_args()
    named = ALL.get(wanted.net)
    kind = wanted.recipe or ("published" if named else "fast")
    if kind == "published" and not named:
        parser.error(f"{wanted.net} is no net with a recipe of its own")
    spec = named.spec if named else from_text(wanted.net, "net")
    recipe = named.recipe if named and kind == "published" else RECIPES[kind]
    recipe = recipe.changed(epochs=wanted.epochs or recipe.epochs, precision="auto")
    data = load(wanted.data)
    seeds = [one_seed(spec, recipe.changed(seed=seed), data) for seed in range(1, wanted.seeds + 1)]
    epochs = [
        {
            "epoch": number,
            "accuracy": statistics.mean(accuracy for accuracy, _, _ in rows),
            "deviation": statistics.stdev(a for a, _, _ in rows) if len(rows) > 1 else 0.0,
            "seconds": round(statistics.mean(seconds for _, seconds, _ in rows), 2),
            "with_evaluation": round(statistics.mean(seconds for _, _, seconds in rows), 2),
        }
        for number, rows in enumerate(zip(*seeds, strict=True), start=1)
    ]
    reached = {
        f"{target:.1%}": next((row["seconds"] for row in epochs if row["accuracy"] >= target), None)
        for target in TARGETS
    }
    result: dict[str, Any] = {
        "net": wanted.net,
        "params": analyze(spec).params,
        "recipe": kind,
        "data": wanted.data,
        "seeds": wanted.seeds,
        "epochs": epochs,
        "seconds_to": reached,
        "threads": torch.get_num_threads(),
        "machine": machine(),
    }
    if wanted.json:
        print(json.dumps(result, indent=2))
        return
    own = "its own recipe" if kind == "published" else f"recipe {kind}"
    print(f"{result['machine']}\n{wanted.net}, {result['params']:,} params, {own}, {wanted.seeds} seeds")
    for row in epochs:
        accuracy = f"{100 * row['accuracy']:.2f} ± {100 * row['deviation']:.2f} %"
        taken = f"{row['seconds']:.1f} s ({row['with_evaluation']:.1f} s with evaluation)"
        print(f"  epoch {row['epoch']}: {accuracy} after {taken}")
    for target, seconds in reached.items():
        print(f"  {target}: {'not reached' if seconds is None else f'{seconds:.1f} s'}")


if __name__ == "__main__":
    main()
