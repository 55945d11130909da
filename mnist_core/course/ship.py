"""Puts each document's final net and each record into `checkpoints/`: the file, its card, the table of all.

Seed 1 is the one that ships, whatever it reached: nothing is selected on the test set.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mnist_core.architecture.text import to_text
from mnist_core.course.experiments import EXPERIMENTS, FINAL, Experiment
from mnist_core.course.outcome import Outcome, outcome_of
from mnist_core.course.records import RECORDS, Record
from mnist_core.course.reproduce import kept_checkpoint
from mnist_core.course.results import Result, fingerprint
from mnist_core.course.shipped import Shipped, shipped, tell_seeds
from mnist_core.runs import checkpoint, words
from mnist_core.runs.checkpoint import SUFFIX, Checkpoint
from mnist_core.runs.files import replace_file
from mnist_core.training.recipe import Recipe

CLASS = "as published"

SHIPPING: dict[str, Experiment] = {name: EXPERIMENTS[name] for name in FINAL} | RECORDS
"""Whose nets ship, by the name of the experiment."""

_TABLE = """\
# Checkpoints that ship

Each is one safetensors file: the last epoch's weights, averaged where the recipe averages, with the design,
the recipe and the figures in its metadata. Nothing was selected on the test set but for what a card tells.
`python -m mnist_core evaluate NAME` gives the accuracy again.

| name | params | class | test accuracy | seeds | card |
|---|---:|---|---:|---|---|
"""


def ship(results: Sequence[Result], work: Path, folder: Path) -> dict[str, str]:
    """Ship what is ready; says for each of these nets what was done. Raises OSError, CheckpointError.

    A net that ships already and whose weights the work folder lacks stays, with a new card.
    """
    done = {}
    for name, experiment in SHIPPING.items():
        outcome = outcome_of(experiment, results)
        path = folder / f"{shipped_name(experiment)}{SUFFIX}"
        sources = (kept_checkpoint(work, name, 1), path)
        kept = next((source for source in sources if source.is_file()), None)
        if outcome is None or outcome.seeds < experiment.seeds:
            done[name] = f"waits: {outcome.seeds if outcome else 0} of {experiment.seeds} seeds are done"
        elif kept is None:
            done[name] = f"left out: {sources[0]} is not there; it is kept where seed 1 was trained"
        elif not _is_of(known := checkpoint.load(kept), outcome.results[0]):
            done[name] = f"left out: {kept} is not of the row of seed 1. Delete both, then train it again"
        else:
            _ship(outcome, known, path)
            done[name] = f"ships as {path.stem}"
    replace_file(folder / "README.md", table(shipped(folder)).encode())
    return done


def _is_of(known: Checkpoint, result: Result) -> bool:
    """Whether these are the weights of that row: its layers, recipe and seed, and its accuracy."""
    key = fingerprint(known.spec, known.recipe, str(known.figures.get("data")))
    return (key, known.figures.get("test_accuracy")) == (result.fingerprint, result.last)


def shipped_name(experiment: Experiment) -> str:
    """What the experiment's net is called in `checkpoints/`."""
    return experiment.name if isinstance(experiment, Record) else f"{experiment.name}-as-published"


def _ship(outcome: Outcome, known: Checkpoint, path: Path) -> None:
    experiment = outcome.experiment
    record = experiment.title if isinstance(experiment, Record) else CLASS
    spec = known.spec.model_copy(update={"name": path.stem.replace("-as-", " as ")})
    recipe = known.recipe.changed(device="auto")  # not every machine has the device that it was trained on
    checkpoint.save(path, Checkpoint(spec, recipe, known.tensors, known.figures))
    tell_seeds(path, [result.last for result in outcome.results], record)
    replace_file(path.with_suffix(".md"), card(outcome, recipe).encode())


def card(outcome: Outcome, recipe: Recipe) -> str:
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
        what = f"The final net of the document “{experiment.document}”, with its layers, recipe and epochs."
        told = words.percent(experiment.published["last_test_accuracy"])
        published = f"{told} after {experiment.recipe.epochs} epochs"
    averaged = "averaged weights" if experiment.recipe.ema_decay else "weights"
    return f"""\
# {shipped_name(experiment)}

{what}

| | |
|---|---|
| params | {experiment.params:,} |
| layers | `{to_text(experiment.spec)}` |
| command | `python -m mnist_core reproduce --only {experiment.name} --out anew.jsonl` trains all seeds; \
with `--ship --out anew.jsonl` the first then ships |
| data | MNIST, all 60,000 training images; the test images, looked at after every epoch, selected {nothing} |
| weights | the {averaged} of the last of {outcome.epochs} epochs |
| test accuracy | {words.percent(first.last)} ({round(first.last * 10_000):,} of 10,000; seed {first.seed}) |
| 95 % interval (Wilson) | {100 * low:.2f}–{100 * high:.2f} % |
| {outcome.seeds} seeds | {_mean(outcome)} % ({each}) |
| train accuracy | {words.percent(first.train_accuracy[-1])} |
| published | {published} |
| time | {first.cost:,.0f} s on {first.machine}, PyTorch {first.torch} |
| date | {first.date} |

Recipe: `{recipe.to_json()}`
"""


def _mean(outcome: Outcome) -> str:
    return f"{100 * outcome.mean:.2f} ± {100 * (outcome.deviation or 0):.2f}"


def table(ships: Sequence[Shipped]) -> str:
    """All that ships, as Markdown: by what they are for, then by size."""

    def line(one: Shipped) -> str:
        seeds = "1" if one.mean is None else f"{one.seeds}: {100 * one.mean:.2f} ± {100 * (one.std or 0):.2f}"
        figures = f"{one.params:,} | {one.record or '–'} | {words.percent(one.accuracy)} | {seeds}"
        return f"| `{one.name}` | {figures} | [card]({one.name}.md) |\n"

    order = sorted(ships, key=lambda one: (one.record == CLASS, one.record is not None, one.params))
    return _TABLE + "".join(map(line, order))
