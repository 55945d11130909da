"""The house style that all pages share, beyond what Streamlit's theme can say."""

from functools import cache
from pathlib import Path

import streamlit as st

from . import state

_PROJECTOR = "html { font-size: 22px; }"  # reads at three metres


@cache
def _css() -> str:
    here = Path(__file__)
    return "".join(here.with_name(name).read_text(encoding="utf-8") for name in ("style.css", "answer.css"))


def house_style() -> None:
    """Less empty space above the answer, tabular figures, a phone's margins, and the projector's switch.

    The switch stands on every page, in the bar of the navigation; the link says how it stands.
    """
    st.toggle("Projector: larger type", key="projector", bind="query-params")
    st.html(f"<style>{_css()}{_PROJECTOR if state.value('projector') else ''}</style>")


def plain(text: str) -> str:
    """Text that somebody else wrote, as Markdown that shows it as it is."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]()#+-.!|~$:<>" else letter for letter in text)
