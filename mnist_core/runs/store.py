"""The run folder: everything a run is, in files that anyone can open, zip and hand in.

    runs/20261120-141233-task-2-a3f/
        request.json            design, recipe, data: what was asked for; changes when epochs are added
        metrics.jsonl           one line for every event, appended whole
        status.json             where the run stands, replaced whole about once a second
        worker.log              what the worker said
        checkpoint.safetensors  weights after the last whole epoch, with design, recipe and figures; where a
                                run is stopped in its first epoch, those of that moment
        latest.safetensors      weights of this moment, to be watched; gone when an epoch or the worker ends
        state.safetensors       everything needed to go on exactly from there
        *.before-1.*            lines, checkpoint and state of before, where the state was lost
        stop, pause, rate       wishes to the worker
        label                   what its owner calls it
        worker.lock             held by the operating system exactly while the worker lives

Nothing here needs torch. Reading never raises on what a crash leaves behind.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from mnist_core.architecture.spec import ModelSpec, SpecError
from mnist_core.runs import locks, wishes
from mnist_core.runs.files import GrowingLines, last_lines, read_object, replace_file
from mnist_core.runs.status import LIVE, Status
from mnist_core.runs.wishes import RunError, Wish
from mnist_core.training.recipe import DATA_NAMES, Recipe, RecipeError

REQUEST, STATUS, METRICS, LOG = "request.json", "status.json", "metrics.jsonl", "worker.log"
CHECKPOINT, LATEST, STATE = "checkpoint.safetensors", "latest.safetensors", "state.safetensors"
ASIDE = "*.before-*"
LABEL, LABEL_LENGTH = "label", 60


@dataclass(frozen=True)
class Run:
    """One training attempt, by its folder. `name` is the folder's name and the run's in the URL."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    def __truediv__(self, name: str) -> Path:
        return self.folder / name


@dataclass(frozen=True)
class RunView:
    """A run as it is now. `spec` and `recipe` are None when request.json is broken (state: failed)."""

    run: Run
    created: datetime
    spec: ModelSpec | None
    recipe: Recipe | None
    data: str
    status: Status
    steps: tuple[dict[str, Any], ...] = ()  # metric lines with "event": "step"
    epochs: tuple[dict[str, Any], ...] = ()  # metric lines with "event": "epoch"
    rates: tuple[dict[str, Any], ...] = ()  # metric lines with "event": "rate": changes by hand
    checkpoint: Path | None = None  # None until the first epoch has ended, or was stopped
    threads: int = 0  # to train with on a CPU; 0: as many as a run may use
    group: str = ""  # the name of the first run of several that differ in their seed alone
    label: str = ""  # what its owner calls it
    wish: Wish = ""  # what the worker has been asked and has not obeyed yet

    @property
    def state(self) -> str:
        return self.status.state

    @property
    def alive(self) -> bool:
        return self.state in LIVE

    @property
    def title(self) -> str:
        """What people call it: its label, else its design's name."""
        return self.label or (self.spec.name if self.spec else "broken run")


def runs_folder() -> Path:
    """Where the runs are: `MNIST_LAB_RUNS`, else runs/ beside the package. It need not exist."""
    wish = os.environ.get("MNIST_LAB_RUNS")
    return Path(wish).absolute() if wish else Path(__file__).parents[2] / "runs"


def create(
    spec: ModelSpec, recipe: Recipe, data: str = "mnist", root: Path | None = None, **more: Any
) -> Run:
    """A new run folder that waits to be launched; `more` may have `group` and `threads`, see RunView.

    Raises RunError when it cannot be written.
    """
    if data not in DATA_NAMES:
        raise RunError(f"data is {data!r}; it must be one of {', '.join(DATA_NAMES)}.")
    root = root or runs_folder()
    now = datetime.now(UTC)
    request = {
        "version": 1,
        "created": now.isoformat(timespec="seconds"),
        "data": data,
        **more,
        "recipe": recipe.to_dict(),
        "spec": json.loads(spec.to_json()),
    }
    try:
        run = Run(_new_folder(root, now, spec.name))
        write_status(run, Status())
        # Last: a folder without a request is no run yet.
        write_request(run, request)
    except OSError as error:
        raise RunError(
            f"A run cannot be written to {root}: {error.strerror or error}. "
            "Free some space there, or let MNIST_LAB_RUNS name a folder that can be written."
        ) from None
    return run


def write_request(run: Run, request: dict[str, Any]) -> None:
    """Replace request.json. Raises OSError."""
    replace_file(run / REQUEST, json.dumps(request, indent=1, ensure_ascii=False).encode())


def _new_folder(root: Path, now: datetime, name: str) -> Path:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:30].strip("-") or "run"
    root.mkdir(parents=True, exist_ok=True)
    while True:  # until the three random digits are new
        folder = root / f"{now.astimezone():%Y%m%d-%H%M%S}-{slug}-{secrets.token_hex(2)[:3]}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder


def write_status(run: Run, status: Status, durable: bool = False) -> None:
    """Replace status.json. Only the one who holds the worker's or the launch lock does this (or `create`).

    Raises OSError. `durable` waits for the disk: for what the next worker would not tell anew.
    """
    stamped = replace(status, updated=datetime.now(UTC).isoformat(timespec="seconds"))
    replace_file(run / STATUS, json.dumps(asdict(stamped), ensure_ascii=False).encode(), durable)


