"""The table of the Compare page: sortable, a click on a line chooses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mnist_core.course.compare import Entry

from .component import component
from .scatter import COLORS, SIGNS

_mount = component(__file__)


def standings(
    key: str, entries: Sequence[Entry], chosen: Entry | None, on_choose: Callable[[], None]
) -> None:
    """The entries, best first until another order is asked for. A click sends an entry's key as "chosen"."""
    data = {"rows": [_row(entry) for entry in entries], "chosen": chosen.key if chosen else ""}
    _mount(key=key, data=data, on_chosen_change=on_choose)


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "key": entry.key,
        "kind": entry.kind,
        "color": COLORS[entry.kind],
        "sign": SIGNS[entry.kind],
        "name": entry.name,
        "params": entry.params,
        "epochs": entry.epochs,
        "accuracy": 100 * entry.accuracy,
        "sure": sure(entry),
        "best": None if entry.best is None else 100 * entry.best,
    }


def sure(entry: Entry) -> str:
    """How sure the accuracy is: the deviation over seeds, else the interval that the test images allow."""
    if entry.deviation is not None:
        return f"± {100 * entry.deviation:.2f}, {entry.seeds} seeds"
    low, high = entry.interval or (0.0, 1.0)
    return f"{100 * low:.2f} – {100 * high:.2f}"
