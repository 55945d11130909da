"""The answer of the Design page: three figures, the budget, and what the assignment says."""

from __future__ import annotations

from html import escape

import streamlit as st

from mnist_core.architecture.report import Analysis
from mnist_core.architecture.rules import number_text, one_or_two
from mnist_core.course.assignments import Assignment, Verdict

_BUDGETS = (8_000, 10_000, 20_000)
_ICONS = {True: ("check_circle", "met"), False: ("cancel", "not met"), None: ("pending", "a run will tell")}


def figures(analysis: Analysis, before: Analysis) -> None:
    """Params, receptive field and MACs, with what changed since the design was opened."""
    whole = analysis.complete
    with st.container(horizontal=True, gap="small", key="figures"):
        params, field, macs = st.empty(), st.empty(), st.empty()
    params.metric(
        "params",
        f"{analysis.params:,}" if whole else "–",
        _change(analysis.params - before.params) if whole and before.complete else None,
        delta_color="inverse",
        help="Trainable numbers: every weight, bias, scale and shift.",
    )
    field.metric(
        "receptive field",
        f"{_field(analysis)} px" if whole else "–",
        _change(_side(analysis) - _side(before)) if whole and before.complete else None,
        delta_color="off",
        help="Side of the square of pixels that an output depends on, padding counted. The image has 28 px.",
    )
    macs.metric(
        "MACs",
        _short(analysis.macs) if whole else "–",
        help="Multiply-accumulates for one image: kernel size × input channels ÷ groups × output values.",
    )


def _change(difference: int) -> str | None:
    """With the hyphen by which Streamlit knows that it became less."""
    return f"{difference:+,}" if difference else None


def _side(analysis: Analysis) -> int:
    return max(analysis.output.field) if analysis.output else 0


def _field(analysis: Analysis) -> str:
    return number_text(one_or_two(analysis.output.field)) if analysis.output else "–"


def _short(number: int) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= size:
            return f"{number / (1e3 if letter == 'k' else size):.2f} {letter}"
    return f"{number:,}"


def budget(params: int, assignment: Assignment) -> None:
    """Params as a bar, with the courses' budgets, or the assignment's own, as marks."""
    most = assignment.max_params
    own = {most} if most and most + 1 not in _BUDGETS else set()  # 19,999 is the mark of under 20,000
    marked = sorted({*_BUDGETS, *own})
    scale = marked[-1] * 1.06
    over = " lab-over" if most and params > most else ""
    marks = "".join(
        f'<span style="width:{100 * value / scale:.1f}%"><b>{value / 1000:g}k</b></span>' for value in marked
    )
    label = f"{params:,} params" + (f" of at most {most:,}" if most else "")
    width = min(100.0, 100 * params / scale)
    st.html(
        f'<div class="lab-budget{over}" role="img" aria-label="{label}" title="{label}">'
        f'<div class="lab-bar"><i style="width:{width:.1f}%"></i></div>{marks}</div>'
    )


def count(verdicts: tuple[Verdict, ...]) -> str:
    """How many of those that can be judged are met, and how many wait for a run; Markdown."""
    judged = [verdict.met for verdict in verdicts if verdict.met is not None]
    parts, waiting = [], len(verdicts) - len(judged)
    if judged:
        met = f"{sum(judged)} of {len(judged)} met"
        parts.append(f":green[{met}]" if all(judged) else met)
    if waiting:
        parts.append(f"{waiting} wait{'s' if waiting == 1 else ''} for a run")
    return " · ".join(parts)


def verdict_list(verdicts: tuple[Verdict, ...]) -> None:
    """Each verdict with its reason; open as long as one is not met. Their count stands at the assignment."""
    missed = any(verdict.met is False for verdict in verdicts)
    with st.expander("Verdicts", icon=":material/rule:", expanded=missed):
        st.html(f'<ul class="lab-verdicts">{"".join(map(_line, verdicts))}</ul>')


def _line(verdict: Verdict) -> str:
    icon, word = _ICONS[verdict.met]
    return (
        f'<li class="lab-{word.replace(" ", "-")}">'
        f'<i role="img" aria-label="{word}" title="{word}">{icon}</i>'
        f"<div>{escape(verdict.name)}<small>{escape(verdict.reason)}{_where(verdict)}</small></div></li>"
    )


def _where(verdict: Verdict) -> str:
    """The layers concerned, unless the reason names them already."""
    numbers = ", ".join(map(str, verdict.layers))
    if not numbers or numbers in verdict.reason:
        return ""
    return f" (layer{'s' if len(verdict.layers) > 1 else ''} {numbers})"
