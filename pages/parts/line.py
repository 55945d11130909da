"""A line of text, with a bar below it where there is progress; all of it may change while a run trains."""

from __future__ import annotations

from typing import Any

from pages.parts.component import component

_mount = component(__file__)


def line(name: str, what: dict[str, Any]) -> None:
    """The line, which follows a live run under this name."""
    _mount(key=name, data={"name": name, **what})


def shown(text: str, share: float | None = None, bold: str = "") -> dict[str, Any]:
    """What a line shows, as data: `bold` before `text`; `share` in [0, 1] is that of the bar."""
    return {"text": text, "share": share, "bold": bold}
