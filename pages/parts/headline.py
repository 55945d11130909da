"""A run's figures in large type, each with a second line and a word of help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pages.parts.component import component

_mount = component(__file__)


@dataclass(frozen=True)
class Figure:
    """One of them; the second line, `note`, is always there, so that nothing jumps."""

    label: str
    value: str
    note: str
    help: str


def headline(name: str, figures: Sequence[Figure]) -> None:
    """The figures side by side, which follow a live run under this name."""
    _mount(key=name, data={"name": name, "figures": shown(figures)})


def shown(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """What they show, as data."""
    return [asdict(figure) for figure in figures]
