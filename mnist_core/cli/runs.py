"""train: a run like those of the Train page, watched from a terminal; rates: the range test."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path

from mnist_core.architecture.analysis import analyze
from mnist_core.cli.designs import design_of, read_file
from mnist_core.cli.output import FAILED, FINE, WRONG, Refusal, print_json
from mnist_core.course.records import ALL
from mnist_core.runs import launch, locks, store, wishes
from mnist_core.runs.files import replace_file
from mnist_core.runs.store import Run, RunError, RunView
from mnist_core.runs.words import progress_line
from mnist_core.training.recipe import RECIPES, Recipe, RecipeError

POLL = 0.25  # seconds between two looks at a run


def train(options: argparse.Namespace) -> int:
    spec, recipe = design_of(options.spec), _recipe(options)
    try:
        run = store.create(spec, recipe, options.data)
        launch.start(run)
        print(
            f"run {run.name}: {spec.name}, {analyze(spec).params:,} params, {options.data}", file=sys.stderr
        )
        view = _follow(run)
    except RunError as error:
        raise Refusal(FAILED, str(error)) from None
    if view.state != "done" or view.checkpoint is None:
        raise Refusal(FAILED, view.status.message or f"Run {run.name} is {view.state}.")
    if options.out:
        _copy(view.checkpoint, options.out)
    figures = view.status.figures
    result = {"run": run.name, "checkpoint": str(options.out or view.checkpoint), **figures}
    if options.json:
        print_json(result)
    else:
        accuracy, epochs = figures["test_accuracy"], figures["epochs"]
        print(f"test accuracy {accuracy:.2%} after {epochs} epochs: {result['checkpoint']}")
    return FINE


def rates(options: argparse.Namespace) -> int:
    from mnist_core.training.machine import wait_politely

    wait_politely()
    import torch

    from mnist_core.runs.teacher import bring_teacher
    from mnist_core.training.data import DataError, load
    from mnist_core.training.rate_range import proposal, rate_range
    from mnist_core.training.state import TrainingError, TrainingState

    torch.set_num_threads(locks.threads_a_run())
    try:
        state = bring_teacher(TrainingState.new(design_of(options.spec), _recipe(options)))
        points = list(rate_range(state, load(options.data)))
    except (DataError, TrainingError) as error:
        raise Refusal(FAILED, str(error)) from None
    proposed = proposal(points)
    if options.json:
        print_json({"proposed": proposed, "points": [asdict(point) for point in points]})
        return FINE
    for point in points[::4]:
        print(f"rate {point.rate:<10.2g} loss {point.loss:<10.4f} smoothed {point.smoothed:.4f}")
    print("The loss never fell." if proposed is None else f"Try a learning rate of {proposed:g}.")
    return FINE


def _recipe(options: argparse.Namespace) -> Recipe:
    fields = {name: getattr(options, name) for name in ("epochs", "seed", "device")}
    try:
        return _named_recipe(options).changed(**{name: v for name, v in fields.items() if v is not None})
    except RecipeError as error:
        raise Refusal(WRONG, str(error)) from None


def _named_recipe(options: argparse.Namespace) -> Recipe:
    if options.recipe == "published" and options.spec in ALL:
        return ALL[options.spec].recipe
    if options.recipe in RECIPES:
        return RECIPES[options.recipe]
    if options.recipe.lstrip().startswith("{"):
        return Recipe.from_json(options.recipe)
    return Recipe.from_json(read_file(options.recipe, "recipe", f"The names are {', '.join(RECIPES)}"))


def _follow(run: Run) -> RunView:
    """Watches a run to its end: a progress bar on a terminal, else a line an epoch. Ctrl-C stops the run.

    Raises RunError where it cannot be stopped; then it goes on.
    """
    bar, told = sys.stderr.isatty(), 0
    view = store.read(run)
    try:
        while view.alive:
            if bar:
                print(f"\r\x1b[K{_bar(view)}", end="", file=sys.stderr, flush=True)
            told = _tell_epochs(view, told, bar)
            time.sleep(POLL)
            view = store.read(run)
    except KeyboardInterrupt:
        wishes.request_stop(run.folder)
        print("\nStopping; what is there is kept.", file=sys.stderr)
        while view.alive:
            time.sleep(POLL)
            view = store.read(run)
    _tell_epochs(view, told, bar)
    return view


def _bar(view: RunView) -> str:
    full = round(30 * view.status.progress)
    return f"{'█' * full}{'░' * (30 - full)} {progress_line(view)}"


def _tell_epochs(view: RunView, told: int, bar: bool) -> int:
    for line in view.epochs[told:]:
        test = line.get("test_accuracy")
        judged = f"test {test:.2%}" if test is not None else f"validation {line['validation_accuracy']:.2%}"
        start = "\r\x1b[K" if bar else ""
        text = (
            f"epoch {line['epoch']:>3}  train {line['train_accuracy']:.2%}  {judged}  {line['seconds']:.1f} s"
        )
        print(f"{start}{text}", file=sys.stderr)
    return len(view.epochs)


def _copy(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, source.read_bytes())
    except OSError as error:
        raise Refusal(
            FAILED, f"{target}: cannot be written ({error.strerror}). The checkpoint is in {source}."
        ) from None
