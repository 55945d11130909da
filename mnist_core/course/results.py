"""What came out when the published experiments were trained here: rows of `results.jsonl`, one a seed.

`reproduce.py` writes them; the report and the Compare page read them. Nothing here needs torch.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mnist_core.architecture.spec import ModelSpec
from mnist_core.architecture.text import to_text
from mnist_core.course.experiments import Experiment
from mnist_core.runs.figures import TARGET_ACCURACY
from mnist_core.runs.files import read_lines
from mnist_core.training.recipe import Recipe

RESULTS = Path(__file__).with_name("results.jsonl")
"""The rows that ship with the lab."""


@dataclass(frozen=True)
class Result:
    """One finished seed of one experiment.

    The curves have one value an epoch: accuracies are fractions, losses nats; train values are means over
    the steps of the epoch, as in the notebooks. `fingerprint` stands for layers, recipe (with the seed) and
    data. `processor_seconds` is the processor's own time, which other programs do not sway; `seconds` is the
    clock's. `recipe` are the fields that differ from the course's default. `same_as` names the experiment
    whose training this is, where two have the same layers and recipe.
    """

    name: str
    seed: int
    fingerprint: str
    params: int
    epochs: int
    test_accuracy: tuple[float, ...]
    test_loss: tuple[float, ...]
    train_accuracy: tuple[float, ...]
    train_loss: tuple[float, ...]
    processor_seconds: float
    seconds: float
    machine: str
    torch: str
    date: str
    recipe: dict[str, Any]
    same_as: str | None = None

    @property
    def last(self) -> float:
        """Test accuracy of the last epoch's weights."""
        return self.test_accuracy[-1]

    @property
    def best(self) -> float:
        """Highest test accuracy of all epochs; it flatters, being picked on the images it is measured on."""
        return max(self.test_accuracy)

    @property
    def best_epoch(self) -> int:
        """The first epoch, from 1, with the best test accuracy."""
        return self.test_accuracy.index(self.best) + 1

    @property
    def cost(self) -> float:
        """Seconds that the training took: a processor's own, on a GPU, which has none, the clock's."""
        return self.processor_seconds if ", CPU, " in self.machine else self.seconds

    @property
    def epochs_at_target(self) -> tuple[int, ...]:
        """The epochs, from 1, with at least 99.40 % on the test images."""
        return tuple(epoch for epoch, value in enumerate(self.test_accuracy, 1) if value >= TARGET_ACCURACY)

    def to_dict(self) -> dict[str, Any]:
        """The row as it is written: its fields, and what follows from the curves for other readers."""
        derived = {
            "last_test_accuracy": self.last,
            "best_test_accuracy": self.best,
            "best_epoch": self.best_epoch,
            "epochs_at_target": self.epochs_at_target,
        }
        fields = asdict(self)
        return {name: fields[name] for name in _FIRST} | derived | fields

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> Result:
        """The result in a row. Raises KeyError, TypeError or ValueError when it is none."""
        fields = {name: row[name] for name in cls.__dataclass_fields__ if name != "same_as"}
        fields |= {name: tuple(float(value) for value in fields[name]) for name in _CURVES}
        result = cls(**fields, same_as=row.get("same_as"))
        if not all(len(getattr(result, name)) == result.epochs > 0 for name in _CURVES):
            raise ValueError(f"{result.name}, seed {result.seed}: a curve does not have one value an epoch")
        return result


_CURVES = ("test_accuracy", "test_loss", "train_accuracy", "train_loss")
_FIRST = ("name", "seed", "params", "epochs")


def fingerprint(spec: ModelSpec, recipe: Recipe, data: str) -> str:
    """Sixteen hexadecimal digits that stand for layers, recipe and data; name and device do not count.

    Fields with their default are left out, so that a field that recipes get one day changes nothing.
    """
    fields = recipe.model_dump(mode="json", exclude_defaults=True, exclude={"device"})
    content = {"layers": to_text(spec), "recipe": fields, "data": data}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def recipe_of(experiment: Experiment, seed: int, epochs: int | None = None) -> Recipe:
    """The experiment's recipe with this seed; `epochs` replaces its own.

    In float32 like the notebooks unless it names a precision, so that no machine chooses for itself.
    """
    own = experiment.recipe
    precision = "float32" if own.precision == "auto" else own.precision
    recipe = own.changed(seed=seed, precision=precision)
    return recipe if epochs is None else recipe.changed(epochs=epochs)


def read_results(path: Path = RESULTS) -> tuple[Result, ...]:
    """The rows of a file, in its order; none when it is missing. A torn last line does not count."""
    return tuple(Result.from_dict(row) for row in read_lines(path))
