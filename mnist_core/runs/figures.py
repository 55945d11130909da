"""What a run has reached, from its epoch lines: the figures in its status, its checkpoint and on the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

TARGET_ACCURACY = 0.994  # the course's bar: 99.4 % of the test images
LAST = 5  # epochs at the end in which it should hold: "consistently in the last epochs"
_KEPT = tuple(f"{split}_{what}" for split in ("test", "validation", "train") for what in ("accuracy", "loss"))


def figures_of(epochs: Sequence[dict[str, Any]], facts: dict[str, Any]) -> dict[str, Any]:
    """The last epoch's figures, the best accuracy, when the target was first met, plus `facts`.

    `target_held` of the last `target_of` epochs (five, or all when there are fewer) met it.

    `epochs` are the run's epoch lines in order; their `seconds` are those of one epoch each. Best and target
    are judged on the validation split where there is one, else on the test set. Nothing is selected: the
    weights are the last epoch's, and the best is only told beside them.
    """
    if not epochs:
        return dict(facts)
    last = epochs[-1]
    judged = "test" if last.get("validation_accuracy") is None else "validation"
    accuracies = [number(line, f"{judged}_accuracy") for line in epochs]
    best = accuracies.index(max(accuracies))
    met = next((index for index, accuracy in enumerate(accuracies) if accuracy >= TARGET_ACCURACY), None)
    elapsed = list(accumulate(number(line, "seconds", 0.0) for line in epochs))
    return {
        "epochs": len(epochs),
        **{name: last[name] for name in _KEPT if last.get(name) is not None},
        "judged_on": judged,
        "best_accuracy": epochs[best].get(f"{judged}_accuracy"),
        "best_epoch": epochs[best].get("epoch"),
        "target": TARGET_ACCURACY,
        "target_held": sum(accuracy >= TARGET_ACCURACY for accuracy in accuracies[-LAST:]),
        "target_of": min(LAST, len(epochs)),
        "target_epoch": None if met is None else epochs[met].get("epoch"),
        "target_seconds": None if met is None else round(elapsed[met], 3),
        "seconds": round(elapsed[-1], 3),
        **facts,
    }


def number(line: dict[str, Any], name: str, missing: float = -math.inf) -> float:
    """The number under `name`, or `missing` where a line has none (null stands for NaN)."""
    value = line.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else missing
