"""The published experiments, as data: a spec, a recipe and what its document reports.

`experiments.json` holds them: the layers in the compact text form, the fields of the recipe that differ
from the course's default, and accuracies as fractions. Exact ones equal their document layer by layer;
the others are reconstructions and say so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mnist_core.architecture.spec import ModelSpec
from mnist_core.architecture.text import from_text
from mnist_core.training.recipe import Recipe

FINAL = (
    "ten-steps-10-one-cycle",
    "task-2",
    "twelve-k-final",
    "session-5-step-5",
    "drill-down-7-learning-rate",
)
"""The final net of each document."""
LARGE = 1_000_000  # params above which one seed has to do, on a processor with fewer epochs


@dataclass(frozen=True)
class Experiment:
    """A published network with its recipe and results.

    `source_id` is its id in the seed facts, `exact` tells a published table from a reconstruction, `remark`
    says in a line where the document contradicts its own network. `published` holds what is reported:
    params, epochs, best_test_accuracy, best_epochs, last_test_accuracy, last_train_accuracy,
    epochs_at_target (≥ 99.40 %) and test_accuracy per epoch; only params where nothing was logged.
    """

    name: str
    title: str
    document: str
    source_id: str
    exact: bool
    params: int
    layers: str
    recipe_fields: dict[str, Any]
    published: dict[str, Any]
    remark: str | None

    @cached_property
    def spec(self) -> ModelSpec:
        return from_text(self.layers, self.name)

    @cached_property
    def recipe(self) -> Recipe:
        return Recipe.from_dict(self.recipe_fields)

    @property
    def seeds(self) -> int:
        """How many it is trained with: 5 as its document's final net, 3 as another published one, else 1."""
        if self.name in FINAL:
            return 5
        return 3 if self.exact and self.params < LARGE else 1

    def to_dict(self) -> dict[str, Any]:
        """What `experiments --json` prints."""
        return {
            "name": self.name,
            "source_id": self.source_id,
            "title": self.title,
            "document": self.document,
            "params": self.params,
            "exact": self.exact,
            "published": self.published,
            "remark": self.remark,
        }


def _read() -> dict[str, Experiment]:
    rows = json.loads(Path(__file__).with_name("experiments.json").read_text(encoding="utf-8"))
    return {row["name"]: Experiment(recipe_fields=row.pop("recipe"), **row) for row in rows}


EXPERIMENTS = _read()
