"""What came of an experiment, in its course's own terms: what its step brought, how it fits, why it differs.

Every word follows from the specs, the recipes and the rows, but for `REASONS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from mnist_core.course.experiments import Experiment
from mnist_core.course.outcome import LAST, Outcome, within_chance
from mnist_core.course.results import Result
from mnist_core.course.steps import before, changes
from mnist_core.runs.verdict import verdict

REASONS: dict[str, str] = {
    "ten-steps-03-lighter": (
        "Not that seeds start late: without BatchNorm the loss stays at chance until the weights find a way "
        "out, and after one epoch train accuracy is 57 % as published, 13 to 76 % in eight seeds; but seeds "
        "4 and 8, which start as early, have 98.65 and 98.49 over the last 5 epochs. No reason is known."
    ),
    "ten-steps-10-one-cycle": (
        "Not the test images: normalised as in its notebook they change the answer to one image at most, in "
        "each of the five seeds. Not the lab's way to train: plain PyTorch and torchvision, image by image "
        "(`benchmarks/plain.py`), end at 99.41, with 99.354 over the last 5 epochs. An earlier notebook with "
        "the same convolutions and schedule, but dropout 0.05, had 99.44. What is left is luck, or what "
        "the notebook does not show."
    ),
    "session-5-step-5": (
        "Not the lab's way to train: plain PyTorch and torchvision, image by image (`benchmarks/plain.py`), "
        "end at 99.28, with 99.282 over the last 5 epochs. What is left is luck, or what the notebook does "
        "not show."
    ),
    "session-5-step-3": (
        "A ReLU stands in front of the pooled logits. Where it has died for a digit, the net never names "
        "that digit again: in seed 2 an 8 and a 9."
    ),
}
"""Why an experiment differs, where more is known than the figures tell; a sentence or two, by hand."""


def step(experiment: Experiment, outcomes: Mapping[str, Outcome]) -> str:
    """What the step changed and what it did to test accuracy; "" for a first one."""
    old = before(experiment)
    if old is None:
        return ""
    changed = "; ".join(changes(old, experiment)) or "nothing but the document"
    brought = _brought(old, experiment, outcomes)
    return f"Against `{old.name}`: {changed}{f'; {brought}' if brought else ''}."


def fit(outcome: Outcome) -> str:
    """Over- or underfitting, as the Train page says it of a run, from the seeds' mean curves.

    A seed that collapsed is left out: a mean of it and a sound one is the curve of no net.
    """
    sound = outcome.sound
    names = ("train_accuracy", "train_loss", "test_accuracy", "test_loss")
    lines: list[dict[str, Any]] = [
        {"epoch": epoch + 1}
        | {name: mean(getattr(one, name)[epoch] for one in sound.results) for name in names}
        for epoch in range(outcome.epochs)
    ]
    planned = outcome.experiment.recipe.epochs
    after = f"After {outcome.epochs} of {planned} epochs: " if outcome.shortened else ""
    left_out = f"Without {seeds(outcome.collapsed)}: " if outcome.collapsed else ""
    return after + left_out + verdict(lines, outcome.experiment.recipe, outcome.experiment.spec).text


def difference(outcome: Outcome) -> str:
    """How far ours lies from the published figure and, if too far for chance, why; "" without one."""
    if outcome.difference is None:
        return ""
    if not outcome.differs:
        return f"{_far(outcome)}, no more than chance explains."
    reason = REASONS.get(outcome.experiment.name, "")
    if outcome.collapsed:
        low = " and ".join(f"{100 * result.last:.2f} %" for result in outcome.collapsed)
        without = f"Without {seeds(outcome.collapsed)}, collapsed at {low}, it is {_far(outcome.sound)}."
        return f"{_far(outcome)}. {without} {reason}".rstrip()
    if outcome.steady:
        return f"{_far(outcome)}, and steadily so: {_late(outcome)}. {reason or 'No reason is known.'}"
    return f"{_far(outcome)}. A last epoch is partly chance: {_late(outcome)}. {reason}".rstrip()


def seeds(results: Sequence[Result]) -> str:
    """ "seed 2", "seeds 2 and 3"."""
    numbers = [str(result.seed) for result in results]
    return f"seed{'s' if len(numbers) > 1 else ''} {' and '.join(numbers)}"


def _far(outcome: Outcome) -> str:
    off, told = outcome.difference or 0.0, outcome.published or 0.0
    after = f" after {outcome.epochs} epochs" if outcome.shortened else ""
    side = "above" if off > 0 else "below"
    return f"{100 * abs(off):.2f} points {side} the published {100 * told:.2f}{after}"


def _late(outcome: Outcome) -> str:
    here, there = outcome.late, outcome.published_late or 0.0
    spread = f" ± {100 * stdev(here):.3f}" if len(here) > 1 else ""
    figures = f"{100 * mean(here):.3f}{spread} here, {100 * there:.3f} as published"
    return f"the mean of the last {LAST} epochs is {figures}"


def _brought(old: Experiment, new: Experiment, outcomes: Mapping[str, Outcome]) -> str:
    """What a step did to the last epoch's test accuracy: here, and in the document."""
    said = []
    then, now = outcomes.get(old.name), outcomes.get(new.name)
    if then and now and then.shortened == now.shortened:
        lasts = [[result.last for result in one.sound.results] for one in (then, now)]
        gone = [f"{seeds(one.collapsed)} of `{one.experiment.name}`" for one in (then, now) if one.collapsed]
        said.append(_more(lasts[0], lasts[1], "here", f"without {' and '.join(gone)}" if gone else ""))
    told = [experiment.published.get("last_test_accuracy") for experiment in (old, new)]
    if told[0] and told[1]:
        said.append(_more([told[0]], [told[1]], "as published"))
    return f"test accuracy {', '.join(said)}" if said else ""


def _more(then: Sequence[float], now: Sequence[float], where: str, note: str = "") -> str:
    """ "+0.58 points here (within chance)", with a real minus sign."""
    points = f"{100 * (mean(now) - mean(then)):+.2f} points".replace("-", "−")
    notes = ", ".join(filter(None, ("within chance" if within_chance(then, now) else "", note)))
    return f"{points} {where}{f' ({notes})' if notes else ''}"
