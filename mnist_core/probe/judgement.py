"""What a checkpoint says of every image of a split: the confusion matrix and the worst mistakes.

Which split that is, says `watching.sight`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from mnist_core.probe.inference import load_model, one_thread
from mnist_core.runs.checkpoint import describe
from mnist_core.training import data, evaluation
from mnist_core.training.data import CLASSES
from mnist_core.training.splits import held_out

CHUNK = 250  # images between which others may ask a net: about 40 ms of a small one

Split = Literal["test", "validation"]


@dataclass(frozen=True, eq=False)
class Digits:
    """The images of a split, uint8 (N, 28, 28), ink 255; labels (N,); numbers (N,) in the data's own files.

    A validation split is part of the training images, so its numbers are those of training images.
    """

    data: str
    split: Split
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    numbers: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@lru_cache(maxsize=3)  # 8 MB each
def digits_of(name: str, validation_size: int = 0) -> Digits:
    """The test images of a data set, or so many held-out training images. Fetches none: raises DataError."""
    whole = data.load_mnist(data.data_folder(), ()) if name == "mnist" else data.load(name)
    if not validation_size:
        numbers = np.arange(len(whole.test_labels))
        return Digits(name, "test", whole.test_images.numpy(), whole.test_labels.numpy(), numbers)
    held = held_out(len(whole.train_labels), validation_size)
    images, labels = whole.train_images[held].numpy(), whole.train_labels[held].numpy()
    return Digits(name, "validation", images, labels, held.numpy())


@dataclass(frozen=True, eq=False)
class Judgement:
    """What a net says of all digits of a split.

    probabilities  (N, 10)
    losses         (N,) cross-entropy of each image in nats
    epochs         after how many epochs; 0 where the checkpoint does not say
    """

    digits: Digits
    probabilities: NDArray[np.float32]
    losses: NDArray[np.float32]
    epochs: int = 0

    @property
    def said(self) -> NDArray[np.int64]:
        """(N,) the likeliest digit of each image."""
        return self.probabilities.argmax(axis=1)

    @property
    def confusion(self) -> NDArray[np.int64]:
        """(10, 10): how many images of the digit of the row were named as the digit of the column."""
        pairs = CLASSES * self.digits.labels + self.said
        return np.bincount(pairs, minlength=CLASSES * CLASSES).reshape(CLASSES, CLASSES)

    def cell(self, true: int, said: int) -> NDArray[np.int64]:
        """Where the images of a cell of the matrix are in the split, the worst first."""
        return self._worst((self.digits.labels == true) & (self.said == said))

    def mistakes(self) -> NDArray[np.int64]:
        """Where the images are that it names wrong, the worst first."""
        return self._worst(self.digits.labels != self.said)

    def _worst(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        found = np.flatnonzero(chosen)
        return found[np.argsort(-self.losses[found], kind="stable")]


def judge(path: Path, digits: Digits) -> Judgement:
    """Ask the checkpoint about all images, on one thread. Raises CheckpointError."""
    epochs = describe(path).figures.get("epochs")
    model = load_model(path)
    parts = []
    for images in torch.from_numpy(digits.images).split(CHUNK):
        with one_thread():
            parts.append(evaluation.logits(model, images))
    logits = torch.cat(parts)
    losses = F.cross_entropy(logits, torch.from_numpy(digits.labels), reduction="none")
    probabilities = logits.softmax(dim=1).numpy()
    return Judgement(digits, probabilities, losses.numpy(), epochs if isinstance(epochs, int) else 0)


def first_guesses(probabilities: NDArray[np.float32], count: int = 3) -> Sequence[tuple[int, float]]:
    """The likeliest digits of one image's (10,) probabilities, the likeliest first."""
    order = np.argsort(-probabilities, kind="stable")[:count]
    return [(int(digit), float(probabilities[digit])) for digit in order]
