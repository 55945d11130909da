"""What a course asks of a design and of its run: limits as data, and a verdict with its reason for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mnist_core.architecture.layers import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Dropout2d,
    GlobalAvgPool2d,
    Layer,
    Linear,
    MaxPool2d,
)
from mnist_core.architecture.limits import MAX_PARAMS
from mnist_core.architecture.report import Analysis, LayerReport
from mnist_core.architecture.rules import number_text, one_or_two
from mnist_core.architecture.view import pair

Part = Literal["batch norm", "dropout", "GAP", "FC", "GAP or FC", "1×1"]


class Assignment(BaseModel):
    """Limits, each with its ends included; what is None is not asked for.

    `distance` limits count weight layers (conv2d, linear; a repeated one once for each pass) between a layer
    and the prediction, the last weight layer included. `field_at_pool` is the range of the receptive field
    that reaches the first MaxPool.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(max_length=40)
    title: str = Field(max_length=120)
    min_params: int | None = Field(None, ge=1, le=MAX_PARAMS)
    max_params: int | None = Field(None, ge=1, le=MAX_PARAMS)
    min_epochs: int | None = Field(None, ge=1, le=10_000)
    max_epochs: int | None = Field(None, ge=1, le=10_000)
    accuracy: float | None = Field(0.994, ge=0, le=1)
    last_epochs: int = Field(1, ge=1, le=100, description="epochs at the end that all meet the accuracy")
    parts: tuple[Part, ...] = ()
    dropout: float | None = Field(None, ge=0, le=1, description="the only rate that dropout may have")
    field_at_pool: tuple[int, int] | None = (5, 11)
    pool_distance: int | None = Field(2, ge=1, le=100)
    norm_distance: int | None = Field(1, ge=1, le=100)
    clean_end: bool = Field(True, description="no ReLU, BatchNorm or dropout after the last weight layer")
    transition: bool = Field(True, description="a 1×1 convolution beside a MaxPool")


ASSIGNMENTS = {
    assignment.name: assignment
    for assignment in (
        Assignment(
            name="under-20k",
            title="under 20,000 params, at most 20 epochs",
            max_params=19_999,
            max_epochs=20,
            parts=("batch norm", "dropout", "GAP or FC"),
        ),
        Assignment(
            name="12k-18k",
            title="12,000–18,000 params, exactly 19 epochs, dropout 0.069",
            min_params=12_000,
            max_params=18_000,
            min_epochs=19,
            max_epochs=19,
            parts=("batch norm", "FC", "GAP", "1×1"),
            dropout=0.069,
        ),
        Assignment(
            name="under-10k",
            title="under 10,000 params, under 15 epochs",
            max_params=9_999,
            max_epochs=14,
        ),
        Assignment(
            name="under-8k",
            title="under 8,000 params, at most 15 epochs, consistently",
            max_params=7_999,
            max_epochs=15,
            last_epochs=3,
        ),
    )
}
FREE = Assignment(
    name="free",
    title="limits of your own",
    field_at_pool=None,
    pool_distance=None,
    norm_distance=None,
    clean_end=False,
    transition=False,
)


@dataclass(frozen=True)
class RunFacts:
    """What verdicts need to know of a run: its epochs, the test accuracy after each (None: not tested)."""

    epochs: int
    test_accuracy: Sequence[float | None]


@dataclass(frozen=True)
class Verdict:
    """One line of the check. `met` is None while only a run can tell; `layers` are those concerned."""

    name: str
    met: bool | None
    reason: str
    layers: tuple[int, ...] = ()


