"""How far the drawing may be changed before a net names it differently."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import streamlit as st

from mnist_core.probe.catalog import Entry
from mnist_core.probe.drawing import Preparation
from mnist_core.probe.robustness import CHANGES, curve

_HERE = Path(__file__)
_mount = st.components.v2.component(
    "robust",
    html='<div class="lab-robust"></div>',
    css=_HERE.with_suffix(".css").read_text(encoding="utf-8"),
    js=_HERE.with_suffix(".js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def robust(entries: Sequence[Entry], prepared: Preparation) -> None:
    """Choose a change; see the digit and what the nets say of it along the change's range."""
    name = st.pills(
        "Change",
        list(CHANGES),
        default="rotate",
        key="change",
        required=True,
        format_func=lambda name: CHANGES[name].title,
        label_visibility="collapsed",
        persist_state="session",
    )
    change = CHANGES[name]
    curves = [curve(entry.path, prepared.digit, change) for entry in entries]
    digits = np.rint(curves[0].digits * 255).astype(np.uint8)
    _mount(
        key="robust",
        data={
            "change": name,
            "title": change.title,
            "unit": change.unit,
            "help": change.help,
            "neutral": change.neutral,
            "amounts": curves[0].amounts.tolist(),
            "digits": base64.b64encode(digits.tobytes()).decode(),
            "nets": [
                {
                    "name": entry.name,
                    "named": found.named,
                    "flips": found.flips,
                    "probabilities": np.round(found.probabilities, 4).tolist(),
                }
                for entry, found in zip(entries, curves, strict=True)
            ],
        },
    )
