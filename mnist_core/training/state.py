"""Everything that a training run is at one moment: it can be saved at any yield of `train`.

There is no random state beside seed and position, see randomness.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from mnist_core.architecture.model import build
from mnist_core.architecture.spec import ModelSpec
from mnist_core.training import processor
from mnist_core.training.optimizer import load_optimizer, optimizer_of
from mnist_core.training.recipe import Recipe
from mnist_core.training.schedule import Plateau, Rate

_INPUT = (1, 28, 28)
_PRECISIONS = ("", "float32", "bfloat16")  # "" is not chosen yet


class TrainingError(Exception):
    """Training cannot start or go on; the message says where, what is wrong and what to do."""


@contextmanager
def single_values_refused() -> Iterator[None]:
    """Says what is wrong where a normalisation gets one value a channel: one image, and a map of 1×1."""
    try:
        yield
    except ValueError as error:
        if not str(error).startswith("Expected more than 1"):
            raise
        raise TrainingError(
            "A normalisation gets a single value a channel, so it would always give 0: the map is 1×1 there, "
            "and the batch has one image. Use a batch size of 2 or more, or put the normalisation before the "
            "pooling."
        ) from None


def choose_device(wanted: str) -> torch.device:
    """ "auto" is CUDA, else MPS, else the CPU. Raises TrainingError when a named one is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, found in there.items() if found))
    if not there.get(wanted, False):
        found = " or ".join(name for name, is_there in there.items() if is_there)
        raise TrainingError(f"The recipe's device is {wanted}, but this machine has only {found}. Use auto.")
    return torch.device(wanted)


