"""How far a digit may be changed before a net names it differently."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from mnist_core.probe.inference import predict
from mnist_core.training.augment import affine

STEPS = 41  # amounts along the range of a change; odd, so that the middle is one of them

Apply = Callable[[Tensor, Tensor], Tensor]
"""(N, 1, 28, 28) digits in [0, 1] and (N,) amounts -> changed digits, before they are clipped to [0, 1]."""


@dataclass(frozen=True)
class Change:
    """One way of changing a prepared digit; `neutral` is the amount in [low, high] that changes nothing."""

    title: str
    unit: str
    low: float
    high: float
    neutral: float
    help: str
    apply: Apply

    def amounts(self) -> NDArray[np.float32]:
        """(STEPS,) amounts in order. The neutral one is among them, whatever the range."""
        amounts = np.linspace(self.low, self.high, STEPS, dtype=np.float32)
        amounts[np.abs(amounts - self.neutral).argmin()] = self.neutral
        return amounts


@dataclass(frozen=True, eq=False)
class Curve:
    """What a net says along the range of one change.

    amounts        (S,)
    digits         (S, 28, 28) the changed digits, in [0, 1]
    probabilities  (S, 10)
    named          the digit that the net names where nothing is changed
    flips          the amounts nearest to the neutral one, below and above it, at which the net names
                   another; None where it never does
    """

    amounts: NDArray[np.float32]
    digits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    named: int
    flips: tuple[float | None, float | None]


def changed(digit: ArrayLike, change: Change, amounts: ArrayLike) -> NDArray[np.float32]:
    """The digit (28, 28) changed by each of the amounts (S,): (S, 28, 28) in [0, 1]."""
    one = torch.as_tensor(np.asarray(digit, dtype=np.float32))[None, None]
    by = torch.as_tensor(np.asarray(amounts, dtype=np.float32))
    several = change.apply(one.expand(len(by), -1, -1, -1), by).clamp(0, 1)
    # Nothing is resampled where nothing is changed.
    same = (by == change.neutral).view(-1, 1, 1, 1)
    return torch.where(same, one, several)[:, 0].numpy()


def curve(checkpoint: Path | str, digit: ArrayLike, change: Change) -> Curve:
    """Ask a checkpoint about the digit (28, 28) along the range of a change. Raises CheckpointError."""
    amounts = change.amounts()
    digits = changed(digit, change, amounts)
    probabilities = predict(checkpoint, digits)
    said = probabilities.argmax(axis=1)
    neutral = int(np.flatnonzero(amounts == change.neutral)[0])
    named = int(said[neutral])
    below, above = np.flatnonzero(said[:neutral] != named), np.flatnonzero(said[neutral:] != named)
    flips = (
        float(amounts[below[-1]]) if len(below) else None,
        float(amounts[neutral + above[0]]) if len(above) else None,
    )
    return Curve(amounts, digits, probabilities, named, flips)


def _moved(
    digits: Tensor,
    angle: Tensor | None = None,
    right: Tensor | None = None,
    down: Tensor | None = None,
    scale: Tensor | None = None,
) -> Tensor:
    none = torch.zeros(len(digits))
    translate = torch.stack([none if right is None else right, none if down is None else down])
    larger = torch.ones(len(digits)) if scale is None else scale
    return affine(digits, none if angle is None else angle, translate, larger, none)


def _thickened(digits: Tensor, pixels: Tensor) -> Tensor:
    """Grey dilation (erosion for negative pixels) by a 3×3 square, once a pixel; fractions fade over."""
    sign = torch.where(pixels < 0, -1.0, 1.0).view(-1, 1, 1, 1)
    now = digits * sign
    rest = pixels.abs()
    while rest.max() > 0:
        grown = F.max_pool2d(F.pad(now, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        part = rest.clamp(0, 1).view(-1, 1, 1, 1)
        now = now + part * (grown - now)
        rest = (rest - 1).clamp(min=0)
    return now * sign


def _blurred(digits: Tensor, sigma: Tensor) -> Tensor:
    """Each image with a Gaussian of its own width, along rows and then along columns."""
    reach = torch.arange(-12, 13)
    kernels = torch.exp(-0.5 * (reach / sigma.clamp(min=1e-3)[:, None]) ** 2)
    kernels = kernels / kernels.sum(dim=1, keepdim=True)
    images = digits.transpose(0, 1)  # one group of one channel for each image
    for kernel, padding in ((kernels[:, None, :, None], (12, 0)), (kernels[:, None, None, :], (0, 12))):
        images = F.conv2d(images, kernel, padding=padding, groups=len(digits))
    return images.transpose(0, 1)


def _noisy(digits: Tensor, amount: Tensor) -> Tensor:
    """Always the same pattern, only stronger, so that the curve is smooth."""
    pattern = torch.randn(digits.shape[1:], generator=torch.Generator().manual_seed(0))
    return digits + amount.view(-1, 1, 1, 1) * pattern


def _inverted(digits: Tensor, amount: Tensor) -> Tensor:
    by = amount.view(-1, 1, 1, 1)
    return digits * (1 - by) + (1 - digits) * by


CHANGES: dict[str, Change] = {
    "right": Change("Shift across", "px", -10, 10, 0, "Moved to the right, to the left where negative.",
                    lambda digits, by: _moved(digits, right=by)),
    "down": Change("Shift down", "px", -10, 10, 0, "Moved down, up where negative.",
                   lambda digits, by: _moved(digits, down=by)),
    "rotate": Change("Rotate", "°", -180, 180, 0, "Turned clockwise about the middle.",
                     lambda digits, by: _moved(digits, angle=by)),
    "scale": Change("Scale", "×", 0.3, 1.7, 1, "Enlarged about the middle, reduced below 1.",
                    lambda digits, by: _moved(digits, scale=by)),
    "thicken": Change("Thicken, thin", "px", -2, 3, 0, "Strokes grown by so much on every side.", _thickened),
    "blur": Change("Blur", "px", 0, 4, 0, "Gaussian blur of this standard deviation.", _blurred),
    "noise": Change("Noise", "", 0, 1, 0, "Gaussian noise of this deviation; full ink is 1.", _noisy),
    "invert": Change("Invert", "", 0, 1, 0, "Faded over into black ink on white.", _inverted),
}  # fmt: skip
