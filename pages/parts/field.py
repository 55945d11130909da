"""The receptive field of a unit, drawn on a digit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from mnist_core.architecture.report import Analysis
from mnist_core.architecture.rules import shape_text
from mnist_core.architecture.spec import ModelSpec
from mnist_core.probe import catalog
from pages.parts.component import component
from pages.parts.style import plain

Effective = dict[int, list[int]] | None

_mount = component(
    __file__,
    """<div class="lab-field-view" tabindex="-1">
      <div class="lab-field-head">
        <button type="button" aria-label="previous layer" title="previous layer (←)">◄</button>
        <span class="lab-field-title"></span>
        <button type="button" aria-label="next layer" title="next layer (→)">►</button>
      </div>
      <svg role="img" aria-label="digit with the receptive field of a unit"></svg>
      <div class="lab-field-text" aria-live="polite"></div>
    </div>""",
)


def field_view(analysis: Analysis, digit: np.ndarray, effective: Effective = None) -> None:
    """`digit` is (28, 28) uint8; it is shown in the middle of the design's input.

    `effective` are effective fields by layer number, row by row, 0 to 255.
    """
    _, height, width = analysis.spec.input_shape
    layers = [
        {
            "n": report.index,
            "kind": report.kind,
            "shape": shape_text(report.view.shape),
            "grid": report.view.grid if len(report.view.shape) == 3 else (1, 1),
            "field": report.view.field,
            "jump": report.view.jump,
            "start": report.view.start,
        }
        for report in analysis.active
        if report.view
    ]
    pools = [report.index for report in analysis.active if report.kind == "max_pool2d"]
    start = pools[0] if pools else (layers[-1]["n"] if layers else None)
    data = {
        "height": height,
        "width": width,
        "pixels": _ink(digit, height, width),
        "layers": layers,
        "start": start,
        "nothing": _nothing(analysis),
        "effective": effective,
    }
    _mount(key="field", data=data)


def _nothing(analysis: Analysis) -> tuple[str, str]:
    """What stands in place of a layer and its field while no layer has one."""
    if not analysis.layers:
        return "no layer yet", "Add a layer to see what its units see."
    broken = next((problem.layer for problem in analysis.problems if problem.layer), None)
    mend = f"Mend layer {broken}" if broken else "Mend the design"
    return "no field yet", f"{mend} to see what its units see."


def _ink(digit: np.ndarray, height: int, width: int) -> list[list[Any]]:
    """(row, column, grey) of every pixel that is not black and lies in the image."""
    top, left = (height - digit.shape[0]) // 2, (width - digit.shape[1]) // 2
    rows, columns = digit.nonzero()
    inside = (rows + top >= 0) & (rows + top < height) & (columns + left >= 0) & (columns + left < width)
    found = zip(rows[inside], columns[inside], strict=True)
    return [[int(row) + top, int(column) + left, int(digit[row, column])] for row, column in found]


def effective_of(spec: ModelSpec) -> Effective:
    """The effective fields of a trained net of this design, when one wants to see them; a switch asks."""
    trained = next((entry for entry in _entries() if entry.layers == spec.layers), None)
    if trained is None or spec.input_shape != (1, 28, 28) or not trained.path.is_file():
        return None
    wanted = st.toggle(
        f"effective field of {plain(trained.name)}",
        key="effective",
        help="What the trained net really looks at: mean absolute gradient of the unit in the middle of each "
        "map with respect to the input (Luo et al. 2016), over 32 test digits. Usually far smaller.",
    )
    return _effective(trained.path, trained.path.stat().st_mtime_ns) if wanted else None


@st.cache_resource(ttl=5, show_spinner=False)
def _entries() -> tuple[catalog.Entry, ...]:
    """Looked for now and then, as edits come fast and there may be many runs."""
    return catalog.entries()


@st.cache_data(max_entries=20, show_spinner="Measuring gradients…")
def _effective(path: Path, modified: int) -> dict[int, list[int]]:
    from mnist_core.probe.effective import effective_fields
    from mnist_core.probe.examples import example
    from mnist_core.runs.checkpoint import load

    digits = np.stack([example(index).pixels for index in range(32)])
    fields = effective_fields(load(path).model(), digits)
    return {number: (255 * field).round().astype(int).ravel().tolist() for number, field in fields.items()}
