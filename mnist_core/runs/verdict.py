"""Over- or underfitting, named in a sentence with the numbers that it rests on.

Two facts are looked at: the gap between train and test accuracy in the last epoch, and where the test loss
has gone since its lowest. A BatchNorm that is repeated makes a gap, too, which is then named instead. The
train figures are means over an epoch of augmented digits and of a net that still learned, so train below test
is no surprise, and a gap the other way is rather larger than it looks.
Train and test loss are not compared with each other: label smoothing and dropout shift the one only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.layers import (
    BatchNorm2d,
    Conv2d,
    Dropout,
    Dropout2d,
    GroupNorm,
    InstanceNorm,
    Layer,
    LayerNorm,
)
from mnist_core.architecture.report import LayerReport
from mnist_core.architecture.spec import ModelSpec
from mnist_core.runs.figures import number
from mnist_core.training.recipe import Recipe

EARLY = 3  # epochs below which nothing is said
GAP = 0.005  # train above test by this is overfitting; among 10,000 images chance makes at most 0.2 points
RISE = 0.15  # of the test loss over its lowest, both as means of two epochs, is overfitting …
CHANCE = 0.003  # … unless it is below so many nats: the standard error of a mean over 10,000 images
FALL = 0.1  # of the test loss within two epochs: still learning
LAST = 5  # epochs at the end whose trend is told where a net underfits …
DRIFT = 0.05  # … and the share by which the test loss has to change in them to rise or fall
LOW = 0.99  # accuracies below this leave something to be learned in any data of the lab

Kind = Literal["early", "mixed", "overfitting", "underfitting", "learning", "neither"]


@dataclass(frozen=True)
class Verdict:
    """What the curves say; `text` is whole sentences with their numbers."""

    kind: Kind
    text: str


def verdict(epochs: Sequence[dict[str, Any]], recipe: Recipe, spec: ModelSpec) -> Verdict:
    """The verdict on a run's epoch lines, in order. Lines without numbers do not count."""
    split = "test" if not epochs or epochs[-1].get("validation_accuracy") is None else "validation"
    needed = ("train_accuracy", "train_loss", f"{split}_accuracy", f"{split}_loss")
    lines = [line for line in epochs if all(math.isfinite(number(line, name)) for name in needed)]
    if len(lines) < EARLY:
        return Verdict("early", f"Too early to speak of over- or underfitting: {_so_far(len(lines))}.")
    train, test = (number(lines[-1], f"{name}_accuracy") for name in ("train", split))
    numbers = f"train {_percent(train)}, {split} {_percent(test)}"
    losses = [number(line, f"{split}_loss") for line in lines]
    gap = f"a gap of {_points(train - test)} points"
    if train - test >= GAP and (norms := analyze(spec).mixed_norms):
        return Verdict("mixed", f"Mixed statistics: {numbers}, {gap}. {_mixed(norms)}")
    if risen := _risen(lines, losses, split):
        remedy = f"Fewer epochs, {_noise(recipe, spec)} help."
        return Verdict("overfitting", f"Overfitting: {risen} ({numbers}). {remedy}")
    if train - test >= GAP:
        remedy = f"Fewer params, {_noise(recipe, spec)} close it."
        return Verdict("overfitting", f"Overfitting: {numbers}, {gap}. {remedy}")
    normal = _why_below(recipe, spec) if train < test else ""
    if train < LOW and test < LOW:
        kind, text = _below(numbers, losses, split, _easier(recipe, spec))
        return Verdict(kind, f"{text} {normal}".rstrip())
    facts = f"{numbers} (gap {_points(train - test)} points), {_trend(losses, split)}."
    return Verdict("neither", f"Neither over- nor underfitting: {facts} {normal}".rstrip())


def _mixed(norms: Sequence[LayerReport]) -> str:
    where = ", ".join(f"layer {report.index}" for report in norms)
    return (
        f"The batch_norm2d inside repeat ({where}) keeps one running mean and variance for passes that have "
        "different ones, and the test uses these. Put it after the repeat, or use group_norm."
    )


def _so_far(count: int) -> str:
    done = "no epoch has" if count == 0 else "one epoch has" if count == 1 else f"{count} epochs have"
    return f"{done} ended, {EARLY} are needed"


