"""Text that a program has printed, to be copied; it grows while a run trains."""

from __future__ import annotations

from typing import Any

from pages.parts.component import component

_mount = component(__file__)


def log(name: str, what: dict[str, Any]) -> None:
    """The text, which follows a live run under this name."""
    _mount(key=name, data={"name": name, **what})


def shown(text: str, empty: str) -> dict[str, Any]:
    """What a log shows, as data; `empty` stands there while there is no text."""
    return {"text": text, "empty": empty}
