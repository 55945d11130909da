"""Layers that do what torch's do, faster on a processor."""

from __future__ import annotations

from torch import nn

from mnist_core.training.processor import depthwise, dropout


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
