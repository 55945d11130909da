"""Turn a digit into another one for a net, by changing it as little as possible."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from mnist_core.probe.inference import load_model, one_thread
from mnist_core.training.data import MEAN, STD

STEPS = 100  # at most; a few are enough for most digits
FARTHEST = 0.5  # Euclidean length of one step, in units of full ink
HALVINGS = 12


@dataclass(frozen=True, eq=False)
class Flip:
    """A digit (28, 28) in [0, 1]; the net names it `target` if that was `reached` in so many steps."""

    digit: NDArray[np.float32]
    reached: bool


def smallest_change(path: Path | str, digit: ArrayLike, target: int) -> Flip:
    """Change the digit (28, 28) until the net names the target. Raises CheckpointError.

    Steps along the gradient towards the plane where target and strongest rival draw (as DeepFool,
    Moosavi-Dezfooli, Fawzi, Frossard 2016, with a chosen target), each pixel staying between paper and ink;
    then the way is shortened by halving as long as the answer stays.
    """
    model = load_model(path)
    start = torch.as_tensor(np.asarray(digit, dtype=np.float32)).reshape(1, 1, 28, 28)
    with one_thread(), torch.enable_grad():
        end = _walk(model, start, target)
        reached = _names(model, end, target)
        if reached and not _names(model, start, target):
            end = _shortened(model, start, end, target)
        elif reached:
            end = start
    return Flip(end[0, 0].numpy(), reached)


def _walk(model: nn.Module, x: Tensor, target: int) -> Tensor:
    for _ in range(STEPS):
        x = x.detach().requires_grad_()
        scores = model((x - MEAN) / STD)[0]
        others = scores.detach().clone()
        others[target] = -torch.inf
        lead = scores[target] - scores[int(others.argmax())]
        if lead > 0:
            break
        (gradient,) = torch.autograd.grad(lead, x)
        # Pixels that are black or white already cannot go further.
        stuck = ((x <= 0) & (gradient < 0)) | ((x >= 1) & (gradient > 0))
        gradient = gradient.masked_fill(stuck, 0)
        length = gradient.norm()
        if length == 0:
            break
        step = min((0.05 - lead.item()) / length.item(), FARTHEST)
        x = (x.detach() + step * gradient / length).clamp(0, 1)
    return x.detach()


def _names(model: nn.Module, x: Tensor, target: int) -> bool:
    with torch.no_grad():
        return int(model((x - MEAN) / STD)[0].argmax()) == target


def _shortened(model: nn.Module, start: Tensor, end: Tensor, target: int) -> Tensor:
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _names(model, start + middle * (end - start), target):
            high = middle
        else:
            low = middle
    return start + high * (end - start)
