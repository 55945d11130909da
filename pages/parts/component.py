"""What all components have in common: a module, its JavaScript and CSS beside it, and `dom.js` before both.

A module `tiles.py` with `tiles.js` and, where it needs one, `tiles.css` shows its component in an element
of the class `lab-tiles`.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

SHARED = Path(__file__).with_name("dom.js")


def component(module: str, html: str = "") -> ComponentRenderer:
    """The component of the module with this `__file__`; `html` in place of its element."""
    home = Path(module)
    css = home.with_suffix(".css")
    return st.components.v2.component(
        f"lab_{home.stem}",
        html=html or f'<div class="lab-{home.stem}"></div>',
        css=css.read_text(encoding="utf-8") if css.exists() else None,
        js=SHARED.read_text(encoding="utf-8") + home.with_suffix(".js").read_text(encoding="utf-8"),
        isolate_styles=False,
    )


def served(path: str) -> str:
    """Where the lab's own server has this path."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"{f'/{base}' if base else ''}/{path}"


def encoded(values: np.ndarray[Any, Any]) -> str:
    """The bytes of an array as text; `bytes` in dom.js reads them."""
    return base64.b64encode(values.tobytes()).decode()
