"""search: good designs below a budget of params, by many short trainings."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mnist_core.cli.output import FAILED, FINE, WRONG, Refusal, print_json
from mnist_core.course.space import LEAST_MACS, LEAST_PARAMS, MOST_PARAMS
from mnist_core.training.machine import step_back, wait_politely
from mnist_core.training.recipe import Recipe, RecipeError

if TYPE_CHECKING:
    from mnist_core.course.trials import Outcome, Settings

HALF = {"mnist": 27_500, "synthetic": 3_500}  # of the training images that are not held out
TRIALS = 50

_ABOUT = """{data}, below {params:,} params: {trials} trials, of which {pruned} ended early.
Each was trained for up to {epochs} epochs on the first {images:,} of the shuffled training images;
accuracies are those on the {validation:,} validation images. Nothing was measured on the test images.
Such short trainings rank designs roughly: neighbours in this list may change places, and a full
training reaches more."""
_NEXT = """
Next: look at a design, then train it in full, with several seeds. To choose between some of them, hold images
out by "validation_size" in the recipe; the test images are for the one that is chosen.
  python -m mnist_core analyze "{design}"
  python -m mnist_core train "{design}" --recipe best --seed 1"""


def search(options: argparse.Namespace) -> int:
    _check(options)
    wait_politely()
    from mnist_core.course import trials

    settings = trials.Settings(
        params=options.params,
        epochs=options.epochs,
        images=options.images or HALF[options.data],
        macs=options.macs,
        seed=options.seed,
        data=options.data,
    )
    folder = options.out or trials.search_folder()
    others = 0
    try:
        if not options.show:
            others = _go_on(settings, options)
        found = trials.outcomes(trials.read_study(settings, folder))
    except trials.SearchError as error:
        raise Refusal(WRONG, str(error)) from None
    except OSError as error:
        raise Refusal(FAILED, f"{error}. What is finished is safe; the same command goes on.") from None
    if others:
        print(f"Other processes are training {others} more.", file=sys.stderr)
    best, front = trials.best(found), trials.front(found)
    if options.json:
        print_json(_data(settings, found, best, front))
    else:
        _print(settings, found, best, front)
    return FINE


def _check(options: argparse.Namespace) -> None:
    """Refuses what no search can keep to."""
    if not LEAST_PARAMS <= options.params <= MOST_PARAMS:
        allowed = f"{LEAST_PARAMS:,} to {MOST_PARAMS:,}"
        raise Refusal(WRONG, f"--params is {options.params:,}; a search can keep to {allowed}.")
    if options.macs is not None and options.macs < LEAST_MACS:
        raise Refusal(WRONG, f"--macs is {options.macs:,}; the smallest designs need {LEAST_MACS:,}.")
    try:
        Recipe().changed(epochs=options.epochs, seed=options.seed)
    except RecipeError as error:
        raise Refusal(WRONG, str(error)) from None


def _go_on(settings: Settings, options: argparse.Namespace) -> int:
    """Trains; gives how many trials other processes have in their hands."""
    step_back()
    from mnist_core.course.search import search as go_on
    from mnist_core.training.data import DataError
    from mnist_core.training.state import TrainingError

    try:
        return go_on(
            settings,
            options.trials or (None if options.minutes else TRIALS),
            options.minutes,
            options.threads,
            options.out,
            say=lambda line: print(line, file=sys.stderr, flush=True),
        )
    except (DataError, TrainingError) as error:
        raise Refusal(FAILED, str(error)) from None
    except KeyboardInterrupt:
        raise Refusal(
            FAILED, "Interrupted. The same command goes on from here; --show prints what is found."
        ) from None


def _data(
    settings: Settings, found: Sequence[Outcome], best: Sequence[Outcome], front: Sequence[Outcome]
) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "search": asdict(settings),
        "measured_on": "validation",
        "finished": len(found),
        "pruned": sum(outcome.pruned for outcome in found),
        "best": [outcome.to_dict() for outcome in best],
        "front": [outcome.to_dict() for outcome in front],
    }


def _print(
    settings: Settings, found: Sequence[Outcome], best: Sequence[Outcome], front: Sequence[Outcome]
) -> None:
    from mnist_core.course.search import VALIDATION

    pruned = sum(outcome.pruned for outcome in found)
    print(
        _ABOUT.format(
            data=settings.data,
            params=settings.params,
            trials=len(found),
            pruned=pruned,
            epochs=settings.epochs,
            images=settings.images,
            validation=VALIDATION,
        )
    )
    if not best:
        print("\nNo trial has come to its last epoch yet.")
        return
    print("\nThe best")
    for place, outcome in enumerate(best, 1):
        print(f"{place:>3}. {_row(outcome)}")
        print(f"     {outcome.design}\n     {json.dumps(outcome.recipe)}")
    print("\nFewest params for an accuracy (the Pareto front)")
    for outcome in front:
        print(f"     {_row(outcome)}\n     {outcome.design}")
    print(_NEXT.format(design=best[0].design))


def _row(outcome: Outcome) -> str:
    from mnist_core.runs.words import percent

    size = f"{outcome.params:>7,} params {outcome.macs:>11,} MACs"
    return f"{percent(outcome.accuracy)} {size}   trial {outcome.number}"
