"""Random numbers that depend on nothing but the recipe's seed, their purpose and the step.

Generators are seeded anew before each use. So there is no random state to save, a resumed run draws what the
unbroken one would have drawn, and nothing that others draw in the same process changes a run.
"""

from __future__ import annotations

import torch

ORDER, AUGMENT, DROPOUT = range(3)
_MASK = 2**64 - 1


def seed_of(seed: int, purpose: int, index: int) -> int:
    """A well-mixed seed in 0…2^63-1. The mixing is that of SplitMix64 (Steele, Lea, Flood 2014)."""
    state = (seed * 0x9E3779B97F4A7C15 + purpose * 0xD1B54A32D192ED03 + index * 0x8CB92BA72F3D8DD7) & _MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    return (state ^ (state >> 31)) >> 1


def seed_default(device: torch.device, seed: int) -> None:
    """Seed the generator that dropout layers draw from; torch.manual_seed would seed every device, slowly."""
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)
