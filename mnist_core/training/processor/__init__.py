"""Layers that do what torch's do, faster on a processor."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from mnist_core.training.processor import depthwise, dropout


def compiled_before() -> bool:
    """Whether an earlier process has left the compiled layers; else they take about 20 seconds."""
    return any((Path(__file__).parent / "__pycache__").glob("*.nbi"))


def use_here(model: nn.Module) -> None:
    """Put them in the place of torch's in `model`; its tensors and their names stay.

    They are for training: in eval mode they compute what torch's do. Where Numba or its OpenMP is missing,
    norms and poolings remain torch's.
    """
    dropout.use_here(model)
    depthwise.use_here(model)
    try:
        from mnist_core.training.processor import norm, pool
    except ImportError:
        return
    norm.use_here(model)
    pool.use_here(model)
