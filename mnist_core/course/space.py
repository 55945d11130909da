"""Which designs and recipes a search may try: whatever is drawn is valid and below the budget.

A design is a stem, up to three stages of blocks with a halving of the map between them, and a head. What is
drawn are forms and the proportions of the widths; the widths themselves are then as large as the budget
allows, which `analyze` tells without training anything. Nothing here needs torch or optuna.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeVar

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.spec import ModelSpec
from mnist_core.architecture.text import from_text
from mnist_core.training.recipe import RECIPES, Augmentation, Recipe

LEAST_PARAMS = 500  # the smallest designs of this space have about 300
MOST_PARAMS = 200_000
LEAST_MACS = 150_000  # of the smallest design: about 110,000
MIN_WIDTH, MAX_WIDTH = 4, 512  # channels
MIN_SHARE = 0.75  # of the budget that a design aims at; the rest of the range makes the front of params
_MOST_BLOCKS = (3, 4, 4)  # in the stages on the map of 28×28, of 14×14 and of 7×7
_LEAST_BLOCKS = (0, 1, 0)  # without blocks in the last stage, there is no second halving either
_FINENESS = 16  # steps of the common scale that make one channel

Others = Literal["plain", "residual", "shared", "shared residual"]
Between = Literal["nothing", "norm", "norm and activation"]  # depthwise and 1×1 convolution


Choice = TypeVar("Choice", bound=str)


class Draws(Protocol):
    """What draws a value by its name; an optuna trial is one."""

    def suggest_int(self, name: str, low: int, high: int) -> int: ...
    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...
    def suggest_categorical(self, name: str, choices: Sequence[Choice]) -> Choice: ...


@dataclass(frozen=True)
class Stage:
    """Blocks on one size of the map.

    The first block brings the channels to the stage's width, `ratio` times the stem's; the others are like
    it, plain, each added to its input (residual), or one block applied as often (shared).
    """

    blocks: int
    separable: bool = False
    others: Others = "plain"
    ratio: float = 1.0


@dataclass(frozen=True)
class Form:
    """A design but for its widths."""

    stem: Literal["3×3", "5×5", "3×3, stride 2"]
    stages: tuple[Stage, ...]
    halving: Literal["max", "avg", "stride"]
    activation: str
    between: Between
    dropout: str  # after each stage, a word of the text form; "" = none
    head: Literal["linear", "1×1", "mixed"]

    def text(self, widths: Sequence[int]) -> str:
        """The design in the compact text form; `widths` are the channels of the stem and of each stage."""
        channels, *rest = widths
        kernel = {"3×3": "p1", "5×5": "k5p2", "3×3, stride 2": "s2p1"}[self.stem]
        words = [f"conv{channels}{kernel}-b {self._after}"]
        for index, (stage, width) in enumerate(zip(self.stages, rest, strict=True)):
            halved = index > 0 and stage.blocks > 0
            if halved and self.halving != "stride":
                words.append(f"{self.halving}2")
            if stage.blocks:
                stride = "s2" if halved and self.halving == "stride" else ""
                words.append(self._block(stage, channels, width, stride))
                words.append(self._others(stage, width))
                words.append(self.dropout)
                channels = width
        heads = {
            "linear": "gap flat fc10",
            "1×1": "conv10k1-b bn gap flat",
            "mixed": f"conv{channels}k1-b {self._after} gap flat fc10",
        }
        return " ".join(word for word in (*words, heads[self.head]) if word)

    @property
    def _after(self) -> str:
        return f"bn {self.activation}"

    def _block(self, stage: Stage, channels: int, width: int, stride: str = "") -> str:
        if not stage.separable:
            return f"conv{width}{stride}p1-b {self._after}"
        between = {"nothing": "", "norm": "bn ", "norm and activation": f"{self._after} "}[self.between]
        return f"conv{channels}{stride}p1g{channels}-b {between}conv{width}k1-b {self._after}"

    def _others(self, stage: Stage, width: int) -> str:
        """The blocks after the first one of a stage."""
        block, count = self._block(stage, width, width), stage.blocks - 1
        if "residual" in stage.others:
            block = f"res({block})"
        if "shared" in stage.others and count > 1:
            return f"{count}x({block})"
        return " ".join([block] * count)

    def smaller(self) -> Form | None:
        """The form without one block of its longest stage; None when there is nothing to leave out."""
        spare = [stage.blocks - least for stage, least in zip(self.stages, _LEAST_BLOCKS, strict=True)]
        if not any(spare):
            return None
        longest = max(range(len(spare)), key=lambda index: (spare[index], index))
        stages = list(self.stages)
        stages[longest] = replace(stages[longest], blocks=stages[longest].blocks - 1)
        return replace(self, stages=tuple(stages))


def draw_design(draws: Draws, budget: int, macs: int | None = None) -> ModelSpec:
    """A design without problems with fewer than `budget` params and at most `macs` multiplications.

    The budget lies in LEAST_PARAMS … MOST_PARAMS, `macs` at or above LEAST_MACS.
    """
    form = _draw_form(draws)
    target = budget * draws.suggest_float("share of the budget", MIN_SHARE, 1.0)
    return _fitted(form, target, macs)


def _draw_form(draws: Draws) -> Form:
    stages = tuple(_draw_stage(draws, index) for index in range(len(_MOST_BLOCKS)))
    betweens: tuple[Between, ...] = ("nothing", "norm", "norm and activation")
    return Form(
        stem=draws.suggest_categorical("stem", ("3×3", "5×5", "3×3, stride 2")),
        stages=stages,
        halving=draws.suggest_categorical("halving", ("max", "avg", "stride")),
        activation=draws.suggest_categorical("activation", ("relu", "lrelu0.1", "silu", "hswish")),
        between=draws.suggest_categorical("between", betweens),
        dropout=draws.suggest_categorical("dropout", ("", "drop2d0.05")),
        head=draws.suggest_categorical("head", ("linear", "1×1", "mixed")),
    )


def _draw_stage(draws: Draws, index: int) -> Stage:
    name = f"stage {index + 1}"
    blocks = draws.suggest_int(f"{name}: blocks", _LEAST_BLOCKS[index], _MOST_BLOCKS[index])
    if not blocks:
        return Stage(0)
    kinds: tuple[Others, ...] = ("plain", "residual", "shared", "shared residual")
    return Stage(
        blocks,
        draws.suggest_categorical(f"{name}: block", ("conv", "separable")) == "separable",
        draws.suggest_categorical(f"{name}: others", kinds) if blocks > 1 else "plain",
        draws.suggest_float(f"{name}: width", 0.75, 1.5 + index, log=True),
    )


def _fitted(form: Form, target: float, macs: int | None) -> ModelSpec:
    """The widest design of this form below the target, with fewer blocks where even the narrowest is not."""

    def fits(widths: Sequence[int]) -> bool:
        analysis = analyze(from_text(form.text(widths)))
        return analysis.params < target and (macs is None or analysis.macs <= macs)

    while not fits(_widths(form, 0)):
        smaller = form.smaller()
        if smaller is None:
            raise ValueError(f"even the smallest design does not fit {target:,.0f} params and {macs} MACs")
        form = smaller
    low, high = 0, MAX_WIDTH * _FINENESS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(_widths(form, middle)) else (low, middle)
    widths = _widths(form, low)
    for index in reversed(range(len(widths))):  # one scale for all leaves a rest; single widths take it
        wider = [*widths]
        wider[index] = min(MAX_WIDTH, wider[index] + 1)
        widths = wider if fits(wider) else widths
    return from_text(form.text(widths))


def _widths(form: Form, scale: int) -> list[int]:
    """The stem's and the stages' channels, the stem's being `scale` / _FINENESS."""
    ratios = (1.0, *(stage.ratio for stage in form.stages))
    return [min(MAX_WIDTH, max(MIN_WIDTH, round(scale * ratio / _FINENESS))) for ratio in ratios]


