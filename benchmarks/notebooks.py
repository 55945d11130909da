"""The published notebooks' way to train, against which throughput.py measures the lab."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

WARM_UP_BATCHES = 8  # more than the DataLoader's workers have prepared while they waited


def turn(net: str, folder: Path, batch_size: int, device: str) -> Callable[[float], tuple[int, float]]:
    """Trains for so many seconds; gives (images, seconds) of what was timed. `folder` holds MNIST.

    torchvision's MNIST, RandomRotation + ToTensor + Normalize image by image in a DataLoader with two
    workers, float32, SGD.
    """
    import torch
    import torch.nn.functional as F
    from torchvision import datasets, transforms

    from mnist_core.architecture.model import build
    from mnist_core.course.records import ALL

    steps = [
        transforms.RandomRotation((-10, 10)),
        transforms.ToTensor(),
        transforms.Normalize(0.1307, 0.3081),
    ]
    dataset = datasets.MNIST(str(folder), train=True, download=True, transform=transforms.Compose(steps))
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=batch_size, shuffle=True, num_workers=2, pin_memory=device == "cuda"
    )
    model = build(ALL[net].spec).to(device).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def batches() -> Iterator[Any]:
        while True:
            yield from loader

    source = batches()

    def train(seconds: float) -> tuple[int, float]:
        images, start, count = 0, time.perf_counter(), 0
        while count <= WARM_UP_BATCHES or time.perf_counter() - start < seconds:
            inputs, labels = (part.to(device) for part in next(source))
            optimizer.zero_grad()
            loss = F.nll_loss(F.log_softmax(model(inputs), dim=1), labels)
            loss.backward()
            optimizer.step()
            count += 1
            if count == WARM_UP_BATCHES:
                wait(device)
                images, start = 0, time.perf_counter()
            elif count > WARM_UP_BATCHES:
                images += len(labels)
        wait(device)
        return images, time.perf_counter() - start

    return train


def wait(device: str) -> None:
    """Until the device has done what it was given."""
    import torch

    if device == "cuda":
        torch.cuda.synchronize()
