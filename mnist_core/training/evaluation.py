"""What a model says about images, without training it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mnist_core.training.augment import normalized
from mnist_core.training.data import MEAN, STD, Dataset
from mnist_core.training.precision import exact

_BATCH = 500  # larger ones are no faster on a processor, and need more memory than its caches have
_GPU_BATCH = 2_500


@torch.inference_mode()
def logits(model: nn.Module, images: Tensor, mean: float = MEAN, std: float = STD) -> Tensor:
    """(N, 10) float32 for images (N, 28, 28), uint8 or grey values in [0, 1], in eval mode and float32.

    The model may be in either mode and on any device; afterwards it is as it was.
    """
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    parts = []
    try:
        for batch in images.split(_BATCH if device.type == "cpu" else _GPU_BATCH):
            batch = batch.to(device)
            if batch.dtype == torch.uint8:
                inputs = normalized(batch, mean, std)
            else:
                inputs = (batch.float().unsqueeze(1) - mean) / std
            with exact(device):
                parts.append(model(inputs.contiguous(memory_format=torch.channels_last)).float())
        return torch.cat(parts)
    finally:
        model.train(was_training)


def predict(model: nn.Module, images: Tensor, mean: float = MEAN, std: float = STD) -> Tensor:
    """Probabilities (N, 10) of the ten digits, as `logits`."""
    return logits(model, images, mean, std).softmax(dim=1)


@torch.inference_mode()
def evaluate(model: nn.Module, images: Tensor, labels: Tensor, data: Dataset) -> tuple[float, float]:
    """(mean cross-entropy in nats, accuracy in [0, 1]) on images (N, 28, 28) of this data set."""
    outputs = logits(model, images, data.mean, data.std)
    labels = labels.to(outputs.device)
    loss = F.cross_entropy(outputs, labels)
    return float(loss), int((outputs.argmax(dim=1) == labels).sum()) / len(labels)
