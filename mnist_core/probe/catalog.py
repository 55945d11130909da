"""The checkpoints that can be asked: those that ship with the lab, then those of the runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.layers import AnyLayer
from mnist_core.runs import store
from mnist_core.runs.checkpoint import SUFFIX, CheckpointError, describe, shipped_folder


@dataclass(frozen=True)
class Entry:
    """One checkpoint, as far as its header tells.

    `key` is what a link or a widget calls it: "shipped/NAME" or "runs/RUN". `accuracy` is the fraction
    of the test images that it named right when it was trained, None where that is not known; `data` is
    the name of the data that it learned on.
    """

    key: str
    path: Path
    name: str
    layers: tuple[AnyLayer, ...]
    params: int
    accuracy: float | None
    data: str

    @property
    def shipped(self) -> bool:
        return self.key.startswith("shipped/")


def entries() -> tuple[Entry, ...]:
    """All that can be opened: those that ship, then the newest run's. Never raises."""
    runs = [_entry(f"runs/{view.run.name}", view.checkpoint) for view in store.list_runs() if view.checkpoint]
    return (*shipped_entries(), *filter(None, runs))


def shipped_entries() -> tuple[Entry, ...]:
    """Those that ship, the largest first. Never raises."""
    found = [_entry(f"shipped/{path.stem}", path) for path in shipped_folder().glob(f"*{SUFFIX}")]
    return tuple(sorted(filter(None, found), key=lambda entry: (-entry.params, entry.key)))


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
    return Entry(
        key=key,
        path=path,
        name=about.spec.name,
        layers=about.spec.layers,
        params=analyze(about.spec).params,
        accuracy=_fraction(about.figures.get("test_accuracy")),
        data=str(about.figures.get("data", "unknown data")),
    )


def _fraction(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= 1 else None
