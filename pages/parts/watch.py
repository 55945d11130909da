"""A run to be watched: what it says while it learns, what it mixes up and gets most wrong, how it fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from mnist_core.probe import watching
from mnist_core.probe.background import Background, Look
from mnist_core.probe.drawing import to_digit
from mnist_core.probe.watching import Sight
from mnist_core.runs import words
from mnist_core.runs.store import RunView
from mnist_core.runs.verdict import verdict
from pages.parts import canvas, confusion, line, tiles
from pages.parts.tiles import Tile

if TYPE_CHECKING:
    from mnist_core.probe.glimpse import Glimpse
    from mnist_core.probe.judgement import Judgement

MISTAKES = 24  # shown; the number of all is said
CELL = 24
SHARE = 0.05  # of the time that goes into the matrix while a run trains beside it

_COLOURED = "The true digit is coloured where it is among the three."
_SPLITS = {"test": "test digits", "validation": "held-out training digits"}


_glimpses: Background[Glimpse] = Background("glimpse", watching.prepare)  # for all who watch
_judgements: Background[Judgement] = Background("judgement", watching.prepare)


def fit(view: RunView) -> dict[str, Any]:
    """Over- or underfitting in a sentence, as what a line shows."""
    if view.spec is None or view.recipe is None:
        return line.shown("")
    name, colon, facts = verdict(view.epochs, view.recipe, view.spec).text.partition(":")
    return line.shown(colon + facts, bold=name)


# -- while it learns --


def live(view: RunView) -> None:
    """Eight random digits and the drawing, and what the net says of them now; only while the run lives."""
    if not view.alive:
        return
    drawn = drawing()
    look = _glimpse(view, drawn)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        line.line("moment", line.shown(_moment(look, view)))
        if drawn is None:
            st.page_link("pages/draw.py", label="draw a digit to watch", icon=":material/draw:")
    tiles.tiles(_live_tiles(look.answer, drawn), key="live", row=True)


def live_shown(view: RunView, drawn: NDArray[np.uint8] | None) -> dict[str, Any]:
    """What of that follows the run, as data by name."""
    look = _glimpse(view, drawn)
    return {
        "moment": line.shown(_moment(look, view)),
        "live": tiles.as_data(_live_tiles(look.answer, drawn)),
    }


def drawing() -> NDArray[np.uint8] | None:
    """What is on the canvas of the Draw page, (28, 28) as the net sees it; None while there is no ink."""
    return _prepared(canvas.current())


def _glimpse(view: RunView, drawn: NDArray[np.uint8] | None) -> Look[Glimpse]:
    seen = watching.sight(view, newest=True)
    if seen is None:
        return Look(None, False)
    turn = watching.turn()
    digit = None if drawn is None else np.divide(drawn, 255, dtype=np.float32)
    subject = (view.run.folder, b"" if drawn is None else drawn.tobytes())
    return _glimpses.look(subject, (seen.version, turn), partial(watching.glimpse_of, seen, turn, digit))


def _moment(look: Look[Glimpse], view: RunView) -> str:
    found = look.answer
    if found is None:
        return look.problem or "Eight random digits, and what the net says of them while it trains."
    step = f", step {found.step} of {found.steps_per_epoch}" if found.step else ""
    when = f"Epoch {found.epoch}{step}" if found.epoch else "Now"
    return (
        f"{when}: eight random {_SPLITS[found.digits.split]} and the net's first three guesses. {_COLOURED}"
    )


def _live_tiles(found: Glimpse | None, drawn: NDArray[np.uint8] | None) -> list[Tile]:
    if found is None:
        shown = [Tile("–") for _ in range(8)]
    else:
        digits = found.digits
        shown = [
            Tile(f"{digits.labels[at]}", "", digits.images[at], _first(said), int(digits.labels[at]))
            for at, said in zip(found.where, found.probabilities, strict=True)
        ]
    said = found.drawn if found else None
    return [*shown, Tile("your drawing", "", drawn, () if said is None else _first(said))]


@lru_cache(maxsize=16)
def _prepared(drawing: canvas.Drawing) -> NDArray[np.uint8] | None:  # a `Drawing` never changes
    prepared = to_digit(drawing.pixels())
    return None if prepared.box is None else np.rint(prepared.digit * 255).astype(np.uint8)


def _first(probabilities: NDArray[np.float32]) -> Sequence[tuple[int, float]]:
    from mnist_core.probe.judgement import first_guesses

    return first_guesses(probabilities)


# -- what it says of a whole split --


def matrix(view: RunView) -> bool:
    """The confusion matrix; a cell shows its images. Whether a newer one is on its way."""
    found, waits = _judged(view, "The confusion matrix will stand here after the first epoch.")
    if found:
        _matrix(view, found)
    return waits


def _matrix(view: RunView, found: Judgement) -> None:
    counts = found.confusion
    left, right = st.columns([5, 4], gap="large")
    with left:
        confusion.confusion(counts)
    with right:
        cell = confusion.chosen_cell()
        if cell is None:
            st.caption("Choose a cell to see its digits.")
            return
        true, said = cell
        where = found.cell(true, said)
        st.caption(_cell_words(true, said, len(where)))
        tiles.tiles(_judged_tiles(found, where[:CELL], view), key="cell")


def _cell_words(true: int, said: int, count: int) -> str:
    what = f"**{true}** named right" if true == said else f"**{true}** taken for **{said}**"
    if count == 0:
        return f"{what}: none."
    if count == 1:
        return f"{what}: 1 digit."
    order = "the least sure first" if true == said else "the worst first"
    return f"{what}: {_of(count, CELL, 'digit')}, {order}."


def mistakes(view: RunView) -> bool:
    """The digits that it gets most wrong. Whether newer ones are on their way."""
    empty = "The digits that the net gets most wrong will stand here after the first epoch."
    found, waits = _judged(view, empty)
    if found:
        _mistakes(view, found)
    return waits


def _mistakes(view: RunView, found: Judgement) -> None:
    where = found.mistakes()
    if len(where) == 0:
        st.caption("No mistakes at all.")
        return
    st.caption(
        f"{_of(len(where), MISTAKES, 'mistake')}, the worst first: those with the highest loss, −ln of the "
        f"probability that the net gives the true digit. {_COLOURED}"
    )
    tiles.tiles(_judged_tiles(found, where[:MISTAKES], view), key="mistakes")


def _of(count: int, most: int, what: str) -> str:
    """ "130 mistakes, 24 of them shown"."""
    text = words.counted(count, what)
    return f"{text}, {most} of them shown" if count > most else text


def _judged(view: RunView, empty: str) -> tuple[Judgement | None, bool]:
    """What the run's checkpoint says of its split (None before there is one), and whether it will say more.

    Also puts a word on where that stands.
    """
    seen = watching.sight(view)
    if seen is None:
        st.caption(empty)
        return None, False
    look = _look(view, seen, partial(watching.judgement_of, seen))
    found = look.answer
    if look.problem:
        st.caption(look.problem)
    if found is None:
        if not look.problem:
            st.caption(
                "The net is being asked about every digit. Beside a run that trains this takes some seconds."
            )
        return None, not look.newest
    right = int(found.confusion.trace())
    after = f"After epoch {found.epochs}: " if found.epochs else ""
    again = "" if look.newest else " A newer epoch is being asked."
    st.caption(
        f"{after}{right:,} of {len(found.digits):,} {_SPLITS[found.digits.split]} right "
        f"({right / len(found.digits):.2%}).{again}".replace("%)", " %)")
    )
    return found, not look.newest


def _look(view: RunView, seen: Sight, work: Callable[[], Judgement]) -> Look[Judgement]:
    if view.alive:  # the page asks again
        return _judgements.look(view.run.folder, seen.version, work, SHARE)
    with st.spinner("Asking the net about every digit: about two seconds, a few more the first time"):
        return _judgements.wait(view.run.folder, seen.version, work)


def _judged_tiles(found: Judgement, where: NDArray[np.int64], view: RunView) -> list[Tile]:
    digits, said = found.digits, found.said
    can_be_drawn = digits.split == "test" and digits.data == "mnist"  # what Draw can show by its number
    return [
        Tile(
            f"is {digits.labels[at]}, says {said[at]}",
            f"no. {digits.numbers[at]:,} · loss {found.losses[at]:.2f}",
            digits.images[at],
            _first(found.probabilities[at]),
            int(digits.labels[at]),
            f"draw?digit={digits.numbers[at]}&net=runs/{view.run.name}" if can_be_drawn else "",
        )
        for at in where
    ]
