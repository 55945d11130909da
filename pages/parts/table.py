"""The per-layer table of a design."""

from __future__ import annotations

from html import escape

import streamlit as st

from mnist_core.architecture.report import Analysis, LayerReport
from mnist_core.architecture.rules import number_text, one_or_two, shape_text

from .layers import summary

_HEAD = (
    ("#", "number of the layer"),
    ("layer", "kind and fields"),
    ("output", "channels × height × width"),
    ("params", "trainable numbers"),
    ("MACs", "multiply-accumulates for one image"),
    ("field", "receptive field in input pixels"),
    ("jump", "distance between neighbouring units in input pixels"),
    ("start", "centre of the first unit's field in input pixels"),
)


def analysis_table(analysis: Analysis) -> None:
    """Every figure of every layer, and their sums."""
    head = "".join(f'<th title="{escape(help)}">{name}</th>' for name, help in _HEAD)
    body = "".join(_row(report) for report in analysis.layers)
    total = f"<td></td><td>total</td><td></td><td>{analysis.params:,}</td><td>{analysis.macs:,}</td>"
    st.html(
        f'<div class="lab-scroll"><table class="lab-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody><tfoot><tr>{total}<td></td><td></td><td></td></tr></tfoot></table></div>"
    )


def _row(report: LayerReport) -> str:
    view = report.view
    name = "&nbsp;" * 4 * report.depth + escape(f"{report.kind} {summary(report.layer)}")
    cells = [str(report.index), name]
    if view:
        cells += [shape_text(view.shape), f"{report.params:,}", f"{report.macs:,}"]
        cells += [number_text(one_or_two(values)) for values in (view.field, view.jump, view.start)]
    else:
        cells += ["off" if not report.layer.enabled else "–", *"–––––"]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
