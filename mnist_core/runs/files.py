"""Files that are whole or not there: atomic replacement, and reading that forgives what a crash leaves."""

from __future__ import annotations

import json
import math
import os
import threading
import time
from itertools import count
from pathlib import Path
from typing import Any

BUSY_TRIES = 40  # Windows refuses to replace a file while somebody reads it: try again for a second
BUSY_WAIT = 0.025  # seconds
DIGITS = 18  # of a whole number: more of them are no number that anything here counts


def replace_file(path: Path, data: bytes, durable: bool = True) -> None:
    """Write `data` to `path` so that a reader, or a crash, sees the old file or the new one, never a part.

    `durable` waits until the data is on the disk. Raises OSError; the old file is then untouched
    and nothing is left beside it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        _replace(temporary, path)
        if durable:
            _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _replace(source: Path, target: Path) -> None:
    for _ in range(BUSY_TRIES - 1):
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if os.name != "nt":
                raise
            time.sleep(BUSY_WAIT)
    os.replace(source, target)


def _sync_folder(folder: Path) -> None:
    """Put the renaming itself on the disk, where the system can (not on Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put_aside(path: Path) -> Path:
    """Call `metrics.jsonl` the first of `metrics.before-1.jsonl`, `-2`, … that is free; its new path.

    Only for the one who owns the folder. Raises OSError.
    """
    names = (path.with_name(f"{path.stem}.before-{number}{path.suffix}") for number in count(1))
    aside = next(name for name in names if not name.exists())
    _replace(path, aside)
    _sync_folder(path.parent)
    return aside


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of writers that were killed. Only for the one who owns the folder."""
    for leftover in folder.glob(".*.tmp"):
        leftover.unlink(missing_ok=True)


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in `path`, see `_object`; empty when the file is missing, torn or something else."""
    try:
        return _object(path.read_bytes()) or {}
    except OSError:
        return {}


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file of lines. A last line without end does not count; bad ones are skipped."""
    return list(GrowingLines(path).read())


class GrowingLines:
    """The objects of a file of lines that only grows: a second `read` parses only what has come since."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, bytes, tuple[dict[str, Any], ...]] = (
            0,
            b"",
            (),
        )  # bytes read, the last line among them, what they held

    def read(self) -> tuple[dict[str, Any], ...]:
        """All objects so far; empty when the file is missing. Safe in several threads at once."""
        size, last, objects = self._seen
        try:
            if not self.path.is_file():
                return ()
            with self.path.open("rb") as file:
                file.seek(size - len(last))
                if file.read(len(last)) != last:  # another file than the one that was read
                    size, last, objects = 0, b"", ()
                    file.seek(0)
                data = file.read()
        except OSError:
            return ()
        lines = data[: data.rfind(b"\n") + 1].splitlines(keepends=True)
        if lines:
            objects += tuple(value for line in lines if (value := _object(line)) is not None)
            self._seen = (size + sum(map(len, lines)), lines[-1], objects)
        return objects


def _object(text: bytes) -> dict[str, Any] | None:
    """The JSON object in `text`, None for none. Numbers that are infinite, NaN or endless become null."""
    try:
        value = json.loads(text, parse_float=_float, parse_int=_int, parse_constant=lambda name: None)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _float(text: str) -> float | None:
    return value if math.isfinite(value := float(text)) else None


def _int(text: str) -> int | None:
    return int(text) if len(text) <= DIGITS else None


def last_lines(path: Path, count: int = 20) -> str:
    """The last lines of a text file that are not empty; nothing when it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 64 * 1024))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join([line.rstrip() for line in text.splitlines() if line.strip()][-count:])


def drop_torn_line(path: Path) -> None:
    """Cut a last line that has no end, so that the next one starts on its own. Keeps everything else."""
    if not path.is_file():
        return
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - 4096)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        file.truncate(end)


def to_line(value: dict[str, Any]) -> bytes:
    """One JSON object as one line. NaN and infinities, which JSON does not know, become null."""
    return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
