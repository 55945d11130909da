"""`docs/results.md`: the reproduced experiments against what was published, from the data file alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean

from mnist_core.course.experiments import EXPERIMENTS, Experiment
from mnist_core.course.findings import difference, fit, seeds, step
from mnist_core.course.legend import HEAD, HOW_TO_READ, TARGET
from mnist_core.course.outcome import LAST, Outcome, outcome_of
from mnist_core.course.records import RECORDS
from mnist_core.course.results import Result

_RECORDS = """\
## Records

Nets of our own under the courses' limits: no ensemble, no test-time augmentation, no other data, and nothing
selected on the test set but for what the remarks tell. They were found on 50,000 of the training images,
judged by the other 10,000, and then trained on all 60,000 with five seeds.
`python -m mnist_core reproduce --only NAME --seeds 6` trains another seed of one; `python -m mnist_core
evaluate NAME` gives the figure of the seed that ships, the first.
"""

_COLUMNS = (
    "experiment",
    "params",
    "epochs",
    "published: last",
    "best",
    "train",
    "**ours: last**",
    "seeds",
    "best (epoch)",
    f"≥ {TARGET}",
    "train",
    "seconds",
)


PAGE = Path(__file__).parents[2] / "docs" / "results.md"


def outcomes(results: Sequence[Result]) -> dict[str, Outcome]:
    """The outcome of every experiment that has rows, by name."""
    found = {name: outcome_of(experiment, results) for name, experiment in EXPERIMENTS.items()}
    return {name: outcome for name, outcome in found.items() if outcome}


def report(results: Sequence[Result]) -> str:
    """The page, as Markdown."""
    known = outcomes(results)
    records = {name: outcome_of(record, results) for name, record in RECORDS.items()}
    reached = {name: outcome for name, outcome in records.items() if outcome}
    machines = _machines(known | reached)
    parts = [HEAD, _summary(known), HOW_TO_READ, _records(reached, machines)]
    documents = dict.fromkeys(experiment.document for experiment in EXPERIMENTS.values())
    for document in documents:
        members = [e for e in EXPERIMENTS.values() if e.document == document]
        parts.append(f"## {document}\n")
        parts.append(_table(members, known, machines))
        parts += [line for member in members for line in _lines(member, known)]
        parts.append("")
    if machines:
        parts.append("## Machines\n")
        parts += [f"- {letter}: {machine}" for machine, letter in machines.items()]
        parts.append("")
    return "\n".join(parts)


def _summary(known: Mapping[str, Outcome]) -> str:
    seeds = sum(min(outcome.seeds, outcome.experiment.seeds) for outcome in known.values())
    planned = sum(experiment.seeds for experiment in EXPERIMENTS.values())
    judged = [outcome for outcome in known.values() if outcome.reached is not None]
    reached = [outcome for outcome in judged if outcome.reached]
    lines = [
        f"So far {len(known)} of {len(EXPERIMENTS)} experiments have been trained here, with {seeds} of "
        f"{planned} seeds. Of the {len(judged)} with a published figure, {len(reached)} reach it, within "
        "what is allowed.",
        "",
    ]
    short = [outcome for outcome in judged if not outcome.reached]
    above = [outcome for outcome in reached if outcome.differs]
    lines += [
        f"- {what}: {', '.join(f'`{outcome.experiment.name}`{_without(outcome)}' for outcome in members)}."
        for what, members in (
            (
                f"Below it, over the last {LAST} epochs, too",
                [o for o in short if o.steady and not o.collapsed],
            ),
            ("Below it by a seed that collapsed", [o for o in short if o.collapsed]),
            ("Below it in the last epoch alone", [o for o in short if not (o.steady or o.collapsed)]),
            (f"Above it, over the last {LAST} epochs, too", [o for o in above if o.steady]),
            ("Above it in the last epoch alone", [o for o in above if not o.steady]),
            ("Compared after fewer epochs", [o for o in judged if o.shortened]),
        )
        if members
    ]
    return "\n".join(lines) + "\n"


def _table(members: Sequence[Experiment], known: Mapping[str, Outcome], machines: Mapping[str, str]) -> str:
    lines = [_row(_COLUMNS), _row(["---", *["---:"] * (len(_COLUMNS) - 2), "---"])]
    for member in members:
        told = member.published
        cells = [
            f"`{member.name}`{'' if member.exact else ' (reconstruction)'}",
            f"{member.params:,}",
            str(member.recipe.epochs),
            _percent(told.get("last_test_accuracy")),
            _best(told.get("best_test_accuracy"), told.get("best_epochs", [])),
            _percent(told.get("last_train_accuracy")),
        ]
        outcome = known.get(member.name)
        cells += _ours(outcome, machines) if outcome else ["not run yet", *["–"] * 5]
        lines.append(_row(cells))
    return "\n".join(lines) + "\n"


_RECORD_COLUMNS = (
    "class",
    "net",
    "params",
    "epochs",
    "best published",
    "wanted",
    "**ours: last**",
    "each seed",
    "seconds",
)


def _records(known: Mapping[str, Outcome], machines: Mapping[str, str]) -> str:
    """Our own nets, one for each class, and how each was found."""
    left = ("class", "net", "best published", "wanted", "each seed")
    lines = [_RECORDS, _row(_RECORD_COLUMNS)]
    lines.append(_row(["---" if column in left else "---:" for column in _RECORD_COLUMNS]))
    for record in RECORDS.values():
        cells = [record.title, f"`{record.name}`", f"{record.params:,}", str(record.recipe.epochs)]
        cells += [record.known, record.bar]
        outcome = known.get(record.name)
        if outcome:
            ours = _ours(outcome, machines)
            each = ", ".join(_percent(result.last) for result in outcome.results)
            cells += [f"{ours[0]}{f'; {record.measured}' if record.measured else ''}", each, ours[-1]]
        else:
            cells += ["not run yet", "–", "–"]
        lines.append(_row(cells))
    lines += ["", *(f"- `{record.name}`: {record.remark}" for record in RECORDS.values()), ""]
    return "\n".join(lines)


def _ours(outcome: Outcome, machines: Mapping[str, str]) -> list[str]:
    deviation = "" if outcome.deviation is None else f" ± {100 * outcome.deviation:.2f}"
    short = f" after {outcome.epochs} epochs" if outcome.shortened else ""
    targets = [len(result.epochs_at_target) for result in outcome.results]
    return [
        f"**{_percent(outcome.mean)}{deviation}**{short}{_without(outcome)}",
        str(outcome.seeds),
        ", ".join(_best(result.best, [result.best_epoch]) for result in outcome.results),
        ", ".join(map(str, targets)) if any(targets) else "0",
        _percent(outcome.train),
        _seconds(outcome, machines),
    ]


def _without(outcome: Outcome) -> str:
    """What the mean is without seeds that collapsed; "" where none did."""
    gone = outcome.collapsed
    return f" ({_percent(outcome.sound.mean)} without {seeds(gone)}, collapsed)" if gone else ""


def _seconds(outcome: Outcome, machines: Mapping[str, str]) -> str:
    """The seconds of a seed on each machine: "186 A, 59 B"."""
    seconds: dict[str, list[float]] = {}
    for result in outcome.results:
        seconds.setdefault(machines[_machine(result)], []).append(result.cost)
    return ", ".join(f"{mean(seconds[letter]):,.0f} {letter}" for letter in sorted(seconds))


def _lines(experiment: Experiment, known: Mapping[str, Outcome]) -> list[str]:
    """The analysis and the remark, as a list below the experiment's name; empty where nothing is to say."""
    outcome = known.get(experiment.name)
    said = [step(experiment, known), fit(outcome) if outcome else ""]
    if outcome and (twin := outcome.results[0].same_as):
        said.append(f"The same layers and recipe as `{twin}`, so the same training.")
    if outcome and outcome.differs:
        said.append(f"**Differs**: {difference(outcome)}")
    if experiment.remark:
        said.append(f"Note: {experiment.remark}")
    items = [f"  - {text}" for text in said if text]
    return [f"- `{experiment.name}`", *items] if items else []


def _machines(known: Mapping[str, Outcome]) -> dict[str, str]:
    """A letter for every machine and version of PyTorch, in the order of the table."""
    names = dict.fromkeys(_machine(result) for outcome in known.values() for result in outcome.results)
    return {name: chr(ord("A") + number) for number, name in enumerate(names)}


def _machine(result: Result) -> str:
    return f"{result.machine}, PyTorch {result.torch}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _percent(accuracy: float | None) -> str:
    return "–" if accuracy is None else f"{100 * accuracy:.2f}"


def _best(accuracy: float | None, epochs: Sequence[int]) -> str:
    return "–" if accuracy is None else f"{_percent(accuracy)} ({', '.join(map(str, epochs))})"
