"""Layers that do what torch's do, faster on a processor."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from torch import nn

from mnist_core.training.processor import depthwise


def compiled_before() -> bool:
    """Whether nothing is left to compile, which takes half a minute: an earlier process has done it."""
    return not _compiled() or any((Path(__file__).parent / "__pycache__").glob("*.nbi"))


def use_here(model: nn.Module) -> None:
    """Put them in the place of torch's in `model`; its tensors and their names stay.

    They are for training: in eval mode they compute what torch's do. Where Numba or its OpenMP is missing,
    all but depthwise convolutions remain torch's.
    """
    for kind in (depthwise, *_compiled()):
        kind.use_here(model)


def _compiled() -> tuple[ModuleType, ...]:
    """The kinds that Numba compiles; none where it cannot."""
    try:
        from mnist_core.training.processor import dropout, norm, pool
    except ImportError:
        return ()
    return dropout, norm, pool