def check(analysis: Analysis, assignment: Assignment, run: RunFacts | None = None) -> tuple[Verdict, ...]:
    """Every limit of the assignment with its verdict, the design's first, then the run's."""
    if not analysis.complete:
        first = "Mend the problems of the design first." if analysis.layers else "Add layers first."
        return (Verdict("design", False, first, tuple(p.layer for p in analysis.problems if p.layer)),)
    facts = _Facts(analysis)
    found = [
        _params(analysis, assignment),
        *(facts.part(part) for part in assignment.parts),
        _dropout_rate(facts, assignment),
        _field_at_pool(facts, assignment),
        _distance("MaxPool before the prediction", facts.max_pools, facts, assignment.pool_distance),
        _distance("BatchNorm before the prediction", facts.batch_norms, facts, assignment.norm_distance),
        _clean_end(facts, assignment),
        _transition(facts, assignment),
        *_run_verdicts(assignment, run),
    ]
    return tuple(verdict for verdict in found if verdict)


class _Facts:
    """The layers of a design that assignments speak of, by what they are."""

    def __init__(self, analysis: Analysis) -> None:
        self.layers = [report for report in analysis.active if report.view]
        self.weights = self.of(Conv2d, Linear)
        self.max_pools = self.of(MaxPool2d)
        self.dropouts = self.of(Dropout, Dropout2d)
        self.batch_norms = self.of(BatchNorm2d)
        self.ones = [
            report
            for report in self.layers
            if isinstance(report.layer, Conv2d) and pair(report.layer.kernel_size) == (1, 1)
        ]
        self.fully_connected = self.of(Linear)
        self.pooled_whole = [
            report
            for report in self.of(AvgPool2d, GlobalAvgPool2d)
            if report.incoming and _averages_all(report.layer, report.incoming.shape[1:])
        ]

    def of(self, *kinds: type) -> list[LayerReport]:
        return [report for report in self.layers if isinstance(report.layer, kinds)]

    def before(self, number: int) -> LayerReport | None:
        """The layer in front of a layer."""
        return next((r for r in reversed(self.layers) if r.index < number), None)

    def part(self, part: Part) -> Verdict:
        found, what = {
            "batch norm": (self.batch_norms, "a batch_norm2d"),
            "dropout": (self.dropouts, "a dropout or dropout2d"),
            "GAP": (self.pooled_whole, "a global_avg_pool2d, or an avg_pool2d over the whole map"),
            "FC": (self.fully_connected, "a linear layer"),
            "GAP or FC": (
                [*self.pooled_whole, *self.fully_connected],
                "a global_avg_pool2d or a linear layer",
            ),
            "1×1": (self.ones, "a conv2d with kernel_size 1"),
        }[part]
        where = f"Layer{'s' if len(found) > 1 else ''} {', '.join(str(r.index) for r in found)}."
        return Verdict(part, bool(found), where if found else f"Add {what}.", _numbers(found))


def _averages_all(layer: Layer, size: tuple[int, ...]) -> bool:
    """Whether the average is over a whole map of more than one value."""
    kernel = pair(layer.kernel_size) if isinstance(layer, AvgPool2d) else size
    return size != (1, 1) and all(tap >= side for tap, side in zip(kernel, size, strict=True))


def _numbers(reports: Iterable[LayerReport]) -> tuple[int, ...]:
    return tuple(report.index for report in reports)


def _params(analysis: Analysis, assignment: Assignment) -> Verdict | None:
    low, high = assignment.min_params, assignment.max_params
    if low is None and high is None:
        return None
    params = analysis.params
    over, short = params - (high or params), (low or params) - params
    allowed = f"{low:,} to {high:,}" if low and high else f"at most {high:,}" if high else f"at least {low:,}"
    if over > 0:
        costly = max(analysis.layers, key=lambda report: report.params)
        reason = f"{params:,}, which is {over:,} over {high:,}. Layer {costly.index} has {costly.params:,}."
        return Verdict("params", False, reason, (costly.index,))
    reason = (
        f"{params:,} of {allowed}." if short <= 0 else f"{params:,}, which is {short:,} short of {low:,}."
    )
    return Verdict("params", short <= 0, reason)


