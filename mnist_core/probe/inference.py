"""Ask a checkpoint what digits it sees."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from mnist_core.architecture.spec import ModelSpec
from mnist_core.runs.checkpoint import Checkpoint, CheckpointError, load
from mnist_core.training import evaluation

INPUT_SHAPE = (1, 28, 28)
SMALL = 256  # digits; up to here one thread is as fast as several
LOADED = 16  # models kept in memory; small nets, a few hundred kilobytes each
UNSURE = 0.8  # probability; below it a net counts as not sure, and its two likeliest digits are named


def predict(checkpoint: Path | str | Checkpoint, digits: ArrayLike) -> NDArray[np.float32]:
    """Probabilities (N, 10) of the ten classes for prepared digits (N, 28, 28), values in [0, 1].

    One digit (28, 28) is taken as N = 1. A checkpoint's file is read once and again when it changes.
    Raises CheckpointError for a file that is none, ValueError for digits of another shape.
    """
    images = torch.as_tensor(np.asarray(digits, dtype=np.float32))
    if images.ndim == 2:
        images = images[None]
    if images.ndim != 3 or images.shape[1:] != INPUT_SHAPE[1:]:
        raise ValueError(f"digits have the shape (N, 28, 28), not {tuple(images.shape)}")
    model = checkpoint.model() if isinstance(checkpoint, Checkpoint) else load_model(checkpoint)
    with one_thread(len(images) <= SMALL):
        return evaluation.predict(model, images).numpy()


_threads = threading.Lock()


@contextmanager
def one_thread(wanted: bool = True) -> Iterator[None]:
    """Compute on one thread inside, if wanted.

    Beside a run that trains, torch's threads wait for each other: one digit took 384 ms on two threads
    and 0.9 ms on one. The number of threads is the process's, hence the lock.
    """
    if not wanted:
        yield
        return
    with _threads:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def load_model(path: Path | str) -> nn.Module:
    """The trained model in a file, in eval mode, ready for `predict`. Raises CheckpointError."""
    path = Path(path).absolute()
    try:
        state = path.stat()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}). Name a checkpoint.") from None
    return _load_model(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=LOADED)
def _load_model(path: Path, modified: int, size: int) -> nn.Module:
    """One model for each state of a file; `modified` and `size` are only there to tell them apart."""
    checkpoint = load(path)
    require_digits(checkpoint.spec, str(path))
    return checkpoint.model().requires_grad_(False).to(memory_format=torch.channels_last)


def require_digits(spec: ModelSpec, where: str) -> None:
    """Raises CheckpointError, naming the checkpoint `where`, for a design of other inputs than digits."""
    if spec.input_shape != INPUT_SHAPE:
        raise CheckpointError(
            f"{where}: the model takes inputs of shape {spec.input_shape}, a digit has {INPUT_SHAPE}. "
            f"Choose a checkpoint of a model for MNIST."
        )
