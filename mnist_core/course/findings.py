"""An experiment in its course's own terms: what the step changed and brought, does it over- or underfit.

Every word follows from the specs, the recipes and the figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.layers import Dropout, Dropout2d
from mnist_core.architecture.spec import ModelSpec
from mnist_core.course.experiments import EXPERIMENTS, Experiment
from mnist_core.course.outcome import DEVIATIONS, ENOUGH, Outcome
from mnist_core.training.recipe import Recipe

GAP = 0.003  # fraction by which train and test accuracy must differ before it is said
WEAK = 0.99  # test accuracy below which a net without that gap is called too weak
LAST = 5  # epochs at the end that are looked at where a difference is to be explained

REASONS: dict[str, str] = {
    "ten-steps-03-lighter": (
        "Without BatchNorm the loss stays at chance until the weights find a way out, and when they do is up "
        "to the seed: train accuracy of the first epoch is 57 % as published and 21, 16 and 14 % in seeds 1 "
        "to 3, of twenty other seeds (4 to 23) it lies between 10 and 77 %. The three started late."
    ),
    "ten-steps-10-one-cycle": (
        "No other reason than a lucky run is known. Normalising the test images as its notebook does changes "
        "the answer to one image at most in seeds 1 to 3, and an earlier notebook with the same layers and "
        "schedule had 99.44. Over the last 5 epochs the published run moves between 99.39 and 99.56."
    ),
}
"""Why an experiment differs from its document, where more is known than its last epochs tell."""

_FINAL_12K = "twelve-k-final"
_BEFORE: dict[str, str | None] = {
    "ten-steps-early-pyramid": None,
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
    """What the step changed and brought, and how it fits; "" where no figure is known."""
    parts = [_step(experiment, outcomes), _fit(experiment, outcomes.get(experiment.name))]
    return " ".join(part for part in parts if part)


def difference(outcome: Outcome, outcomes: Mapping[str, Outcome]) -> str:
    """How far ours lies from the published figure and, if too far for chance, why; "" without one."""
    if outcome.difference is None or outcome.published is None:
        return ""
    side = "above" if outcome.difference > 0 else "below"
    far = f"{100 * abs(outcome.difference):.2f} points {side} the published {100 * outcome.published:.2f}"
    if not outcome.differs:
        return f"{far}, no more than chance explains."
    why = REASONS.get(outcome.experiment.name) or _unrest(outcome)
    return f"{far}. {why or _closeness(outcome, outcomes.values()) or 'No reason is known.'}"


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
    """What a step changed, in words: params, layers that came or went, fields of the recipe."""
    said = [] if old.params == new.params else [f"params {old.params:,} → {new.params:,}"]
    kinds_before, kinds_now = _kinds(old.spec), _kinds(new.spec)
    for kind in sorted(kinds_before | kinds_now):
        if more := kinds_now[kind] - kinds_before[kind]:
            said.append(f"{'+' if more > 0 else '−'}{abs(more)} {kind}")
    rates = _changed(_dropout(old.spec), _dropout(new.spec))
    if rates and _dropout(new.spec):
        said.append(f"dropout {rates}")
    if not said and old.spec.layers != new.spec.layers:
        said.append("the layers in another order")
    fields = [_fields(experiment.recipe) for experiment in (old, new)]
    for name in fields[0] | fields[1]:
        if change := _changed(fields[0].get(name), fields[1].get(name)):
            said.append(f"{name} {change}")
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
        said.append(f"{_points(ours[1].mean - ours[0].mean)} here")
    told = [experiment.published.get("last_test_accuracy") for experiment in (old, new)]
    if told[0] and told[1]:
        said.append(f"{_points(told[1] - told[0])} as published")
    return f"test accuracy {', '.join(said)}" if said else ""


def _fit(experiment: Experiment, outcome: Outcome | None) -> str:
    """Over- or underfitting, from the last epoch's train and test accuracy."""
    told = experiment.published
    train = outcome.train if outcome else told.get("last_train_accuracy")
    test = outcome.mean if outcome else told.get("last_test_accuracy")
    whose = "" if outcome else " (published figures)"
    if train is None or test is None:
        return ""
    figures = f"train {train:.2%}, test {test:.2%}{whose}".replace("%", " %")
    if outcome and outcome.shortened:
        return f"Still learning after {outcome.epochs} of {experiment.recipe.epochs} epochs: {figures}."
    if train - test > GAP:
        return f"Overfits: {figures}."
    hard = _hardened(experiment)
    if test - train > GAP and hard:
        return f"No overfitting: {figures}, as training has {hard}."
    if test < WEAK:
        return f"Underfits: {figures}; even the training images are not all learnt."
    if test - train > GAP:
        return f"Still learning: {figures}, the mean of an epoch in which it improved."
    return f"Fits: {figures}."


def _hardened(experiment: Experiment) -> str:
    """What makes training images harder than test images, in words; "" for nothing."""
    kinds = [layer.kind for _, _, layer in experiment.spec.walk()]
    dropout = "dropout" if any(kind.startswith("dropout") for kind in kinds) else ""
    changed = "augmentation" if experiment.recipe.augmentation.active else ""
    return " and ".join(filter(None, (changed, dropout)))


def _kinds(spec: ModelSpec) -> Counter[str]:
    """How many layers of each kind; convolutions by their kernel's size, as the courses tell them apart."""
    names: Counter[str] = Counter()
    for report in analyze(spec).layers:
        kernel = getattr(report.layer, "kernel_size", None)
        names[f"{report.kind} {kernel}×{kernel}" if isinstance(kernel, int) else report.kind] += 1
    return names


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
    return (
        "–".join(map(_short, value))
        if isinstance(value, list)
        else format(value, "g" if isinstance(value, float) else "")
    )


def _points(difference: float) -> str:
    """+0.58 points, with a real minus sign."""
    return f"{100 * difference:+.2f} points".replace("-", "−")
