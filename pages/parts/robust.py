"""How far the drawing may be changed before a net names it differently."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from mnist_core.probe.catalog import Entry
from mnist_core.probe.drawing import Preparation
from mnist_core.probe.robustness import CHANGES, curve
from pages.parts.component import component, encoded

_mount = component(__file__)


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
            "digits": encoded(digits),
            "nets": [
                {
                    "name": entry.name,
                    "named": found.named,
                    "flips": found.flips,
                    "probabilities": np.round(found.probabilities, 7).tolist(),
                }
                for entry, found in zip(entries, curves, strict=True)
            ],
        },
    )
