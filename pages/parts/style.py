"""The house style that all pages share, beyond what Streamlit's theme can say."""

import re
from functools import cache
from pathlib import Path

import streamlit as st

from . import state

# Reads at three metres. What larger type needs at 1280 pixels comes from margins and the boxes in the head.
_PROJECTOR = """html { font-size: 22px; }
[data-testid="stMainBlockContainer"] { padding-inline: 1.5rem; }
[data-testid="stMetricValue"] { font-size: 1.75rem; }
.st-key-figures { column-gap: 0.5rem; }
.st-key-figures [data-testid="stMetric"] { flex-basis: 4rem; }
.st-key-head > .st-key-start { flex: 1 1 13.6rem; }
.st-key-head > .st-key-name { flex: 1 1 8.5rem; }
.st-key-head > :has(> .st-key-asked) { flex: 1 1 18.5rem; }
"""


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


# Where the browser would make a link, an emoji or an arrow of a text, whatever is escaped in it.
_MADE_MORE_OF = re.compile(r"(?<=:)(?=\S)|(?<=www)(?=\.)|(?=@)|(?<=[-<>~])(?=[-=>])", re.IGNORECASE)
_JOINER = "\u2060"  # has no width


def plain(text: str) -> str:
    """Text that somebody else wrote, as Markdown that shows it as it is."""
    text = _MADE_MORE_OF.sub(_JOINER, text)
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]()#+-.!|~$:<>" else letter for letter in text)
