"""An experiment in its course's own terms: what the step changed and brought, does it over- or underfit.

Every word follows from the specs, the recipes and the figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from math import hypot, sqrt
from statistics import mean, median
from typing import Any

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.layers import Conv2d, Dropout, Dropout2d
from mnist_core.architecture.spec import ModelSpec
from mnist_core.course.experiments import EXPERIMENTS, Experiment
from mnist_core.course.outcome import DEVIATIONS, ENOUGH, Outcome
from mnist_core.runs.verdict import verdict
from mnist_core.training.recipe import Recipe

LAST = 5  # epochs at the end that are looked at where a difference is to be explained

REASONS: dict[str, str] = {
    "ten-steps-03-lighter": (
        "Without BatchNorm the loss stays at chance until the weights find a way out, and when they do is "
        "up to the seed: train accuracy of the first epoch is 57 % as published, 13 to 76 % in eight "
        "seeds. That alone does not explain it: seeds 4 and 8, which start as early, have 98.65 and 98.49 "
        "as the mean of their last 5 epochs, the others 98.32 to 98.57, the published run 98.75. As far "
        "as is known it is a lucky run; single epochs here have up to 98.77."
    ),
    "ten-steps-10-one-cycle": (
        "No other reason than a lucky run is known. Normalising the test images as its notebook does changes "
        "the answer to one image at most in seeds 1 to 3, and an earlier notebook with the same convolutions "
        "and schedule, but dropout 0.05, had 99.44. Over the last 5 epochs "
        "the published run moves between 99.39 and 99.56."
    ),
    "session-5-step-3": (
        "In seed 2 the ReLU in front of the pooled logits has died for two digits: the net never names an 8 "
        "or a 9. Seed 1 was spared."
    ),
}
"""Why an experiment, or one of its seeds, differs, where more is known than its last epochs tell."""

_FINAL_12K = "twelve-k-final"
_BEFORE: dict[str, str | None] = {
    "ten-steps-early-best": None,
    "ten-steps-early-pyramid": "ten-steps-early-best",
    "ten-steps-as-described": "ten-steps-early-pyramid",
    **{name: _FINAL_12K for name in EXPERIMENTS if name.startswith("twelve-k-") and name != _FINAL_12K},
}
"""The experiment that a step is compared with, where it is not the one before it in its document."""


def before(experiment: Experiment) -> Experiment | None:
    """The experiment that this one is a step from; None for a first one."""
    if experiment.name in _BEFORE:
        name = _BEFORE[experiment.name]
        return EXPERIMENTS[name] if name else None
    names = [other.name for other in EXPERIMENTS.values() if other.document == experiment.document]
    place = names.index(experiment.name)
    return EXPERIMENTS[names[place - 1]] if place else None


def finding(experiment: Experiment, outcomes: Mapping[str, Outcome]) -> str:
    """What the step changed and brought, and how it fits; "" for a first one that was not trained here."""
    outcome = outcomes.get(experiment.name)
    return " ".join(filter(None, (_step(experiment, outcomes), _fit(outcome) if outcome else "")))


def difference(outcome: Outcome, outcomes: Mapping[str, Outcome]) -> str:
    """How far ours lies from the published figure and, if too far for chance, why; "" without one."""
    if outcome.difference is None or outcome.published is None:
        return ""
    side = "above" if outcome.difference > 0 else "below"
    far = f"{100 * abs(outcome.difference):.2f} points {side} the published {100 * outcome.published:.2f}"
    far += f" after {outcome.epochs} epochs" if outcome.shortened else ""
    why = REASONS.get(outcome.experiment.name, "")
    if not outcome.differs:
        return f"{far}, no more than chance explains. {why}".rstrip()
    why = why or _unrest(outcome) or _closeness(outcome, outcomes.values())
    return f"{far}. {why or 'No reason is known.'}"


def _unrest(outcome: Outcome) -> str:
    """That a last epoch is partly chance, where the last five of both overlap; "" where they do not."""
    here = [value for result in outcome.results for value in result.test_accuracy[-LAST:]]
    there = outcome.experiment.published["test_accuracy"][: outcome.epochs][-LAST:]
    if min(here) > max(there) or max(here) < min(there):
        return ""
    ranges = [f"{100 * min(values):.2f} and {100 * max(values):.2f}" for values in (here, there)]
    return (
        f"A last epoch is partly chance: over the last {LAST}, test accuracy moves between {ranges[0]} "
        f"here, between {ranges[1]} as published."
    )


def _closeness(outcome: Outcome, others: Iterable[Outcome]) -> str:
    """That our seeds lie closer together than is usual, where that alone makes the difference; else ""."""
    known = [other.deviation for other in others if other.seeds >= ENOUGH and other.deviation is not None]
    usual = median(known) if known else 0.0
    if outcome.deviation is None or abs(outcome.difference or 0.0) > DEVIATIONS * usual:
        return ""
    return (
        f"Its {outcome.seeds} seeds happen to lie within ± {100 * outcome.deviation:.2f}; with the "
        f"± {100 * usual:.2f} that is usual here (median of {len(known)} experiments) it would not differ."
    )


def changes(old: Experiment, new: Experiment) -> list[str]:
    """What a step changed, in words: params, layers that came, went or moved, fields of the recipe."""
    said = [] if old.params == new.params else [f"params {old.params:,} → {new.params:,}"]
    order_before, order_now = _kinds(old.spec), _kinds(new.spec)
    kinds_before, kinds_now = Counter(order_before), Counter(order_now)
    for kind in sorted(kinds_before | kinds_now):
        if more := kinds_now[kind] - kinds_before[kind]:
            said.append(f"{'+' if more > 0 else '−'}{abs(more)} {kind}")
    if kinds_before == kinds_now and order_before != order_now:
        said.append("the layers in another order")
    channels = _channels(old.spec), _channels(new.spec)
    if len(channels[0]) == len(channels[1]) and channels[0] != channels[1]:
        said.append(f"channels {_changed(*channels)}")
    rates = _changed(_dropout(old.spec), _dropout(new.spec))
    if rates and _dropout(new.spec):
        said.append(f"dropout {rates}")
    fields = [_fields(experiment.recipe) for experiment in (old, new)]
    for name in fields[0] | fields[1]:
        if change := _changed(fields[0].get(name), fields[1].get(name)):
            said.append(f"{'a first pass of' if name == 'before' else name} {change}")
    return said


def _step(experiment: Experiment, outcomes: Mapping[str, Outcome]) -> str:
    old = before(experiment)
    if old is None:
        return ""
    changed = "; ".join(changes(old, experiment)) or "nothing but the document"
    brought = _brought(old, experiment, outcomes)
    return f"Against `{old.name}`: {changed}{f'; {brought}' if brought else ''}."


def _brought(old: Experiment, new: Experiment, outcomes: Mapping[str, Outcome]) -> str:
    """What a step did to the last epoch's test accuracy: here, and in the document."""
    said = []
    ours = outcomes.get(old.name), outcomes.get(new.name)
    if ours[0] and ours[1] and ours[0].shortened == ours[1].shortened:
        more = ours[1].mean - ours[0].mean
        chance = abs(more) <= hypot(*(one.allowed / sqrt(one.seeds) for one in ours if one))
        said.append(f"{_points(more)} here{' (within chance)' if chance else ''}")
    told = [experiment.published.get("last_test_accuracy") for experiment in (old, new)]
    if told[0] and told[1]:
        said.append(f"{_points(told[1] - told[0])} as published")
    return f"test accuracy {', '.join(said)}" if said else ""


