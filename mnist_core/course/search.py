"""Search designs and recipes under a budget: many trials, most of which end early.

Successive halving: after 1, 2, 4 … epochs a trial goes on only if it is in the better half of those that have
come as far, so that the time goes where it tells most. What is compared is the validation accuracy of the
averaged weights; the test images are not even there. The first trials are designs that are known to do well;
after some that chance draws, those that did well guide what is drawn (TPE).

A trial is alive exactly while the lock of its number is held. What a `kill -9` leaves is given up by the next
process that looks; several may work on one search. With one process, and none killed, the trials drawn depend
on the settings and on the accuracies so far alone; with several, or when arithmetic is chosen by its speed, a
search is not the same trial by trial.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import optuna
import torch
from filelock import FileLock
from optuna.samplers import TPESampler
from optuna.trial import TrialState

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.text import to_text
from mnist_core.course.space import KNOWN, Draws, draw_design, draw_recipe
from mnist_core.course.trials import (
    SECONDS,
    TRIED,
    Outcome,
    Settings,
    give_up_the_dead,
    open_study,
    outcome_of,
    outcomes,
    search_folder,
    trial_lock,
)
from mnist_core.runs import locks, words
from mnist_core.training import data, engine
from mnist_core.training.data import Dataset
from mnist_core.training.engine import EpochEvent
from mnist_core.training.randomness import seed_of
from mnist_core.training.recipe import RECIPES
from mnist_core.training.splits import development
from mnist_core.training.state import TrainingError, TrainingState

VALIDATION = 5_000  # training images that are held out to choose on
RANDOM_TRIALS = 16  # before what they say guides the next
_DRAWING = 3  # purpose of a random number, beside those of training

Say = Callable[[str], None]


def search(
    settings: Settings,
    trials: int | None = None,
    minutes: float | None = None,
    threads: int = 1,
    folder: Path | None = None,
    say: Say = print,
) -> int:
    """Go on until there are `trials` in all; begin none after `minutes`. Gives how many others still train.

    Without either number it goes on until it is stopped. Raises SearchError, DataError, TrainingError and
    OSError.
    """
    torch.set_num_threads(threads)
    folder = folder or search_folder()
    end = time.monotonic() + 60 * minutes if minutes is not None else None
    dataset = development(data.load(settings.data), VALIDATION, settings.images)
    study = open_study(settings, folder)
    while True:
        with FileLock(folder / f"{settings.name}.lock"):  # a trial that is being born must not look dead
            others = give_up_the_dead(study, settings, folder)
            enough = trials is not None and len(outcomes(study)) + others >= trials
            if enough or (end is not None and time.monotonic() >= end):
                return others
            if not study.get_trials(deepcopy=False):
                for draws in KNOWN:
                    study.enqueue_trial(draws)
            trial = study.ask()
            path = trial_lock(settings, folder, trial.number)
            lock = locks.take(path)
        if lock is None:
            raise TrainingError(f"{path} is held by another program. Stop it, and begin again.")
        with lock:
            study.sampler = TPESampler(
                n_startup_trials=RANDOM_TRIALS,
                seed=seed_of(settings.seed, _DRAWING, trial.number) % 2**32,
            )
            outcome, reason = _train(study, trial, settings, dataset)
        path.unlink(missing_ok=True)
        say(_line(outcome, reason))


def _train(
    study: optuna.Study, trial: optuna.Trial, settings: Settings, dataset: Dataset
) -> tuple[Outcome, str]:
    """Draw one trial, train it as far as it is worth it, tell the study; gives why it ended early, or ""."""
    draws = cast(Draws, trial)  # optuna's types do not say that the choice is one of the choices
    spec = draw_design(draws, settings.params, settings.macs)
    steps = -(-settings.images // RECIPES["fast"].batch_size)
    recipe = draw_recipe(draws, settings.epochs, steps, settings.seed)
    analysis = analyze(spec)
    trial.set_user_attr(
        TRIED,
        {
            "design": to_text(spec),
            "params": analysis.params,
            "macs": analysis.macs,
            "recipe": recipe.model_dump(mode="json", exclude_defaults=True),
        },
    )
    reason, accuracy = "", 0.0
    state = TrainingState.new(spec, recipe)
    start = time.process_time()
    try:
        for event in engine.train(state, dataset):
            if isinstance(event, EpochEvent) and event.test_accuracy is not None:
                accuracy = event.test_accuracy  # the validation images stand in place of the test images
                trial.report(accuracy, event.epoch)
                if event.epoch < settings.epochs and trial.should_prune():
                    reason = "pruned"
                    break
    except TrainingError as error:
        reason = f"given up: {error}"
    trial.set_user_attr(SECONDS, round(time.process_time() - start, 1))
    ended = study.tell(trial, state=TrialState.PRUNED) if reason else study.tell(trial, accuracy)
    return outcome_of(ended), reason


def _line(outcome: Outcome, reason: str) -> str:
    accuracies = "  ".join(map(words.percent, outcome.accuracies)) or "–"
    size = f"{outcome.params:>7,} params {outcome.macs:>11,} MACs {outcome.processor_seconds:>6,.0f} s"
    return f"trial {outcome.number:>4} {size}   validation {accuracies}{reason and f'   {reason}'}"