def _risen(lines: Sequence[dict[str, Any]], losses: Sequence[float], split: str) -> str:
    """Where the loss was lowest and how far it has risen while the train loss fell; empty if it has not."""
    means = [(before + after) / 2 for before, after in pairwise(losses)]
    low = means.index(min(means))
    rise = means[-1] - means[low]
    was, now = number(lines[low + 1], "train_loss"), number(lines[-1], "train_loss")
    if rise < max(CHANCE, RISE * means[low]) or now >= was:
        return ""
    return (
        f"since epoch {lines[low + 1].get('epoch')} the {split} loss has risen from {means[low]:.4f} to "
        f"{means[-1]:.4f} (means of two epochs) while the train loss fell from {was:.4f} to {now:.4f}"
    )


def _below(numbers: str, losses: Sequence[float], split: str, remedies: Sequence[str]) -> tuple[Kind, str]:
    """Both accuracies are low: because it has not learned long enough, or because it cannot."""
    before, now = losses[-3], losses[-1]
    if before - now >= FALL * before:
        fall = f"the {split} loss fell from {before:.4f} to {now:.4f} in two epochs"
        return "learning", f"Still learning: {numbers}, and {fall}. More epochs help."
    falls, trend = _drift(losses[-LAST:])
    ways = ["more epochs", *remedies] if falls else remedies
    help_ = f"{', '.join(ways[:-1])} or {ways[-1]} can help."
    stuck = f"both below {100 * LOW:g} %, and the {split} loss {trend}"
    return "underfitting", f"Underfitting: {numbers}, {stuck}. {help_[0].upper()}{help_[1:]}"


def _drift(losses: Sequence[float]) -> tuple[bool, str]:
    """Whether the loss falls over these epochs, and how it moves, by means of two."""
    first, last = (losses[0] + losses[1]) / 2, (losses[-2] + losses[-1]) / 2
    falls = first - last > DRIFT * first
    moves = "still falls slowly" if falls else "rises" if last - first > DRIFT * first else "hardly changes"
    return falls, f"{moves} ({first:.4f} to {last:.4f} in the last {len(losses)} epochs, means of two)"


def _easier(recipe: Recipe, spec: ModelSpec) -> list[str]:
    """What makes learning easier for this net, in this recipe; only what there is can become less."""
    convolves, normalised = _has(spec, Conv2d), _has(spec, BatchNorm2d, GroupNorm, InstanceNorm, LayerNorm)
    return [
        "more params",
        *(["BatchNorm"] if convolves and not normalised else []),
        *(["less augmentation"] if recipe.augmentation.active else []),
        *(["less dropout"] if _drops(recipe, spec) else []),
        "another learning rate",
    ]


def _noise(recipe: Recipe, spec: ModelSpec) -> str:
    """What makes learning by heart harder."""
    more = ["more " if there else "" for there in (recipe.augmentation.active, _drops(recipe, spec))]
    return f"{more[0]}augmentation or {more[1]}dropout"


def _trend(losses: Sequence[float], split: str) -> str:
    low, now = min(losses), losses[-1]
    if now <= low:
        return f"{split} loss {now:.4f}, its lowest"
    return f"{split} loss {now:.4f}, {100 * (now / low - 1):.0f} % above its lowest"


def _why_below(recipe: Recipe, spec: ModelSpec) -> str:
    """Why the train accuracy may lie below the test accuracy in this run."""
    ways = [
        *(["augmented"] if recipe.augmentation.active else []),
        *(["seen through dropout"] if _drops(recipe, spec) else []),
    ]
    if ways:
        return f"Train below test is normal here: the training digits are {' and '.join(ways)}."
    return "Train below test is normal: it is the mean of an epoch in which the net still learned."


def _drops(recipe: Recipe, spec: ModelSpec) -> bool:
    """Whether dropout acts: a layer is on, and its rate, or the recipe's for all of them, is not 0."""
    return any(
        (layer.p if recipe.dropout is None else recipe.dropout) > 0
        for _, _, layer in spec.walk()
        if layer.enabled and isinstance(layer, Dropout | Dropout2d)
    )


def _has(spec: ModelSpec, *kinds: type[Layer]) -> bool:
    return any(layer.enabled and isinstance(layer, kinds) for _, _, layer in spec.walk())


def _percent(accuracy: float) -> str:
    return f"{100 * accuracy:.2f} %"


def _points(difference: float) -> str:
    return f"{100 * difference:.2f}".replace("-", "−")