def _dropout_rate(facts: _Facts, assignment: Assignment) -> Verdict | None:
    if assignment.dropout is None:
        return None
    name, want = f"dropout {assignment.dropout:g} only", assignment.dropout
    others = [r for r in facts.dropouts if isinstance(r.layer, Dropout | Dropout2d) and r.layer.p != want]
    if not facts.dropouts:
        return Verdict(name, False, f"There is no dropout; add some with p {want:g}.")
    reason = f"Set p to {want:g} there." if others else f"All {len(facts.dropouts)} have it."
    return Verdict(name, not others, reason, _numbers(others or facts.dropouts))


def _field_at_pool(facts: _Facts, assignment: Assignment) -> Verdict | None:
    if assignment.field_at_pool is None:
        return None
    low, high = assignment.field_at_pool
    name = f"receptive field {low}–{high} at the first MaxPool"
    if not facts.max_pools:
        return Verdict(name, False, "There is no max_pool2d.")
    pool = facts.max_pools[0]
    field = pool.incoming.field if pool.incoming else (1, 1)
    met = all(low <= size <= high for size in field)
    advice = "" if met else " Move it later." if field[0] < low else " Move it earlier."
    return Verdict(name, met, f"It gets {number_text(one_or_two(field))} px.{advice}", (pool.index,))


def _distance(name: str, found: list[LayerReport], facts: _Facts, least: int | None) -> Verdict | None:
    if least is None or not found:
        return None
    after = sum(report.passes for report in facts.weights if report.index > found[-1].index)
    reason = f"{after} weight layer{'s' if after != 1 else ''} after the last one; at least {least} asked."
    return Verdict(name, after >= least, reason, (found[-1].index,))


_HARMLESS = (
    "flatten",
    "log_softmax",
    "avg_pool2d",
    "global_avg_pool2d",
    "max_pool2d",
    "residual",
    "repeat",
)  # kinds that may follow the last weight layer


def _clean_end(facts: _Facts, assignment: Assignment) -> Verdict | None:
    if not assignment.clean_end or not facts.weights:
        return None
    last = facts.weights[-1].index
    late = [r for r in facts.layers if r.index > last and r.kind not in _HARMLESS]
    delete = "Delete what stands there: it changes the ten scores after the last weights."
    reason = delete if late else "Nothing stands there."
    return Verdict("nothing but pooling after the last weight layer", not late, reason, _numbers(late))


def _transition(facts: _Facts, assignment: Assignment) -> Verdict | None:
    if not assignment.transition:
        return None
    ones = set(_numbers(facts.ones))
    beside = []
    for pool in facts.max_pools:
        earlier = [r.index for r in facts.weights if r.index < pool.index][-1:]
        later = [r.index for r in facts.weights if r.index > pool.index][:1]
        beside += [number for number in earlier + later if number in ones]
    where = f"Layer {beside[0]} stands beside a MaxPool." if beside else ""
    reason = where or "Put a 1×1 conv2d right before or after a MaxPool."
    return Verdict("1×1 in the transition", bool(beside), reason, tuple(beside))


def _run_verdicts(assignment: Assignment, run: RunFacts | None) -> Iterable[Verdict]:
    low, high = assignment.min_epochs, assignment.max_epochs
    if low or high:
        ends = f"{low} to {high}" if low and high else f"at most {high}" if high else f"at least {low}"
        limit = f"exactly {high}" if low == high else ends
        met = None if run is None else (low or 1) <= run.epochs <= (high or run.epochs)
        yield Verdict(f"{limit} epochs", met, f"The run has {run.epochs}." if run else "A run will tell.")
    if assignment.accuracy is not None:
        target, count = assignment.accuracy, assignment.last_epochs
        name = f"test accuracy ≥ {_percent(target)}" + (f" in the last {count} epochs" if count > 1 else "")
        last = run.test_accuracy[-count:] if run else ()
        known = [accuracy for accuracy in last if accuracy is not None]
        if not known:
            yield Verdict(name, None, "A run will tell.")
            return
        reason, met = f"{', '.join(map(_percent, known))}.", len(last) == count and min(known) >= target
        if met and len(known) < count:
            yield Verdict(name, None, f"{reason} A run that is tested after every epoch will tell.")
        else:
            yield Verdict(name, met, reason)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f} %"
