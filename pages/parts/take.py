"""Take it with you: a checkpoint as a file that works elsewhere."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from mnist_core.export import ExportError
from mnist_core.export.formats import FORMATS
from mnist_core.probe.catalog import Entry
from mnist_core.runs.checkpoint import CheckpointError
from pages.parts.exchange import file_name
from pages.parts.style import plain


def take(entry: Entry) -> None:
    """One download for each format.

    The files are made before anybody asks, which takes a moment: a file that is made at the click gets lost
    when the page is drawn anew at that time, and of a failure Streamlit would only say that there was one.
    """
    for column, format in zip(st.columns(len(FORMATS), gap="large"), FORMATS.values(), strict=True):
        with column:
            try:
                content = _made(entry.path, entry.path.stat().st_mtime_ns, format.name)
            except (CheckpointError, ExportError, OSError) as error:
                st.error(
                    f"{plain(entry.name)} cannot be given as {format.title}. {plain(str(error))}",
                    icon=":material/error:",
                )
                continue
            st.download_button(
                f"{format.title} ({format.suffix})",
                data=content,
                file_name=f"{file_name(entry.name)}{format.suffix}",
                mime=format.mime,
                icon=":material/download:",
                key=f"take_{format.name}",
                on_click="ignore",
            )
            st.caption(f"{format.purpose} {_bytes(len(content))}.")


@st.cache_data(max_entries=6, show_spinner="Making the files …")
def _made(path: Path, changed: int, format: str) -> bytes:
    """The file in this format; made again when the checkpoint has `changed`, its time in nanoseconds."""
    return FORMATS[format].make(path)


def _bytes(count: int) -> str:
    """As file managers write it: 89 kB, 25.5 MB."""
    return f"{count / 1e3:,.0f}\u00a0kB" if count < 1e6 else f"{count / 1e6:,.1f}\u00a0MB"
