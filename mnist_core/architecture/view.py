"""What the units of a map see of the input: receptive field, jump and start.

The formulas are those of Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural
Networks" (Distill, 2019): a kernel of effective size k at stride s and padding p gives

    field' = field + (k − 1) · jump      jump' = jump · s      start' = start + ((k − 1) / 2 − p) · jump

in input pixels, where pixel 0 reaches from 0 to 1, so the input itself starts at 0.5. Global pooling and the
first `linear` after a map are kernels as large as the map. The field is unclipped: padding counts. What
normalisation layers take from whole maps (their statistics) is left out, as everywhere in the literature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .layers import Pair, Shape


def pair(value: int | Pair) -> Pair:
    """An int stands for the same number on both axes."""
    return (value, value) if isinstance(value, int) else value


def effective(kernel_size: int | Pair, dilation: int | Pair) -> Pair:
    """The extent of a kernel whose taps are `dilation` apart."""
    (kh, kw), (dh, dw) = pair(kernel_size), pair(dilation)
    return (kh - 1) * dh + 1, (kw - 1) * dw + 1


@dataclass(frozen=True)
class View:
    """A map and what its units see: everything about the data between two layers.

    `field`, `jump` and `start` are (vertical, horizontal) in input pixels: the size of a unit's receptive
    field, the distance between neighbouring units' centres, and the centre of the first unit's field.
    `grid` is the height and width of the map, or of the map that was flattened.
    """

    shape: Shape
    grid: Pair
    field: Pair = (1, 1)
    jump: Pair = (1, 1)
    start: tuple[float, float] = (0.5, 0.5)

    def slide(self, shape: Shape, kernel: Pair, stride: Pair, padding: Pair) -> View:
        """The view after a window of effective size `kernel` has slid over the map."""
        (fh, fw), (jh, jw), (sh, sw) = self.field, self.jump, self.start
        return View(
            shape,
            (shape[1], shape[2]) if len(shape) == 3 else (1, 1),
            (fh + (kernel[0] - 1) * jh, fw + (kernel[1] - 1) * jw),
            (jh * stride[0], jw * stride[1]),
            (
                sh + ((kernel[0] - 1) / 2 - padding[0]) * jh,
                sw + ((kernel[1] - 1) / 2 - padding[1]) * jw,
            ),
        )

    def sees(self, region: Sequence[Pair]) -> bool:
        """Whether one unit's field contains the pixels (first, end) of a region, on both axes."""
        return all(
            any(
                start + unit * jump - field / 2 <= first and end <= start + unit * jump + field / 2
                for unit in range(size)
            )
            for (first, end), start, jump, field, size in zip(
                region, self.start, self.jump, self.field, self.grid, strict=True
            )
        )

    def cover(self, shape: Shape) -> View:
        """The view after units that see the whole map."""
        return self.slide(shape, self.grid, self.grid, (0, 0))
