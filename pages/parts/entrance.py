"""The way into every page: through lab.py, also on a server whose first visitor asks for another page.

Until a script has called `st.navigation`, Streamlit takes the folder `pages` for its older kind of app and
runs the page that is asked for by itself, without lab.py.
"""

import importlib
import sys

import streamlit as st

from . import state
from .component import component

_mount = component(__file__, '<h1 class="lab-entrance"></h1>')
ICON = "pages/parts/favicon.png"
PAGES = (
    ("design", "Design", ":material/schema:"),
    ("train", "Train", ":material/model_training:"),
    ("draw", "Draw", ":material/draw:"),
    ("compare", "Compare", ":material/leaderboard:"),
)


def navigation() -> st.Page:
    """The navigation bar; gives the page that is asked for."""
    pages = [
        st.Page(f"pages/{name}.py", title=title, icon=icon, url_path=name, default=name == "design")
        for name, title, icon in PAGES
    ]
    return st.navigation(pages, position="top")


def begin_page(page: st.Page) -> None:
    """What all pages begin with: the tab's title, a heading to be heard, a drawer that closes on a phone."""
    st.set_page_config(page_title=f"{page.title} · MNIST lab", page_icon=ICON, layout="wide")
    _mount(key="entrance", data={"page": page.title})


def start_what_it_needs(page: st.Page) -> None:
    """PyTorch takes seconds to start: the first visitor of the page that needs it sees that it does."""
    if page.url_path == "draw" and "torch" not in sys.modules:
        with st.spinner("Starting PyTorch, about five seconds"):
            importlib.import_module("torch")


def through_app() -> None:
    """Called first by every page: sends a visitor who came past lab.py back through it."""
    if not state.begun():
        navigation()  # from now on Streamlit runs lab.py for every page
        st.rerun()
