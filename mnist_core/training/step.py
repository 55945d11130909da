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

    def __call__(self, order: Tensor, place: int, number: int, rate: Rate) -> Tensor:
        """Train on batch `place`, from 0, of the epoch's `order`; it is step `number` of the run, from 0.

        Returns the loss of the batch before the step, still on the device.
        """
        size = self.state.recipe.batch_size
        inputs, labels = self.look(order[place * size : (place + 1) * size], number)
        seed_default(self.state.device, seed_of(self.state.recipe.seed, DROPOUT, number))
        loss = self.gradients(inputs, labels)
        self.change(number, rate)
        return loss

    def look(self, numbers: Tensor, number: int) -> tuple[Tensor, Tensor]:
        """The images with these numbers (N,), augmented as in step `number`, and their labels."""
        images, labels = self.splits.train_images[numbers], self.splits.train_labels[numbers]
        self.generator.manual_seed(seed_of(self.state.recipe.seed, AUGMENT, number))
        data = self.splits.data
        inputs = augmented(images, self.state.recipe.augmentation, data.mean, data.std, self.generator)
        return inputs.contiguous(memory_format=torch.channels_last), labels

    def gradients(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """Trace back: new gradients, sums that have grown, and the loss.

        With a teacher the target is what it says of the same augmented images, and nothing of the labels:
        distillation (Hinton et al. 2015, arXiv 1503.02531) at temperature 1.
        """
        state, target = self.state, labels
        with autocast(state.device, state.precision):
            if state.teacher is not None:
                target = state.teacher(inputs).float().softmax(dim=1)
            outputs = state.model(inputs)
        loss = F.cross_entropy(outputs.float(), target, label_smoothing=state.recipe.label_smoothing)
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
