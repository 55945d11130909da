"""Compile the layers, so that the first run need not wait: python -m mnist_core.training.processor"""

from __future__ import annotations

import torch
from torch import nn

from mnist_core.training.processor import use_here


def compile_all() -> None:
    """One step of a net that has them all, in each precision."""
    layers = nn.BatchNorm2d(3), nn.SiLU(), nn.Dropout(), nn.MaxPool2d(2), nn.AvgPool2d(2)
    model = nn.Sequential(*layers)
    use_here(model)
    for dtype in (torch.float32, torch.bfloat16):
        images = torch.zeros(2, 3, 4, 4, dtype=dtype).to(memory_format=torch.channels_last)
        model(images.requires_grad_()).sum().backward()


if __name__ == "__main__":
    compile_all()
