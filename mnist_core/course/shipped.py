"""The checkpoints that ship with the lab, and what their seeds reached.

A shipped checkpoint is one seed of several that were trained. What all of them reached stands in its own
figures: `seeds` how many, `mean` and `std` of their last epochs' test accuracies, `class` the record it is
for, as in `checkpoints/README.md`. Nothing here needs torch but `tell_seeds`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.spec import ModelSpec
from mnist_core.runs import checkpoint
from mnist_core.runs.checkpoint import SUFFIX, CheckpointError
from mnist_core.runs.figures import number


@dataclass(frozen=True)
class Shipped:
    """One checkpoint. `accuracy` and `best` are of the seed that ships, as fractions; `epochs` its epochs.

    `mean` and `std` (n - 1 in the denominator) are over `seeds` seeds; None when only this one was trained.
    """

    name: str
    path: Path
    spec: ModelSpec
    params: int
    epochs: int
    accuracy: float | None
    best: float | None
    mean: float | None
    std: float | None
    seeds: int | None
    record: str | None

    def to_dict(self) -> dict[str, Any]:
        """What `checkpoints --json` prints."""
        return {
            "name": self.name,
            "path": str(self.path),
            "params": self.params,
            "accuracy": self.accuracy,
            "mean": self.mean,
            "std": self.std,
            "seeds": self.seeds,
            "class": self.record,
        }


def shipped(folder: Path) -> tuple[Shipped, ...]:
    """The checkpoints in this folder by name; one that cannot be opened is left out."""
    found = (_read(path) for path in sorted(folder.glob(f"*{SUFFIX}")))
    return tuple(one for one in found if one)


def _read(path: Path) -> Shipped | None:
    try:
        about = checkpoint.describe(path)
    except CheckpointError:
        return None
    figures = about.figures
    several = number(figures, "seeds", 1.0) > 1
    return Shipped(
        name=path.stem,
        path=path,
        spec=about.spec,
        params=analyze(about.spec).params,
        epochs=about.recipe.total_epochs,
        accuracy=_fraction(figures, "test_accuracy"),
        best=_fraction(figures, "best_accuracy") if figures.get("judged_on") == "test" else None,
        mean=_fraction(figures, "mean") if several else None,
        std=_fraction(figures, "std") if several else None,
        seeds=int(number(figures, "seeds")) if several else None,
        record=figures["class"] if isinstance(figures.get("class"), str) else None,
    )


def _fraction(figures: dict[str, Any], name: str) -> float | None:
    value = number(figures, name)
    return value if 0 <= value <= 1 else None


def tell_seeds(path: Path, accuracies: Sequence[float], record: str | None = None) -> None:
    """Write what all seeds reached into the figures of a checkpoint; weights and everything else stay.

    `accuracies` are the last epochs' test accuracies of at least two seeds, the one that ships among them.
    """
    known = checkpoint.load(path)
    told = {"seeds": len(accuracies), "mean": mean(accuracies), "std": stdev(accuracies), "class": record}
    figures = known.figures | told
    checkpoint.save(path, checkpoint.Checkpoint(known.spec, known.recipe, known.tensors, figures))
