"""Designs that are wrong on purpose, to learn from."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_core.architecture.spec import ModelSpec
from mnist_core.architecture.text import from_text


@dataclass(frozen=True)
class Mistake:
    """A design that builds and trains, but not well: what to look at, and what to try."""

    name: str
    lesson: str
    layers: str

    @property
    def spec(self) -> ModelSpec:
        return from_text(self.layers, self.name)


MISTAKES = {
    mistake.name: mistake
    for mistake in (
        Mistake(
            "mistake-over-budget",
            "Too many params for any of the courses, and more than half of them in one layer: linear on a "
            "flattened map. What could average the map first?",
            "conv16-b relu bn max2 conv32-b relu bn max2 conv64-b relu bn flat fc50 relu fc10 logsoftmax",
        ),
        Mistake(
            "mistake-too-small-a-field",
            "Under 20,000 params, yet before everything is averaged a unit sees only 7 of 28 pixels: "
            "strokes, not digits. Where would a MaxPool help most?",
            "conv24-b relu bn conv32-b relu bn conv32-b relu bn conv10k1-b gap flat logsoftmax",
        ),
        Mistake(
            "mistake-repeated-batch-norm",
            "The same weights twice, so depth costs no params. But BatchNorm learns one running mean and "
            "variance for both passes: train accuracy comes near 99 %, test accuracy stays far below. "
            "What normalises without running statistics, or where else could it stand?",
            "conv16-b bn relu max2 2x(conv16p1-b bn relu) max2 2x(conv16p1-b bn relu) gap flat fc10",
        ),
    )
}