@dataclass(eq=False)
class TrainingState:
    """A model in training.

    epoch: epochs that are finished; step: steps of the current epoch that are. `average` has the averaged
    weights (it is the model itself when the recipe averages none). `sums` (2,) holds loss × images and right
    guesses of the current epoch so far, `seconds` its time. `precision` is "" until it has been chosen;
    `remark` then says why. `teacher` is the trained net that the recipe names, if it names one.
    """

    recipe: Recipe
    device: torch.device
    model: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    sums: Tensor
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    learning_rate_scale: float = 1.0
    plateau: Plateau = field(default_factory=Plateau)
    precision: str = ""
    remark: str = ""
    teacher: nn.Module | None = None
    _floats: tuple[list[Tensor], list[Tensor]] | None = None

    @classmethod
    def new(cls, spec: ModelSpec, recipe: Recipe, device: str | None = None) -> TrainingState:
        """An untrained model, initialised from the recipe's seed. Raises SpecError, TrainingError."""
        if tuple(spec.input_shape) != _INPUT:
            raise TrainingError(
                f"The design takes {spec.input_shape} images, the data's are {_INPUT}. Change input_shape."
            )
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(recipe.seed)
            model = build(spec)
        return cls.of(model, recipe, device)

    @classmethod
    def of(cls, model: nn.Module, recipe: Recipe, device: str | None = None) -> TrainingState:
        """Training of this very module, (N, 1, 28, 28) -> (N, 10) logits or log-probabilities."""
        place = choose_device(device or recipe.device)
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise TrainingError(
                "The design has no parameters, so there is nothing to train. Add a layer that learns."
            )
        if recipe.dropout is not None:
            for module in model.modules():
                if isinstance(module, nn.Dropout | nn.Dropout2d):
                    module.p = recipe.dropout
        model.to(place).to(memory_format=torch.channels_last).train()
        _rectify_in_place(model)
        if place.type == "cpu":
            processor.use_here(model)
        average = deepcopy(model).requires_grad_(False) if recipe.ema_decay else model
        sums = torch.zeros(2, dtype=torch.float32 if place.type == "mps" else torch.float64, device=place)
        precision = "" if recipe.precision == "auto" else recipe.precision
        return cls(
            recipe, place, model, average, optimizer_of(model, recipe, place), sums, precision=precision
        )

    @property
    def finished(self) -> bool:
        """Whether all epochs of the recipe are done."""
        return self.epoch >= self.recipe.total_epochs

    def learn_from(self, teacher: nn.Module) -> None:
        """Learn what this trained net says of the images in place of their labels."""
        self.teacher = teacher.to(self.device).to(memory_format=torch.channels_last)
        self.teacher.eval().requires_grad_(False)

    def set_learning_rate_scale(self, scale: float) -> None:
        """Multiply the scheduled rate by this from the next step on (1 is the recipe's own)."""
        if not 0 < scale <= 1_000:
            raise TrainingError(
                f"The learning rate's scale is {scale}; it must lie above 0 and not above 1,000."
            )
        self.learning_rate_scale = scale

    def set_rate(self, rate: Rate) -> None:
        """Let the optimizer take its next step with this rate and momentum."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate.learning_rate
            if "betas" in group:
                group["betas"] = (rate.momentum, group["betas"][1])
            else:
                group["momentum"] = rate.momentum

    def share(self, t: int) -> float:
        """The model's share of the average after step t, from 1: 1 - min(ema_decay, (1 + t) / (10 + t))."""
        return 1 - min(self.recipe.ema_decay, (1 + t) / (10 + t))

    def averaged(self) -> tuple[list[Tensor], list[Tensor]]:
        """The tensors of the average and those of the model that they follow; none when it is the model.

        Running statistics are averaged like weights, so that they belong to them.
        """
        if not self._floats and self.average is not self.model:
            self._floats = _floats(self.average), _floats(self.model)
        return self._floats or ([], [])

    @torch.no_grad()
    def update_average(self, share: float | list[Tensor]) -> None:
        """average ← (1 - share) · average + share · model; shares in tensors have the averages' shapes."""
        averaged, current = self.averaged()
        if averaged:
            torch._foreach_lerp_(averaged, current, share)

    def close_epoch(self, loss: float) -> None:
        """Go on to the next epoch; `loss` is what a plateau schedule looks at."""
        if self.recipe.schedule == "plateau":
            self.plateau = self.plateau.after(loss, self.recipe)
        self.epoch, self.step, self.seconds = self.epoch + 1, 0, 0.0
        self.sums.zero_()

    def model_tensors(self) -> dict[str, Tensor]:
        """The weights to use and to ship, averaged when the recipe averages: state-dict name -> CPU copy."""
        return _copies(self.average.state_dict())

    def to_tensors(self) -> dict[str, Tensor]:
        """All of it as CPU tensors by dotted name; `from_tensors` makes the same state again."""
        tensors = _copies(self.model.state_dict(), "model.")
        if self.average is not self.model:
            tensors |= _copies(self.average.state_dict(), "average.")
        for name, parameter in self.model.named_parameters():
            tensors |= _copies(self.optimizer.state.get(parameter, {}), f"optimizer.{name}.")
        tensors["sums"] = self.sums.to("cpu", copy=True)
        tensors["position"] = torch.tensor([self.epoch, self.step, self.plateau.bad_epochs])
        tensors["precision"] = torch.tensor(_PRECISIONS.index(self.precision))
        tensors["numbers"] = torch.tensor(
            [self.seconds, self.learning_rate_scale, self.plateau.factor, self.plateau.best],
            dtype=torch.float64,
        )
        return tensors

    @classmethod
    def from_tensors(
        cls, spec: ModelSpec, recipe: Recipe, tensors: dict[str, Tensor], device: str | None = None
    ) -> TrainingState:
        """The state that `to_tensors` gave. The recipe may ask for more epochs. Raises TrainingError."""
        state = cls.new(spec, recipe, device)
        state.restore(tensors)
        return state

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Become the state that `to_tensors` gave for a model and recipe like these. Raises TrainingError."""
        try:
            _load(self.model, tensors, "model.")
            if self.average is not self.model:
                _load(self.average, tensors, "average.")
            load_optimizer(self.model, self.optimizer, tensors)
            self.sums.copy_(tensors["sums"])
            self.epoch, self.step, bad_epochs = (int(n) for n in tensors["position"])
            self.seconds, self.learning_rate_scale, factor, best = (float(n) for n in tensors["numbers"])
            self.precision = _PRECISIONS[int(tensors["precision"])]
        except (KeyError, IndexError, ValueError, RuntimeError) as error:
            raise TrainingError(
                f"The saved training state does not fit this design and recipe ({error}). Start a new run."
            ) from error
        if min(self.epoch, self.step) < 0 or not math.isfinite(self.learning_rate_scale):
            raise TrainingError("The saved training state has an impossible position. Start a new run.")
        self.plateau = Plateau(factor, best, bad_epochs)


def _copies(values: dict[str, Any], prefix: str = "") -> dict[str, Tensor]:
    return {
        prefix + name: value.detach().to("cpu", copy=True).contiguous()
        for name, value in values.items()
        if isinstance(value, Tensor)
    }


def _floats(model: nn.Module) -> list[Tensor]:
    return [tensor for tensor in (*model.parameters(), *model.buffers()) if tensor.is_floating_point()]


def _rectify_in_place(model: nn.Module) -> None:
    """Let a ReLU overwrite its input where nothing else needs it: the same numbers, less memory."""
    for sequence in model.modules():
        if isinstance(sequence, nn.Sequential):
            for before, layer in pairwise(sequence):
                if isinstance(layer, nn.ReLU) and isinstance(before, nn.Conv2d | nn.BatchNorm2d | nn.Linear):
                    layer.inplace = True


def _load(model: nn.Module, tensors: dict[str, Tensor], prefix: str) -> None:
    model.load_state_dict({name: tensors[prefix + name] for name in model.state_dict()})
