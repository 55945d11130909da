"""reproduce: the published experiments and the lab's own records, trained here."""

from __future__ import annotations

import argparse
import sys

from mnist_core.cli.output import FAILED, FINE, WRONG, Refusal, print_json
from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.course.records import ALL, RECORDS
from mnist_core.course.report import PAGE, report
from mnist_core.course.results import Result, read_results
from mnist_core.runs.checkpoint import CheckpointError, shipped_folder
from mnist_core.runs.files import replace_file
from mnist_core.training.machine import step_back, wait_politely


def reproduce(options: argparse.Namespace) -> int:
    if unknown := [name for name in options.only if name not in ALL]:
        names = ", ".join(unknown)
        raise Refusal(
            WRONG,
            f"{names}: no experiment has this name. python -m mnist_core experiments lists the names.",
        )
    if options.report:
        if not options.out.is_file():
            raise Refusal(WRONG, f"{options.out}: there is no such file, so there is nothing to report.")
        replace_file(PAGE, report(_rows(options)).encode())
        if options.json:
            print_json({"page": str(PAGE)})
        else:
            print(PAGE)
        return FINE
    if options.ship:
        return _ship(options)
    _rows(options)  # a wrong file is refused before anything is trained
    chosen = [ALL[name] for name in options.only or (RECORDS if options.records else EXPERIMENTS)]
    step_back()
    wait_politely()
    from mnist_core.course import reproduce as work
    from mnist_core.training.data import DataError
    from mnist_core.training.state import TrainingError

    try:
        others = work.reproduce(
            chosen,
            options.seeds,
            options.threads,
            out=options.out,
            say=lambda line: print(line, file=sys.stderr, flush=True),
            jobs=options.jobs,
        )
    except (DataError, TrainingError) as error:
        raise Refusal(FAILED, str(error)) from None
    except OSError as error:
        raise Refusal(FAILED, f"{error}. What is finished is safe; the same command goes on.") from None
    except KeyboardInterrupt:
        raise Refusal(FAILED, "Interrupted. The same command goes on from here.") from None
    if others:
        print(f"{others} more are being trained by another process.", file=sys.stderr)
    if options.json:
        print_json([r.to_dict() for r in _rows(options) if ALL.get(r.name) in chosen])
    return FINE


def _rows(options: argparse.Namespace) -> tuple[Result, ...]:
    try:
        return read_results(options.out)
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal(WRONG, f"{options.out}: not a file of results ({error!r}). Name another one.") from None


def _ship(options: argparse.Namespace) -> int:
    from mnist_core.course.reproduce import work_folder
    from mnist_core.course.ship import ship

    try:
        done = ship(_rows(options), work_folder(), shipped_folder())
    except (OSError, CheckpointError) as error:
        raise Refusal(FAILED, str(error)) from None
    if options.json:
        print_json(done)
        return FINE
    for name, what in done.items():
        print(f"{name}: {what}")
    return FINE
