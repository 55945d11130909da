"""What a run has reached, from its epoch lines: the figures in its status, its checkpoint and on the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

TARGET_ACCURACY = 0.994  # the course's bar: 99.4 % of the test images


def figures_of(epochs: Sequence[dict[str, Any]], facts: dict[str, Any]) -> dict[str, Any]:
    """The last epoch's figures, the best test accuracy and when the target was first met, plus `facts`.

    `epochs` are the run's epoch lines in order; their `seconds` are those of one epoch each. Nothing is
    selected: the weights are the last epoch's, and "best" is only told beside them.
    """
    if not epochs:
        return dict(facts)
    last = epochs[-1]
    best = max(epochs, key=lambda line: number(line, "test_accuracy"))
    elapsed = [
        sum(number(line, "seconds", 0.0) for line in epochs[: index + 1]) for index in range(len(epochs))
    ]
    met = [index for index, line in enumerate(epochs) if number(line, "test_accuracy") >= TARGET_ACCURACY]
    kept = (
        "test_accuracy",
        "test_loss",
        "train_accuracy",
        "train_loss",
        "validation_accuracy",
        "validation_loss",
    )
    return {
        "epochs": len(epochs),
        **{name: last[name] for name in kept if last.get(name) is not None},
        "best_test_accuracy": best.get("test_accuracy"),
        "best_epoch": best.get("epoch"),
        "target": TARGET_ACCURACY,
        "target_epoch": epochs[met[0]].get("epoch") if met else None,
        "target_seconds": round(elapsed[met[0]], 3) if met else None,
        "seconds": round(elapsed[-1], 3),
        **facts,
    }


def number(line: dict[str, Any], name: str, missing: float = -math.inf) -> float:
    """The number under `name`, or `missing` where a line has none (null stands for NaN)."""
    value = line.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else missing
