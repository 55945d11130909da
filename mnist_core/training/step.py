"""One training step: from the numbers of a batch's images to changed weights and their average."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from mnist_core.training.augment import augmented
from mnist_core.training.precision import autocast
from mnist_core.training.randomness import AUGMENT, DROPOUT, seed_default, seed_of
from mnist_core.training.schedule import Rate
from mnist_core.training.splits import Splits
from mnist_core.training.state import TrainingState


@dataclass(eq=False)
class Step:
    """Takes the steps of one training, as operations that PyTorch starts one by one.

    Nothing in a step waits for the device, and nothing in it is copied from the host's memory.
    """

    state: TrainingState
    splits: Splits
    generator: Generator = field(init=False)

    def __post_init__(self) -> None:
        self.generator = Generator(self.state.device)

    def __call__(self, batch: Tensor, number: int, rate: Rate) -> Tensor:
        """Train on the images with the numbers in `batch` (N,). `number` counts the run's steps from 0.

        Returns the loss of the batch before the step, still on the device.
        """
        self.seed(number)
        loss = self.gradients(batch)
        self.change(number, rate)
        return loss

    def seed(self, number: int) -> None:
        """Let augmentation and dropout draw what they draw in this step."""
        seed = self.state.recipe.seed
        self.generator.manual_seed(seed_of(seed, AUGMENT, number))
        seed_default(self.state.device, seed_of(seed, DROPOUT, number))

    def gradients(self, batch: Tensor) -> Tensor:
        """Augment, look and trace back: new gradients, sums that have grown, and the loss."""
        state, data, recipe = self.state, self.splits.data, self.state.recipe
        images, labels = self.splits.train_images[batch], self.splits.train_labels[batch]
        inputs = augmented(images, recipe.augmentation, data.mean, data.std, self.generator)
        with autocast(state.device, state.precision):
            outputs = state.model(inputs.contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(outputs.float(), labels, label_smoothing=recipe.label_smoothing)
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        with torch.no_grad():
            right = (outputs.argmax(dim=1) == labels).sum()
            state.sums += torch.stack([loss * len(labels), right])
        return loss.detach()

    def change(self, number: int, rate: Rate) -> None:
        """Let the optimizer change the weights, and the average follow them."""
        self.state.set_rate(rate)
        self.state.optimizer.step()
        self.state.update_average(self.state.share(number + 1))
