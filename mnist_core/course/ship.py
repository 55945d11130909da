"""Puts each document's final net and each record into `checkpoints/`: the file, its card, its line.

Seed 1 is the one that ships, whatever it reached: nothing is selected on the test set.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mnist_core.architecture.text import to_text
from mnist_core.course.experiments import EXPERIMENTS, FINAL
from mnist_core.course.outcome import Outcome, outcome_of
from mnist_core.course.records import RECORDS, Record
from mnist_core.course.reproduce import kept_checkpoint
from mnist_core.course.results import Result, fingerprint
from mnist_core.course.shipped import tell_seeds
from mnist_core.runs import checkpoint, words
from mnist_core.runs.checkpoint import SUFFIX, Checkpoint
from mnist_core.runs.files import replace_file

CLASS = "as published"


def ship(results: Sequence[Result], work: Path, folder: Path) -> dict[str, str]:
    """Ship what is ready; says for each of these nets what was done. Raises OSError, CheckpointError."""
    done = {}
    for name, experiment in ({name: EXPERIMENTS[name] for name in FINAL} | RECORDS).items():
        outcome = outcome_of(experiment, results)
        kept = kept_checkpoint(work, name, 1)
        if outcome is None or outcome.seeds < experiment.seeds:
            done[name] = f"waits: {outcome.seeds if outcome else 0} of {experiment.seeds} seeds are done"
        elif not kept.is_file():
            done[name] = f"left out: {kept} is not there; it is kept where seed 1 was trained"
        elif not _is_of(known := checkpoint.load(kept), outcome.results[0]):
            done[name] = f"left out: {kept} is not of the row of seed 1. Delete both, then train it again"
        else:
            done[name] = f"ships as {_ship(outcome, known, folder)}"
    return done


def _is_of(known: Checkpoint, result: Result) -> bool:
    """Whether these are the weights of that row: its layers, recipe and seed, and its accuracy."""
    key = fingerprint(known.spec, known.recipe, str(known.figures.get("data")))
    return (key, known.figures.get("test_accuracy")) == (result.fingerprint, result.last)


def _ship(outcome: Outcome, known: Checkpoint, folder: Path) -> str:
    experiment = outcome.experiment
    record = experiment.title if isinstance(experiment, Record) else CLASS
    name = experiment.name if isinstance(experiment, Record) else f"{experiment.name}-as-published"
    path = folder / f"{name}{SUFFIX}"
    spec = known.spec.model_copy(update={"name": name.replace("-as-", " as ")})
    recipe = known.recipe.changed(device="auto")  # not every machine has the device that it was trained on
    checkpoint.save(path, Checkpoint(spec, recipe, known.tensors, known.figures))
    tell_seeds(path, [result.last for result in outcome.results], record)
    replace_file(path.with_suffix(".md"), card(name, outcome, recipe.to_json()).encode())
    _put_line(folder / "README.md", name, outcome)
    return name


def card(name: str, outcome: Outcome, recipe: str) -> str:
    """What there is to know about the shipped net, as Markdown."""
    experiment, first = outcome.experiment, outcome.results[0]
    low, high = words.wilson(first.last, 10_000)
    each = ", ".join(f"{100 * result.last:.2f}" for result in outcome.results)
    if isinstance(experiment, Record):
        what = f"Our record in the class “{experiment.title}”. {experiment.remark}"
        nothing = "nothing but what is told above"
        published = f"{experiment.known}; wanted: {experiment.bar}"
    else:
        nothing = "nothing"
        what = f"The final net of the document “{experiment.document}”, trained here exactly as published."
        told = words.percent(experiment.published["last_test_accuracy"])
        published = f"{told} after {experiment.recipe.epochs} epochs"
    averaged = "averaged weights" if experiment.recipe.ema_decay else "weights"
    return f"""\
# {name}

{what}

| | |
|---|---|
| params | {experiment.params:,} |
| layers | `{to_text(experiment.spec)}` |
| command | `python -m mnist_core reproduce --only {experiment.name}`, then `… reproduce --ship` |
| data | MNIST, all 60,000 training images; the test images, looked at after every epoch, selected {nothing} |
| weights | the {averaged} of the last of {outcome.epochs} epochs |
| test accuracy | {words.percent(first.last)} ({round(first.last * 10_000):,} of 10,000; seed {first.seed}) |
| 95 % interval (Wilson) | {100 * low:.2f}–{100 * high:.2f} % |
| {outcome.seeds} seeds | {_mean(outcome)} % ({each}) |
| train accuracy | {words.percent(first.train_accuracy[-1])} |
| published | {published} |
| time | {first.processor_seconds:,.0f} s of processor time on {first.machine}, PyTorch {first.torch} |
| date | {first.date} |

Recipe: `{recipe}`
"""


def _mean(outcome: Outcome) -> str:
    return f"{100 * outcome.mean:.2f} ± {100 * (outcome.deviation or 0):.2f}"


def _put_line(readme: Path, name: str, outcome: Outcome) -> None:
    """The checkpoint's line in the table: in place of its old one, else at the table's end."""
    first = outcome.results[0]
    line = f"| `{name}` | {outcome.experiment.params:,} | {words.percent(first.last)} "
    line += f"| {outcome.seeds}: {_mean(outcome)} | [{name}.md]({name}.md) |"
    lines = readme.read_text(encoding="utf-8").splitlines()
    old = [number for number, text in enumerate(lines) if text.startswith(f"| `{name}` |")]
    if old:
        lines[old[0]] = line
    else:
        last = max(number for number, text in enumerate(lines) if text.startswith("|"))
        lines.insert(last + 1, line)
    replace_file(readme, ("\n".join(lines) + "\n").encode())
