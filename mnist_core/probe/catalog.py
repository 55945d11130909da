"""The checkpoints that can be asked: those of the runs, then those that ship with the lab."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.layers import AnyLayer
from mnist_core.runs import store, words
from mnist_core.runs.checkpoint import SUFFIX, CheckpointError, describe, shipped_folder
from mnist_core.runs.seeds import seed_of
from mnist_core.runs.store import RunView

# What tells two runs of one title apart, as far as it is needed; at last three letters of the folder's name.
MARKS: tuple[Callable[[RunView], str], ...] = (
    words.when,
    lambda view: f"seed {seed_of(view)}",
    lambda view: view.run.name[-3:],
)


@dataclass(frozen=True)
class Entry:
    """One checkpoint, as far as its header tells.

    `key` is what a link or a widget calls it: "shipped/NAME" or "runs/RUN". No two of `entries` have the
    same `name`. `accuracy` is the fraction of the test images that it named right when it was trained, None
    where that is not known; `data` is the name of the data that it learned on. `seeds` is how many were
    trained alike where this one ships for all of them.
    """

    key: str
    path: Path
    name: str
    layers: tuple[AnyLayer, ...]
    params: int
    accuracy: float | None
    data: str
    seeds: int = 1

    @property
    def shipped(self) -> bool:
        return self.key.startswith("shipped/")


def entries() -> tuple[Entry, ...]:
    """All that can be opened: the newest run's first, then those that ship. Never raises."""
    shipping = shipped_entries()
    views = [view for view in store.list_runs() if view.checkpoint]
    runs = []
    for view, name in zip(views, _told_apart(views, [entry.name for entry in shipping]), strict=True):
        if view.checkpoint and (entry := _entry(f"runs/{view.run.name}", view.checkpoint)):
            runs.append(replace(entry, name=name))
    return (*runs, *shipping)


def shipped_entries() -> tuple[Entry, ...]:
    """Those that ship, the largest first. Never raises."""
    found = [_entry(f"shipped/{path.stem}", path) for path in shipped_folder().glob(f"*{SUFFIX}")]
    return tuple(sorted(filter(None, found), key=lambda entry: (-entry.params, entry.key)))


def _told_apart(views: Sequence[RunView], others: Iterable[str]) -> list[str]:
    """What to call the runs: their titles, and more where one would read like another or one of `others`."""
    names = [view.title for view in views]
    for mark in MARKS:
        often = Counter([*names, *others])
        names = [
            name if often[name] == 1 else f"{name} · {mark(view)}"
            for name, view in zip(names, views, strict=True)
        ]
    return names


def _entry(key: str, path: Path) -> Entry | None:
    try:
        state = path.stat()
        return _described(key, path, state.st_mtime_ns, state.st_size)
    except (OSError, CheckpointError):
        return None  # damaged or just being replaced; whoever opens it directly is told why


@lru_cache(maxsize=2048)  # more than are listed: with fewer every look would read them all again
def _described(key: str, path: Path, modified: int, size: int) -> Entry:
    """One entry for each state of a file; `modified` and `size` are only there to tell them apart."""
    about = describe(path)
    seeds = about.figures.get("seeds")
    return Entry(
        key=key,
        path=path,
        name=about.spec.name,
        layers=about.spec.layers,
        params=analyze(about.spec).params,
        accuracy=_fraction(about.figures.get("test_accuracy")),
        data=str(about.figures.get("data", "unknown data")),
        seeds=seeds if type(seeds) is int and seeds > 1 else 1,
    )


def _fraction(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= 1 else None
