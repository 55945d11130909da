"""The recipe's optimizer: PyTorch's own, fused where the device has it."""

from __future__ import annotations

import inspect
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from mnist_core.training.recipe import Recipe

_SLOTS = (
    "momentum_buffer",
    "exp_avg",
    "exp_avg_sq",
    "step",
)  # what each keeps of a parameter

Kind = TypeVar("Kind", bound=Optimizer)


def optimizer_of(model: nn.Module, recipe: Recipe, device: torch.device) -> Optimizer:
    """For the parameters of a model on the device."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    decayed = [parameter for parameter in parameters if recipe.decay_all or parameter.ndim >= 2]
    spared = [parameter for parameter in parameters if not recipe.decay_all and parameter.ndim < 2]
    groups = [
        {"params": members, "weight_decay": decay}
        for members, decay in ((decayed, recipe.weight_decay), (spared, 0.0))
        if members
    ]
    fused = device.type in ("cpu", "cuda", "mps")
    if recipe.optimizer == "sgd":
        return light(SGD)(
            groups, recipe.learning_rate, recipe.momentum, nesterov=recipe.nesterov, fused=fused
        )
    kind = Adam if recipe.optimizer == "adam" else AdamW
    return light(kind)(groups, recipe.learning_rate, (recipe.momentum, 0.999), fused=fused)


def light(kind: type[Kind]) -> type[Kind]:
    """`kind` without PyTorch's compiler, whose import takes seconds at the start of a run.

    Its methods import it only to keep it away from them. Their wrappers do nothing else, but that `step` runs
    without gradients.
    """
    inner = {name: inspect.unwrap(getattr(kind, name)) for name in dir(kind)}
    methods = {name: method for name, method in inner.items() if method is not getattr(kind, name)}
    methods["step"] = torch.no_grad()(inner["step"])
    return type(kind.__name__, (kind,), methods)


def load_optimizer(model: nn.Module, optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what it kept, from tensors by the name "optimizer.PARAMETER.SLOT". Raises ValueError."""
    optimizer.state.clear()
    for name, parameter in model.named_parameters():
        for slot in _SLOTS:
            saved = tensors.get(f"optimizer.{name}.{slot}")
            if saved is not None:  # absent before the first step
                like = (
                    torch.zeros((), device=parameter.device)
                    if slot == "step"
                    else torch.empty_like(parameter)
                )
                if saved.shape != like.shape:
                    raise ValueError(f"{slot} of {name} is {tuple(saved.shape)}, not {tuple(like.shape)}")
                optimizer.state[parameter][slot] = like.copy_(saved)