SMALL = Augmentation(rotation=5, translation=0.05, scale=(0.95, 1.05))
"""The augmentation that a search may add: a few epochs have little use for more."""


def draw_recipe(draws: Draws, epochs: int, steps_per_epoch: int, seed: int) -> Recipe:
    """The lab's fast recipe with other rates, decay, smoothing and augmentation.

    Weights are averaged over about the last fourteenth of the steps, as in the fast and the best recipe.
    """
    steps = epochs * steps_per_epoch
    augmentation = draws.suggest_categorical("augmentation", ("none", "small"))
    return RECIPES["fast"].changed(
        epochs=epochs,
        seed=seed,
        pct_start=0.2,
        ema_decay=round(min(0.998, max(0.9, 1 - 14 / steps)), 4),
        learning_rate=float(f"{draws.suggest_float('learning rate', 0.003, 0.4, log=True):.2g}"),
        weight_decay=float(f"{draws.suggest_float('weight decay', 0.001, 0.1, log=True):.2g}"),
        label_smoothing=float(draws.suggest_categorical("label smoothing", ("0", "0.05", "0.1"))),
        augmentation=SMALL if augmentation == "small" else Augmentation(),
    )


_PLAIN: dict[str, str | int | float] = {
    "stem": "3×3",
    "stage 1: blocks": 1,
    "stage 1: block": "conv",
    "stage 1: width": 1.33,
    "stage 2: blocks": 2,
    "stage 2: block": "conv",
    "stage 2: others": "plain",
    "stage 2: width": 1.67,
    "stage 3: blocks": 2,
    "stage 3: block": "conv",
    "stage 3: others": "plain",
    "stage 3: width": 2.0,
    "halving": "max",
    "activation": "relu",
    "between": "norm and activation",
    "dropout": "",
    "head": "linear",
    "share of the budget": 1.0,
    "learning rate": 0.02,
    "weight decay": 0.01,
    "label smoothing": "0",
    "augmentation": "none",
}
_SEPARABLE: dict[str, str | int | float] = _PLAIN | {
    "stage 1: block": "separable",
    "stage 1: width": 1.5,
    "stage 2: blocks": 2,
    "stage 2: block": "separable",
    "stage 2: width": 2.0,
    "stage 3: blocks": 1,
    "stage 3: block": "separable",
    "stage 3: width": 2.5,
    "halving": "avg",
    "activation": "silu",
    "between": "norm",
    "learning rate": 0.04,
}
KNOWN = (_PLAIN, _SEPARABLE)
"""Draws that are known to do well, below 20,000 and below 4,000 params: a search begins with them."""
