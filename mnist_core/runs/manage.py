"""What a person may do to a run beside pausing and stopping it. Needs no torch."""

from __future__ import annotations

import io
import math
import secrets
import shutil
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from mnist_core.architecture.spec import ModelSpec
from mnist_core.runs import handout, launch, locks, store, wishes
from mnist_core.runs.files import read_object, replace_file
from mnist_core.runs.store import Run, RunError
from mnist_core.training.machine import has_cuda
from mnist_core.training.recipe import Recipe, RecipeError

MAX_SEEDS = 32


def start_seeds(
    spec: ModelSpec, recipe: Recipe, data: str, seeds: int, root: Path | None = None
) -> list[Run]:
    """Launch runs with `seeds` consecutive seeds, the recipe's own first.

    On a CPU several seeds train side by side with a thread each, as small nets gain little from a second one
    (benchmarks/seeds.py). On a GPU one worker trains them all at once (benchmarks/gpu.py). Raises RunError;
    then none is left but what lives already.
    """
    if not 1 <= seeds <= MAX_SEEDS:
        raise RunError(f"seeds is {seeds}; it must be 1 to {MAX_SEEDS}.")
    together = seeds > 1 and recipe.device in ("auto", "cuda") and has_cuda()
    try:
        recipes = [recipe.changed(seed=recipe.seed + number) for number in range(seeds)]
    except RecipeError as error:
        raise RunError(f"{seeds} seeds from {recipe.seed} on: {error}") from None
    threads = {"threads": 1} if seeds > 1 else {}
    runs: list[Run] = []
    try:
        for one in recipes:
            group = {"group": runs[0].name} if runs else {}
            runs.append(store.create(spec, one, data, root, **group, **threads))
        launch.start_together(*([runs] if together else [[run] for run in runs]))
    except RunError:
        for run in runs:
            with suppress(RunError):
                delete(run)
        raise
    return runs


def rename(run: Run, label: str) -> None:
    """Call the run `label` from now on, or with "" by its design's name. Raises RunError."""
    text = " ".join(label.split())[: store.LABEL_LENGTH]
    try:
        replace_file(run / store.LABEL, text.encode(), durable=False)
    except OSError as error:
        raise RunError(f"Run {run.name} cannot be renamed: {error.strerror or error}.") from None


def change_rate(run: Run, scale: float) -> None:
    """Ask the worker to train at `scale` times the schedule's learning rate from now on. Raises RunError.

    1 is the schedule's own. A run that rests takes it when it is resumed.
    """
    low, high = wishes.SCALES
    if not (math.isfinite(scale) and low <= scale <= high):
        raise RunError(
            f"The factor on the learning rate is {scale:g}; it must lie between {low:g} and {high:g}."
        )
    wishes.request_rate(run.folder, scale)


def train_more(run: Run, epochs: int, learning_rate: float) -> None:
    """Go on with a run that is done, for `epochs` more at a constant rate. Raises RunError."""
    with launch.claim(run):  # two tabs may ask at once: epochs are added once
        _add_epochs(run, epochs, learning_rate)
        launch.begin([run])


def _add_epochs(run: Run, epochs: int, learning_rate: float) -> None:
    view = store.read(run)
    if view.state != "done" or view.recipe is None:
        raise RunError(f"Run {run.name} is {view.state}; only a run that is done can be given more epochs.")
    if not (run / store.STATE).is_file():
        raise RunError(
            f"Run {run.name} cannot be given more epochs: its {store.STATE}, from which it would go on, is "
            "missing. Clone it to train it anew."
        )
    try:
        added = {"epochs": epochs, "learning_rate": learning_rate}
        recipe = view.recipe.changed(more=[*(more.model_dump() for more in view.recipe.more), added])
    except RecipeError as error:
        raise RunError(
            f"Run {run.name} cannot be given {epochs} epochs at {learning_rate:g}: {error}"
        ) from None
    try:
        # This order: whatever ends it in between leaves a run that Resume ends at once.
        store.write_status(run, replace(view.status, state="paused"), durable=True)
        wishes.request_rate(run.folder, 1.0)  # the added epochs have the rate that they are given
        store.write_request(run, read_object(run / store.REQUEST) | {"recipe": recipe.to_dict()})
    except OSError as error:
        raise RunError(f"Run {run.name} cannot be changed: {error.strerror or error}.") from None


def archive(run: Run, grading: str = "") -> bytes:
    """The run's folder as a zip file, without locks and wishes, and what is handed in. Raises RunError.

    `grading` is a section in Markdown that ends the report.
    """
    buffer = io.BytesIO()
    view = store.read(run)
    made = max((1980, 1, 1, 0, 0, 0), view.created.timetuple()[:6])  # a zip file's time begins there
    try:
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as packed:
            for name in (
                store.REQUEST,
                store.LABEL,
                store.METRICS,
                store.STATUS,
                store.LOG,
                store.CHECKPOINT,
                store.STATE,
                *(path.name for path in run.folder.glob(store.ASIDE)),
            ):
                if (run / name).is_file():
                    packed.write(run / name, f"{run.name}/{name}")
            for name, text in handout.files(view, grading).items():
                about = zipfile.ZipInfo(f"{run.name}/{name}", made)
                packed.writestr(about, text, zipfile.ZIP_DEFLATED)
    except OSError as error:
        raise RunError(f"Run {run.name} cannot be packed: {error.strerror or error}.") from None
    return buffer.getvalue()


def delete(run: Run) -> None:
    """Remove the run and all its files. Raises RunError while its worker lives."""
    if locks.is_alive(run.folder):
        raise RunError(f"Run {run.name} is still at work. Stop it first, then delete it.")
    grave = run.folder.with_name(f".deleted-{run.name}-{secrets.token_hex(2)}")
    try:
        run.folder.rename(grave)  # gone from every list at once, also when the removal is cut short
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunError(f"Run {run.name} cannot be deleted: {error.strerror or error}.") from None
    shutil.rmtree(grave, ignore_errors=True)
