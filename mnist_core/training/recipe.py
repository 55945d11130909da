"""How to train, as data: a `Recipe` is frozen, checked, and goes to JSON and back.

Nothing here needs torch, so that a page can show, change and check a recipe at once.
Field names are torch's own wherever torch has one (`div_factor`, `eta_min`, …), and mean the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from mnist_core.architecture.spec import decoded
from mnist_core.training.augmentation import Augmentation, Strict
from mnist_core.training.recipe_error import RecipeError, RecipeProblem, explained, refused

__all__ = ["DATA_NAMES", "RECIPES", "Augmentation", "More", "Recipe", "RecipeError", "RecipeProblem"]

DATA_NAMES = ("mnist", "synthetic")  # what there is to train on
_MAX_JSON_CHARS = 20_000


class More(Strict):
    """Epochs after the end of the schedule, all with one rate."""

    epochs: int = Field(ge=1, le=10_000)
    learning_rate: float = Field(gt=0, le=100)


class Recipe(Strict):
    """How to train a model. `learning_rate` is the starting rate; for one_cycle the peak (max_lr).

    Schedules, each exactly torch's class of that name: step (StepLR, per epoch), multi_step (MultiStepLR, per
    epoch), one_cycle (OneCycleLR, per step), cosine (CosineAnnealingLR over the whole run, per step), plateau
    (ReduceLROnPlateau, per epoch, on the validation loss or, without a validation split, on the train loss).
    """

    version: Literal[1] = 1
    epochs: int = Field(default=15, ge=1, le=10_000, description="Passes over the training images.")
    batch_size: int = Field(default=128, ge=1, le=10_000, description="Images a step.")

    optimizer: Literal["sgd", "adam", "adamw"] = "sgd"
    learning_rate: float = Field(default=0.01, gt=0, le=100, description="Start, or the peak for one_cycle.")
    momentum: float = Field(
        default=0.9, ge=0, lt=1, description="SGD's momentum, Adam's and AdamW's first beta."
    )
    nesterov: bool = Field(default=False, description="Nesterov's form of momentum (SGD only).")
    weight_decay: float = Field(
        default=0, ge=0, le=10, description="L2 penalty (SGD, Adam) or decoupled decay (AdamW)."
    )
    decay_all: bool = Field(
        default=True,
        description="Decay every parameter (torch's way), or only weights of two and more dimensions.",
    )

    schedule: Literal["none", "step", "multi_step", "one_cycle", "cosine", "plateau"] = "none"
    step_size: int = Field(default=5, ge=1, le=10_000, description="step: epochs between two reductions.")
    milestones: tuple[Annotated[int, Field(ge=1, le=10_000)], ...] = Field(
        default=(), max_length=100, description="multi_step: epochs after which the rate is reduced."
    )
    gamma: float = Field(default=0.1, gt=0, le=1, description="step, multi_step: factor of one reduction.")
    pct_start: float = Field(
        default=0.3, gt=0, lt=1, description="one_cycle: fraction of the steps that rise."
    )
    anneal_strategy: Literal["cos", "linear"] = Field(
        default="cos", description="one_cycle: form of the flanks."
    )
    div_factor: float = Field(
        default=25, ge=1, le=1e6, description="one_cycle: starts at learning_rate / this."
    )
    final_div_factor: float = Field(
        default=1e4, ge=1, le=1e9, description="one_cycle: ends at the start / this."
    )
    three_phase: bool = Field(
        default=False, description="one_cycle: down to the start first, then to the end."
    )
    cycle_momentum: bool = Field(default=True, description="one_cycle: momentum falls while the rate rises.")
    base_momentum: float = Field(
        default=0.85, ge=0, lt=1, description="one_cycle: momentum at the peak rate."
    )
    max_momentum: float = Field(default=0.95, ge=0, lt=1, description="one_cycle: momentum at both ends.")
    eta_min: float = Field(default=0, ge=0, le=100, description="cosine: the rate at the end.")
    factor: float = Field(default=0.1, gt=0, lt=1, description="plateau: factor of one reduction.")
    patience: int = Field(
        default=10, ge=0, le=10_000, description="plateau: epochs without a gain before the rate falls."
    )
    threshold: float = Field(
        default=1e-4, ge=0, lt=1, description="plateau: smallest relative gain that counts."
    )

    more: tuple[More, ...] = Field(
        default=(), max_length=100, description="Epochs that were added when the schedule had ended."
    )

    augmentation: Augmentation = Augmentation()
    dropout: float | None = Field(
        default=None, ge=0, lt=1, description="Replaces the rate of every dropout layer; none = as designed."
    )
    label_smoothing: float = Field(
        default=0, ge=0, lt=1, description="Share of the target spread over all classes."
    )
    teacher: str | None = Field(
        default=None,
        max_length=80,
        pattern=r"^[a-z0-9][a-z0-9-]*$",
        description="A checkpoint that ships. What it says of a training image, as augmented, is learned "
        "in place of the label (distillation); none = the labels.",
    )
    ema_decay: float = Field(
        default=0,
        ge=0,
        lt=1,
        description="Averaged weights: 0.99 averages about the last 100 steps; 0 = off. The decay is "
        "min(this, (1+t)/(10+t)) at step t.",
    )

    validation_size: int = Field(
        default=0, ge=0, le=59_000, description="Training images held out to select on; 0 = none."
    )
    seed: int = Field(default=1, ge=0, le=2**31 - 1, description="Start of every random number of the run.")
    device: Literal["auto", "cuda", "mps", "cpu"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto",
        description="Arithmetic of the model; auto = bfloat16 where that is measurably faster.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.nesterov and (self.optimizer != "sgd" or self.momentum == 0):
            raise ValueError(
                f"nesterov is on with optimizer {self.optimizer} and momentum {self.momentum:g}; "
                "it needs sgd and a momentum above 0"
            )
        if self.schedule == "multi_step" and not self.milestones:
            raise ValueError("schedule is multi_step but milestones is empty; name at least one epoch")
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError(f"milestones are {list(self.milestones)}; they must increase")
        if self.base_momentum > self.max_momentum:
            raise ValueError(
                f"base_momentum is {self.base_momentum:g}, above max_momentum {self.max_momentum:g}"
            )
        if self.schedule == "cosine" and self.eta_min > self.learning_rate:
            raise ValueError(f"eta_min is {self.eta_min:g}, above learning_rate {self.learning_rate:g}")
        if self.teacher and self.label_smoothing:
            raise ValueError(
                f"label_smoothing is {self.label_smoothing:g} and teacher is {self.teacher}; "
                "with a teacher there are no labels to smooth"
            )
        if self.three_phase and self.pct_start > 0.5:
            raise ValueError(f"pct_start is {self.pct_start:g}; with three_phase at most 0.5")
        return self

    @property
    def total_epochs(self) -> int:
        """The schedule's epochs and those that were added."""
        return self.epochs + sum(more.epochs for more in self.more)

    @classmethod
    def from_json(cls, text: str | bytes) -> Recipe:
        """The recipe in `text`. Fields that are left out have their defaults. Raises RecipeError."""
        if len(text) > _MAX_JSON_CHARS:
            raise refused(f"the text has {len(text):,} characters; at most {_MAX_JSON_CHARS:,} are read")
        try:
            return cls.model_validate_json(decoded(text))
        except ValidationError as error:
            raise explained(error, _known_fields) from None

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Recipe:
        """The recipe with these fields, as `json.load` gives them. Raises RecipeError."""
        try:
            text = json.dumps(dict(fields))
        except (TypeError, ValueError, RecursionError) as error:
            raise refused(f"the fields are not plain JSON values ({error})") from None
        return cls.from_json(text)

    def to_json(self) -> str:
        """One line of JSON with every field; `from_json` gives the recipe back."""
        return self.model_dump_json()

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        fields: dict[str, Any] = json.loads(self.to_json())
        return fields

    def changed(self, **fields: Any) -> Recipe:
        """A copy with some fields replaced, and checked. Raises RecipeError."""
        plain = {
            name: value.model_dump(mode="json") if isinstance(value, BaseModel) else value
            for name, value in fields.items()
        }
        return Recipe.from_dict(self.to_dict() | plain)


def _known_fields(path: tuple[str, ...]) -> list[str]:
    kind: type[BaseModel] = Augmentation if "augmentation" in path else More if "more" in path else Recipe
    return list(kind.model_fields)


_FAST_FORM: dict[str, Any] = {
    "optimizer": "adamw",
    "learning_rate": 0.02,
    "weight_decay": 0.01,
    "decay_all": False,
    "schedule": "one_cycle",
    "anneal_strategy": "linear",
    "pct_start": 0.2,
    "div_factor": 10,
    "final_div_factor": 100,
    "cycle_momentum": False,
}

RECIPES: dict[str, Recipe] = {
    "fast": Recipe.from_dict({**_FAST_FORM, "epochs": 3, "ema_decay": 0.99, "pct_start": 0.1}),
    "course": Recipe(),
    "best": Recipe.from_dict(
        {
            **_FAST_FORM,
            "epochs": 19,
            "ema_decay": 0.998,
            "augmentation": {"rotation": 10, "translation": 0.1, "scale": [0.9, 1.1], "shear": 5},
        }
    ),
    "task-2": Recipe(epochs=19, augmentation=Augmentation(rotation=10, interpolation="nearest")),
}
"""Recipes by name; the first is what the lab proposes."""
