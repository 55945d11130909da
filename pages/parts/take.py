"""Take it with you: a checkpoint as a file that works elsewhere."""

from __future__ import annotations

from functools import partial

import streamlit as st

from mnist_core.export.formats import FORMATS
from mnist_core.probe.catalog import Entry
from pages.parts.exchange import file_name


def take(entry: Entry) -> None:
    """One download for each format, made when it is asked for."""
    try:
        stored = entry.path.stat().st_size
    except OSError:
        st.caption(f"{entry.name}: its file is gone. Choose another checkpoint.")
        return
    for column, format in zip(st.columns(len(FORMATS), gap="large"), FORMATS.values(), strict=True):
        with column:
            st.download_button(
                f"{format.title} ({format.suffix})",
                data=partial(format.make, entry.path),
                file_name=f"{file_name(entry.name)}{format.suffix}",
                mime=format.mime,
                icon=":material/download:",
                key=f"take_{format.name}",
                on_click="ignore",
            )
            st.caption(f"{format.purpose} About {_bytes(format.size(stored))}.")


def _bytes(count: int) -> str:
    """As file managers write it: 89 kB, 25.5 MB."""
    return f"{count / 1e3:,.0f}\u00a0kB" if count < 1e6 else f"{count / 1e6:,.1f}\u00a0MB"
