"""Ready-made groups of layers, in the compact text form."""

from __future__ import annotations

from dataclasses import dataclass

from .layers import AnyLayer
from .text import from_text


@dataclass(frozen=True)
class Group:
    """Layers that belong together: what they are called, what they are for, and their text."""

    name: str
    help: str
    text: str

    @property
    def layers(self) -> tuple[AnyLayer, ...]:
        return from_text(self.text).layers


GROUPS = {
    group.name: group
    for group in (
        Group(
            "conv block",
            "convolution, ReLU, BatchNorm, dropout: the course's usual block",
            "conv16-b relu bn drop2d0.05",
        ),
        Group(
            "conv-BN-ReLU block",
            "convolution, BatchNorm, ReLU: the usual order in the literature",
            "conv16p1-b bn relu",
        ),
        Group(
            "separable block",
            "depthwise 3×3 (groups = channels), then 1×1: a sixth of a 3×3's params, a wide one a ninth",
            "conv16p1g16-b bn relu conv16k1-b bn relu",
        ),
        Group(
            "transition block",
            "1×1 convolution to fewer channels, then MaxPool: halves the map",
            "conv8k1-b relu max2",
        ),
        Group(
            "output block (1×1, GAP)",
            "1×1 convolution to 10 channels, averaged over the map",
            "conv10k1-b gap flat logsoftmax",
        ),
        Group(
            "output block (GAP, linear)",
            "average over the map, then a fully connected layer to 10",
            "gap flat fc10 logsoftmax",
        ),
        Group(
            "residual block",
            "adds its input to two padded convolutions",
            "res(conv16p1-b bn relu conv16p1-b bn)",
        ),
        Group("repeated block", "applies the same weights twice", "2x(conv16p1-b bn relu)"),
    )
}
