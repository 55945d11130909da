"""experiments, analyze, code: what a design is, without training it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.codegen import to_source
from mnist_core.architecture.report import Analysis, problem_dict
from mnist_core.architecture.rules import number_text, one_or_two, shape_text
from mnist_core.architecture.spec import ModelSpec, Problem, SpecError
from mnist_core.architecture.text import from_text
from mnist_core.cli.output import FAILED, FINE, WRONG, Refusal, print_json
from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.course.records import ALL


def experiments(options: argparse.Namespace) -> int:
    if options.json:
        print_json([experiment.to_dict() for experiment in EXPERIMENTS.values()])
        return FINE
    print("Params, and the published test accuracy after the last epoch.")
    document = None
    for experiment in EXPERIMENTS.values():
        if experiment.document != document:
            document = experiment.document
            print(f"\n{document}")
        last = experiment.published.get("last_test_accuracy")
        result = f"{last:.2%}" if last else "–"
        kind = "" if experiment.exact else "  (reconstruction)"
        print(f"  {experiment.name:38}{experiment.params:>10,}{result:>9}  {experiment.title}{kind}")
    return FINE


def analyze_design(options: argparse.Namespace) -> int:
    try:
        analysis = analyze(_spec(options.spec))
    except SpecError as error:
        if options.json:
            unknown: dict[str, Any] = dict.fromkeys(("name", "params", "trainable_params", "macs"))
            problems = [problem_dict(problem) for problem in error.problems]
            print_json({**unknown, "problems": problems, "layers": []})
        _print_problems(error.problems)
        return FAILED
    if options.json:
        print_json(analysis.to_dict())
    else:
        _print_table(analysis)
    _print_problems(analysis.problems)
    return FAILED if analysis.problems else FINE


def _print_table(analysis: Analysis) -> None:
    print(f"{'':>3}  {'layer':20}{'output':>14}{'params':>11}{'MACs':>14}{'field':>8}{'jump':>6}{'start':>7}")
    for report in analysis.layers:
        name = "  " * report.depth + report.kind
        line = f"{report.index:>3}  {name:20}"
        if view := report.view:
            field, jump, start = (number_text(one_or_two(v)) for v in (view.field, view.jump, view.start))
            shape = shape_text(view.shape)
            line += f"{shape:>14}{report.params:>11,}{report.macs:>14,}{field:>8}{jump:>6}{start:>7}"
        print(line)
    print(f"{analysis.spec.name}: {analysis.params:,} params, {analysis.macs:,} MACs")


def code(options: argparse.Namespace) -> int:
    spec = design_of(options.spec)
    source = to_source(spec)
    if options.json:
        print_json({"name": spec.name, "code": source})
    else:
        print(source, end="")
    return FINE


def _spec(name: str) -> ModelSpec:
    """An experiment's or a record's design, a file's, or the one that the text form stands for.

    Raises SpecError for a file that holds JSON but no design, and for words that are none.
    """
    if name in ALL:
        return ALL[name].spec
    if " " in name.strip() and not os.path.isfile(name):  # Path.is_file raises for a long text
        return from_text(name)
    text = read_file(name, "experiment or record", "The commands experiments and checkpoints list them")
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        raise Refusal(WRONG, f"{name}: not a design. {_reason(text)}") from None
    return ModelSpec.from_json(text)


def _reason(text: bytes) -> str:
    try:
        ModelSpec.from_json(text)
    except SpecError as error:
        return str(error)
    return ""


def design_of(name: str) -> ModelSpec:
    """A design without problems; those of any other are printed."""
    try:
        spec = _spec(name)
        problems = analyze(spec).problems
    except SpecError as error:
        problems = error.problems
    if problems:
        raise Refusal(FAILED, "\n".join(map(str, problems)))
    return spec


def read_file(name: str, kind: str, advice: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise Refusal(
            WRONG, f"{name}: no {kind} has this name, and as a file: {error.strerror}. {advice}."
        ) from None


def _print_problems(problems: Sequence[Problem]) -> None:
    for problem in problems:
        print(problem, file=sys.stderr)
