"""Take it with you: a checkpoint as a file that works elsewhere."""

from __future__ import annotations

from threading import Event

import streamlit as st

from mnist_core.export.formats import FORMATS, ExportError, Format
from mnist_core.probe.catalog import Entry
from mnist_core.runs.checkpoint import CheckpointError
from pages.parts import state
from pages.parts.exchange import file_name

PATIENCE = 5.0  # seconds for which the page waits to hear whether a file could be made


class _Making:
    """A file that is made when its button is pressed, by a thread of Streamlit's.

    Of a failure Streamlit says that there was one and no more; so it is kept here for the page to say.
    """

    def __init__(self, entry: Entry, format: Format) -> None:
        self.entry, self.format = entry, format
        self.ended = Event()
        self.failure = ""

    def content(self) -> bytes:
        try:
            return self.format.make(self.entry.path)
        except (CheckpointError, ExportError, OSError) as error:
            self.failure = f"{self.entry.name} cannot be given as {self.format.title}. {error}"
            raise
        finally:
            self.ended.set()

    def follow(self) -> None:
        """For the button, while the file is being made: let the page be drawn when that has ended."""
        state.put("making", self)
        self.ended.wait(PATIENCE)


def take(entry: Entry) -> None:
    """One download for each format, made when it is asked for."""
    try:
        stored = entry.path.stat().st_size
    except OSError:
        st.caption(f"{entry.name}: its file is gone. Choose another checkpoint.")
        return
    for column, format in zip(st.columns(len(FORMATS), gap="large"), FORMATS.values(), strict=True):
        making = _Making(entry, format)
        with column:
            st.download_button(
                f"{format.title} ({format.suffix})",
                data=making.content,
                file_name=f"{file_name(entry.name)}{format.suffix}",
                mime=format.mime,
                icon=":material/download:",
                key=f"take_{format.name}",
                on_click=making.follow,
            )
            st.caption(f"{format.purpose} About {_bytes(format.size(stored))}.")


def say_failure() -> None:
    """Why the file that was asked for last could not be made, if it could not."""
    making: _Making | None = state.value("making")
    if making and making.failure:
        st.error(making.failure, icon=":material/error:")


def _bytes(count: int) -> str:
    """As file managers write it: 89 kB, 25.5 MB."""
    return f"{count / 1e3:,.0f}\u00a0kB" if count < 1e6 else f"{count / 1e6:,.1f}\u00a0MB"
