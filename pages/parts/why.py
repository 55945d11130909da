"""Why a net says what it says: what its answer rests on, and how little would turn it into another."""

from __future__ import annotations

import streamlit as st

from mnist_core.probe.catalog import Entry
from mnist_core.probe.drawing import Preparation
from mnist_core.probe.flip import smallest_change
from mnist_core.probe.inference import predict
from mnist_core.probe.saliency import METHODS
from pages.parts.guess import percent
from pages.parts.pictures import Picture, pictures

TEXTS = {
    "Integrated gradients": "How much each pixel adds to the digit's score (its logit), against that of an "
    "empty picture; orange for, blue against. The shares add up to the difference of the two scores, but "
    "neighbouring pixels may share at random.",
    "Occlusion": "How far the probability falls (orange) or rises (blue) when the 5×5 pixels around a pixel "
    "are blacked out. Slow and coarse, but an experiment, not an estimate.",
    "Grad-CAM": "Where the last maps of the net speak for the answer. As coarse as those maps, and only what "
    "speaks for it.",
}


def saliency(entry: Entry, prepared: Preparation) -> None:
    """The three maps for the answer or any other digit."""
    said = int(predict(entry.path, prepared.digit)[0].argmax())
    target = _digit("What speaks for", "saliency_for", said)
    shown = []
    for name, method in METHODS.items():
        shown.append(Picture(name, TEXTS[name], prepared.digit, method(entry.path, prepared.digit, target)))
    pictures(shown, key="saliency")


def turned(entry: Entry, prepared: Preparation) -> None:
    """The nearest digit that the net takes for another one."""
    before = predict(entry.path, prepared.digit)[0]
    second = int(before.argsort()[-2])
    target = _digit("Turn it into", "turn_into", second)
    flip = smallest_change(entry.path, prepared.digit, target)
    after = predict(entry.path, flip.digit)[0]
    change = flip.digit - prepared.digit
    touched = int((abs(change) > 0.1).sum())
    text = (
        f"Named {target} with {percent(after[target])}: {touched} pixels change by over a tenth of full ink."
        if flip.reached
        else f"No way to {target} was found in small steps."
    )
    pictures(
        [
            Picture("Yours", f"Named {before.argmax()} with {percent(before.max())}.", prepared.digit),
            Picture("Changed", text, flip.digit),
            Picture("The change", "Ink added is orange, ink taken away blue.", 0 * change, change),
        ],
        key="turned",
    )


def _digit(label: str, key: str, otherwise: int) -> int:
    """A row of the ten digits; none chosen means the one that suits the drawing."""
    chosen = st.pills(
        label,
        list(range(10)),
        key=key,
        persist_state="session",
        help=f"None chosen: the {'answer' if key == 'saliency_for' else 'second answer'} of the net.",
    )
    return otherwise if chosen is None else int(chosen)