def find(name: str, root: Path | None = None) -> Run | None:
    """The run of this name, None when there is none. Names that lead elsewhere are no runs."""
    if not re.fullmatch(r"\w[\w.-]{0,120}", name, re.ASCII):
        return None
    run = Run((root or runs_folder()) / name)
    return run if (run / REQUEST).is_file() else None


def list_runs(root: Path | None = None, newest: int = 1_000) -> tuple[RunView, ...]:
    """The newest runs, newest first, without their metrics. Folders that are no runs are passed over."""
    root = root or runs_folder()
    try:
        names = sorted((entry.name for entry in os.scandir(root) if entry.is_dir()), reverse=True)
    except OSError:
        return ()
    found = (run for name in names if (run := find(name, root)))
    return tuple(read(run, metrics=False) for run, _ in zip(found, range(newest), strict=False))


def read(run: Run, metrics: bool = True) -> RunView:
    """The run as it is now. Whatever is missing or torn is left out; this never raises."""
    request = read_object(run / REQUEST)
    spec, recipe, broken = _parse(request)
    status = _current_status(run)
    if not run.folder.is_dir():
        status = replace(status, state="deleted", message=f"Run {run.name}: its folder was deleted.")
    elif broken and status.state not in LIVE:
        status = replace(status, state="failed", message=f"Run {run.name}: {broken}")
    lines = _lines_of(run / METRICS).read() if metrics else ()
    data = request.get("data")
    return RunView(
        run=run,
        created=_time(request.get("created"), run),
        spec=spec,
        recipe=recipe,
        data=data if data in DATA_NAMES else "unknown data",
        status=status,
        steps=tuple(line for line in lines if line.get("event") == "step"),
        epochs=tuple(line for line in lines if line.get("event") == "epoch"),
        rates=tuple(line for line in lines if line.get("event") == "rate"),
        checkpoint=run / CHECKPOINT if (run / CHECKPOINT).is_file() else None,
        threads=threads if type(threads := request.get("threads")) is int and threads > 0 else 0,
        group=str(request.get("group") or ""),
        label=_label(run),
        wish=wishes.standing(run.folder),
    )


def _label(run: Run) -> str:
    try:
        return (run / LABEL).read_text(encoding="utf-8", errors="replace")[:LABEL_LENGTH].strip()
    except OSError:
        return ""


@lru_cache(maxsize=64)  # runs that are being watched
def _lines_of(path: Path) -> GrowingLines:
    return GrowingLines(path)


def _parse(request: dict[str, Any]) -> tuple[ModelSpec | None, Recipe | None, str]:
    """Design and recipe of a request; where one is broken, None and why."""
    if not request:
        return None, None, f"{REQUEST} is missing or broken. Delete the run."
    spec, recipe, broken = None, None, ""
    try:
        spec = ModelSpec.from_json(json.dumps(request.get("spec")))
    except SpecError as error:
        broken = f"the design in {REQUEST} is broken. {error}"
    try:
        recipe = Recipe.from_json(json.dumps(request.get("recipe")))
    except RecipeError as error:
        broken = f"the recipe in {REQUEST} is broken. {error}"
    return spec, recipe, broken


def _time(text: Any, run: Run) -> datetime:
    with suppress(TypeError, ValueError):
        time = datetime.fromisoformat(text)
        if 1980 < time.year < 2107:  # what every time zone and a zip can hold
            return time if time.tzinfo else time.replace(tzinfo=UTC)
    try:
        return datetime.fromtimestamp(run.folder.stat().st_ctime, UTC)
    except OSError:
        return datetime.fromtimestamp(0, UTC)


def _current_status(run: Run) -> Status:
    """status.json; when it says that a worker is at it but none lives, the run was interrupted.

    The finding is written down under both locks, so that it is made once and a worker that is just
    being launched is never declared dead.
    """
    status = Status.from_dict(read_object(run / STATUS))
    if status.state not in LIVE or locks.is_alive(run.folder) or not run.folder.is_dir():
        return status
    try:
        launch = locks.take(run / locks.LAUNCH_LOCK)
        worker = locks.take(run / locks.WORKER_LOCK) if launch else None
    except OSError:  # a folder we may only read
        launch, worker = None, None
    try:
        status = Status.from_dict(read_object(run / STATUS))  # it may have ended properly meanwhile
        if status.state not in LIVE or (worker is None and locks.is_alive(run.folder)):
            return status
        status = replace(status, state="interrupted", message=_obituary(run, status), seconds_left=-1.0)
        if worker:
            with suppress(OSError):  # no space: the next reader will find the same
                write_status(run, status)
        return status
    finally:
        for lock in (worker, launch):
            if lock:
                lock.release()


def _obituary(run: Run, status: Status) -> str:
    last = last_lines(run / LOG, 1)
    if not status.pid and not last:
        return f"Run {run.name}: it was never started. Resume starts it."
    said = f"last line of worker.log: “{last}”" if last else "worker.log is empty"
    then = f"goes on in epoch {status.saved_epoch}" if status.saved_epoch else "goes on"
    if not (run / STATE).is_file():
        then = "starts it again"
    who = f"the worker (pid {status.pid})" if status.pid else "the worker"
    return f"Run {run.name}: {who} ended without finishing; {said}. Resume {then}."
