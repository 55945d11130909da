"""The parts of a data set, resident on the training device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mnist_core.training.data import Dataset
from mnist_core.training.recipe import Recipe
from mnist_core.training.state import TrainingError

_SPLIT_SEED = 20_260  # which images are held out depends on nothing but how many


@dataclass(frozen=True, eq=False)
class Splits:
    """Images (N, 28, 28) uint8 and labels (N,) on one device; no validation unless the recipe asks for it."""

    data: Dataset
    batch_size: int
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    validation_images: Tensor | None = None
    validation_labels: Tensor | None = None

    @property
    def images_per_epoch(self) -> int:
        """Training images, without a last batch of only one: a single image has no batch statistics."""
        count = len(self.train_images)
        return count - 1 if count > 1 and count % self.batch_size == 1 and self.batch_size > 1 else count

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch; the last one may be smaller."""
        return -(-self.images_per_epoch // self.batch_size)

    def order(self, seed: int) -> Tensor:
        """Which image comes when in an epoch; drawn on the CPU, so that it is the same on every device."""
        order = torch.randperm(len(self.train_images), generator=torch.Generator().manual_seed(seed))
        return order[: self.images_per_epoch].to(self.train_images.device)


def split(data: Dataset, recipe: Recipe, device: torch.device) -> Splits:
    """The splits that the recipe wants, on the device. Raises TrainingError when too many are held out."""
    images, labels = data.train_images.to(device), data.train_labels.to(device)
    test = data.test_images.to(device), data.test_labels.to(device)
    if not recipe.validation_size:
        return Splits(data, recipe.batch_size, images, labels, *test)
    if recipe.validation_size >= len(images):
        raise TrainingError(
            f"validation_size is {recipe.validation_size:,}, but {data.name} has only {len(images):,} "
            f"training images. Hold out at most {len(images) // 2:,}."
        )
    order = _shuffled(len(images)).to(device)
    held, kept = order[: recipe.validation_size], order[recipe.validation_size :].sort().values
    return Splits(data, recipe.batch_size, images[kept], labels[kept], *test, images[held], labels[held])


def held_out(images: int, validation_size: int) -> Tensor:
    """The numbers, from 0, of those of so many training images that `split` holds out for validation."""
    return _shuffled(images)[:validation_size]


def development(data: Dataset, validation_size: int, images: int) -> Dataset:
    """The data to choose designs and recipes on: the first `images` of those that `split` would train on.

    The images held out for validation, the same that `split` holds out, stand in place of the test images,
    which are not in it at all: whatever is measured on this data set is validation. Raises TrainingError.
    """
    order = _shuffled(len(data.train_images))
    left = len(order) - validation_size
    if not 0 < images <= left:
        raise TrainingError(
            f"{images:,} training images are asked for, but {data.name} has {max(left, 0):,} beside the "
            f"{validation_size:,} of the validation split. Ask for 1 to {max(left, 0):,}."
        )
    held, kept = order[:validation_size], order[validation_size : validation_size + images]
    train = data.train_images[kept], data.train_labels[kept]
    return Dataset(data.name, *train, data.train_images[held], data.train_labels[held], data.mean, data.std)


def _shuffled(images: int) -> Tensor:
    return torch.randperm(images, generator=torch.Generator().manual_seed(_SPLIT_SEED))
