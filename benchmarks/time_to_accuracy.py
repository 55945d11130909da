"""Seconds of training until a net is right about 99.0 % and 99.4 % of MNIST's test digits.

    python benchmarks/time_to_accuracy.py [--json] [--net TEXT|EXPERIMENT] [--recipe NAME] [--epochs N]
                                          [--seeds N]

The net is trained with several seeds. After every epoch the mean accuracy of the seeds (averaged weights,
all 10,000 test digits) stands beside the mean time so far; a target counts as reached after the first epoch
whose mean reaches it. `seconds` is training alone, from the first step on; `with_evaluation` adds the
evaluation after every epoch. Net and sprint recipe were chosen on 10,000 held-out training digits, among 13
variants with 2 to 3 seeds each. They were looked for because recipe fast had reached 99.39 ± 0.05 % of the
test digits in three epochs (5 seeds) and no more in four (2 seeds): so far the test set had its say.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mnist_core.training.machine import wait_politely  # noqa: E402

wait_politely()  # before torch is imported

import torch  # noqa: E402

from mnist_core.architecture.analysis import analyze  # noqa: E402
from mnist_core.architecture.text import from_text  # noqa: E402
from mnist_core.course.experiments import EXPERIMENTS  # noqa: E402
from mnist_core.training.data import load  # noqa: E402
from mnist_core.training.engine import EpochEvent, TrainingState, train  # noqa: E402
from mnist_core.training.recipe import RECIPES, Recipe  # noqa: E402

SPRINT = "conv16s2-b bn relu conv16p1-b bn relu conv32-b bn relu max2 conv32-b bn relu gap flat fc10"
SPRINT_RECIPE = RECIPES["fast"].changed(
    epochs=5,
    learning_rate=0.03,
    augmentation={"rotation": 5, "translation": 0.04, "scale": [0.95, 1.05]},
)
TARGETS = (0.990, 0.994)


def one_seed(net: str, recipe: Recipe) -> list[tuple[float, float, float]]:
    """(accuracy, seconds of training, seconds with evaluation) after each epoch."""
    data = load("mnist")
    spec = EXPERIMENTS[net].spec if net in EXPERIMENTS else from_text(net, "net")
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
    parser.add_argument("--net", default=SPRINT, help="an experiment's name, or layers in the text form")
    parser.add_argument("--recipe", default="sprint", choices=["sprint", *RECIPES])
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seeds", type=int, default=5)
    wanted = parser.parse_args()
    recipe = {"sprint": SPRINT_RECIPE, **RECIPES}[wanted.recipe]
    recipe = recipe.changed(epochs=wanted.epochs or recipe.epochs)
    seeds = [one_seed(wanted.net, recipe.changed(seed=seed)) for seed in range(1, wanted.seeds + 1)]
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
    spec = EXPERIMENTS[wanted.net].spec if wanted.net in EXPERIMENTS else from_text(wanted.net, "net")
    result: dict[str, Any] = {
        "net": wanted.net,
        "params": analyze(spec).params,
        "recipe": wanted.recipe,
        "seeds": wanted.seeds,
        "epochs": epochs,
        "seconds_to": reached,
        "threads": torch.get_num_threads(),
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
    }
    if wanted.json:
        print(json.dumps(result, indent=2))
        return
    print(f"{wanted.net}\n{result['params']:,} params, recipe {wanted.recipe}, {wanted.seeds} seeds")
    for row in epochs:
        accuracy = f"{100 * row['accuracy']:.2f} ± {100 * row['deviation']:.2f} %"
        taken = f"{row['seconds']:.1f} s ({row['with_evaluation']:.1f} s with evaluation)"
        print(f"  epoch {row['epoch']}: {accuracy} after {taken}")
    for target, seconds in reached.items():
        print(f"  {target}: {'not reached' if seconds is None else f'{seconds:.1f} s'}")


if __name__ == "__main__":
    main()
