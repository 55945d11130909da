"""What a tab does that takes its time, such as starting a run: each press once, and nothing of it lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

DOUBLE_CLICK = 1.0  # seconds after an action in which the same one is the other half of a double click


class Actions:
    """Those of one tab.

    A click meanwhile begins the page anew, on another thread. What the former one then writes into
    Streamlit's session is lost, so it is written here.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.run: str | None = None  # that was started last
        self._last: tuple[object, float] = (None, 0.0)

    @contextmanager
    def once(self, action: object) -> Iterator[bool]:
        """Waits for what is being done. False for the other half of a double click: do nothing then."""
        with self.lock:
            last, ended = self._last
            again = last == action and time.monotonic() - ended < DOUBLE_CLICK
            yield not again
            if not again:
                self._last = (action, time.monotonic())
