"""Training digits as the net will see them: what an augmentation does, to be looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from mnist_core.training.augment import augmented
from mnist_core.training.augmentation import Augmentation
from mnist_core.training.data import MEAN, STD
from mnist_core.training.sample import training_digits

COUNT = 16
_AMONG = 500  # the first training digits, from which they are taken


@dataclass(frozen=True, eq=False)
class Preview:
    """`before` and `after` (COUNT, 28, 28) in [0, 1]; `data` is "mnist" or "synthetic"."""

    before: np.ndarray
    after: np.ndarray
    data: str


def preview(augmentation: Augmentation, seed: int, data: str = "mnist") -> Preview:
    """COUNT training digits before and after; another seed takes others and draws anew.

    Nothing is downloaded: where MNIST is not there yet, the digits are synthetic.
    """
    pixels, name = training_digits(_AMONG, data)
    chosen = np.random.default_rng(seed).choice(len(pixels), COUNT, replace=False)
    images = torch.from_numpy(pixels[chosen])
    generator = torch.Generator().manual_seed(seed)
    inputs = augmented(images, augmentation, MEAN, STD, generator)
    after = (inputs * STD + MEAN).clamp(0, 1).squeeze(1)
    return Preview(pixels[chosen] / np.float32(255), after.numpy(), name)