def _fit(outcome: Outcome) -> str:
    """Over- or underfitting, as the Train page says it of a run, from the mean curves of the seeds."""
    names = ("train_accuracy", "train_loss", "test_accuracy", "test_loss")
    lines: list[dict[str, Any]] = [
        {"epoch": epoch + 1}
        | {name: mean(getattr(one, name)[epoch] for one in outcome.results) for name in names}
        for epoch in range(outcome.epochs)
    ]
    planned = outcome.experiment.recipe.epochs
    after = f"After {outcome.epochs} of {planned} epochs: " if outcome.shortened else ""
    return after + verdict(lines, outcome.experiment.recipe, outcome.experiment.spec).text


def _kinds(spec: ModelSpec) -> list[str]:
    """The layers' kinds in their order; convolutions with their kernel's size, as the courses name them."""
    names = []
    for report in analyze(spec).layers:
        kernel = getattr(report.layer, "kernel_size", None)
        names.append(f"{report.kind} {kernel}×{kernel}" if isinstance(kernel, int) else report.kind)
    return names


def _channels(spec: ModelSpec) -> list[int]:
    """The output channels of the convolutions, in their order."""
    return [layer.out_channels for _, _, layer in spec.walk() if isinstance(layer, Conv2d)]


def _dropout(spec: ModelSpec) -> list[float] | None:
    """The rates of all dropout layers; None where there is no dropout."""
    return sorted({layer.p for _, _, layer in spec.walk() if isinstance(layer, Dropout | Dropout2d)}) or None


def _fields(recipe: Recipe) -> dict[str, Any]:
    """What the recipe sets, with the augmentation's fields on the same level."""
    always = {name: getattr(recipe, name) for name in ("epochs", "batch_size", "learning_rate", "schedule")}
    fields: dict[str, Any] = always | recipe.model_dump(mode="json", exclude_defaults=True)
    augmentation: dict[str, Any] = fields.pop("augmentation", {})
    return fields | {name: value for name, value in augmentation.items() if name != "interpolation"}


def _changed(old: Any, new: Any) -> str:
    """ "0.01 → 0.02", "5" for what is new, "none" for what is gone; "" for no change."""
    if old == new:
        return ""
    return _short(new) if old is None or new is None else f"{_short(old)} → {_short(new)}"


def _short(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_short(item)}" for name, item in value.items() if name != "interpolation")
    if isinstance(value, list):
        return ("–" if len(value) == 2 else ", ").join(map(_short, value))
    return format(value, "g" if isinstance(value, float) else "")


def _points(difference: float) -> str:
    """+0.58 points, with a real minus sign."""
    return f"{100 * difference:+.2f} points".replace("-", "−")
