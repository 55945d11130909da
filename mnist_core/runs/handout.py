"""What a student hands in with a run: the net as PyTorch source, the log, and a report of one page."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.codegen import to_source
from mnist_core.architecture.report import Analysis, LayerReport
from mnist_core.architecture.rules import number_text, one_or_two, shape_text
from mnist_core.architecture.spec import SpecError
from mnist_core.runs import words
from mnist_core.runs.figures import TARGET_ACCURACY, number
from mnist_core.runs.store import RunView
from mnist_core.runs.verdict import verdict
from mnist_core.training import recipe_words

_ALWAYS_TOLD = ("kernel_size", "p", "times")  # fields of a layer, also where they have their defaults


def files(view: RunView, grading: str = "") -> dict[str, str]:
    """The texts by file name, `grading` at the end of the report.

    What a half or broken run does not have is left out; this never raises.
    """
    found = {"log.txt": words.notebook_log(view), "report.md": report(view, grading)}
    if view.spec:
        with suppress(SpecError):  # a design with problems has no source
            found["net.py"] = to_source(view.spec)
    return {name: text for name, text in found.items() if text}


def report(view: RunView, grading: str = "") -> str:
    """Design, recipe, figures and how it fits, as Markdown; empty for a run without design and recipe."""
    if view.spec is None or view.recipe is None:
        return ""
    parts = [
        f"# {' '.join(view.title.split())}",
        _outset(view),
        "## Design",
        _design(analyze(view.spec)),
        "## Recipe",
        recipe_words.sentence(view.recipe),
        _table(("field", "value"), (recipe_words.acting(view.recipe) | words.acted(view)).items()),
        "## Figures",
        _figures(view),
        verdict(view.epochs, view.recipe, view.spec).text,
        grading,
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _outset(view: RunView) -> str:
    status, recipe = view.status, view.recipe
    assert recipe is not None
    data = "MNIST" if view.data == "mnist" else f"{view.data} digits, which say nothing about MNIST"
    parts = [f"Trained on {data}", f"{view.created.astimezone():%Y-%m-%d %H:%M}", f"seed {recipe.seed}"]
    if status.device:
        parts.append(f"{status.device}, {words.threads(status.threads)}")
    if status.seconds:
        parts.append(words.duration(status.seconds))
    state = words.STATE_WORDS[view.state]
    return (
        f"{' · '.join(parts)} · {state}, {len(view.epochs)} of {words.counted(recipe.total_epochs, 'epoch')}"
    )


def _design(analysis: Analysis) -> str:
    rows = [_layer(report) for report in analysis.active]
    total = f"{analysis.params:,} params, {analysis.macs:,} multiply-accumulates for one image."
    return f"{total}\n\n" + _table(("", "layer", "output", "params", "receptive field, px"), rows)


def _layer(report: LayerReport) -> tuple[str, ...]:
    assert report.view  # it is active
    layer = report.layer
    fields = [
        f"{name} {number_text(value) if isinstance(value, tuple) else value}"
        for name, info in type(layer).model_fields.items()
        if name not in ("kind", "enabled", "layers")
        and ((value := getattr(layer, name)) != info.default or name in _ALWAYS_TOLD)
    ]
    name = "· " * report.depth + f"{report.kind} {', '.join(fields)}".rstrip()
    field = number_text(one_or_two(report.view.field))
    return f"{report.index}", name, shape_text(report.view.shape), f"{report.params:,}", field


def _figures(view: RunView) -> str:
    """Accuracies with their 95 % intervals, and how the run stood to the course's target."""
    figures, recipe = view.status.figures, view.recipe
    assert recipe is not None
    tested = figures.get("test_images")
    images = {"test": tested if isinstance(tested, int) and tested > 0 else 10_000}
    images["validation"] = recipe.validation_size
    judged = "validation" if figures.get("judged_on") == "validation" else "test"
    rows = []
    for split in ("train", "validation", "test"):
        accuracy, count = figures.get(f"{split}_accuracy"), images.get(split)
        if isinstance(accuracy, float):
            interval = words.interval(accuracy, count) if count else ""
            rows.append((f"{split}, last epoch", words.percent(accuracy), interval))
    if isinstance(best := figures.get("best_accuracy"), float):
        where = f"{judged}, best epoch ({figures.get('best_epoch')})"
        rows.append((where, words.percent(best), "none: picked on the images that it is measured on"))
    if not rows:
        return "No epoch has ended."
    table = _table(("accuracy", "", "95 % interval (Wilson)"), rows)
    return f"{table}\n\n{_target(view, judged)}" if view.data == "mnist" else table


def _target(view: RunView, judged: str) -> str:
    figures = view.status.figures
    met = sum(number(line, f"{judged}_accuracy") >= TARGET_ACCURACY for line in view.epochs)
    said = f"{100 * TARGET_ACCURACY:g} % was met in {met} of {words.counted(len(view.epochs), 'epoch')}"
    seconds = figures.get("target_seconds")
    if isinstance(seconds, (int, float)):
        said += f", first in epoch {figures.get('target_epoch')} after {words.duration(seconds)}"
    return "; ".join(filter(None, (said, words.held(figures)))) + "."


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
