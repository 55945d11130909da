"""What lies under the answer of the Design page: the table, torchsummary's, the code, shares by layer."""

from __future__ import annotations

from html import escape

import streamlit as st

from mnist_core.architecture.codegen import to_source
from mnist_core.architecture.layers import Container, Repeat
from mnist_core.architecture.report import Analysis
from mnist_core.architecture.spec import ModelSpec

from .table import analysis_table

VIEWS = {"table": "Table", "shares": "Shares by layer", "torchsummary": "torchsummary", "code": "Code"}
MOST_MACS = 5 * 10**9  # a second or two; torchsummary runs the model on two images
MOST_UNITS = 2**27  # a GiB


def evidence(analysis: Analysis) -> None:
    """One view at a time, so that an edit does not wait for those that nobody looks at."""
    view = st.segmented_control(
        "Evidence",
        list(VIEWS),
        format_func=VIEWS.__getitem__,
        default="table",
        required=True,
        key="view",
        label_visibility="collapsed",
    )
    if view == "shares":
        _shares(analysis)
    elif view in ("torchsummary", "code") and analysis.problems:
        st.info("Mend the problems of the design first; then this can be built.", icon=":material/build:")
    elif view == "torchsummary":
        _torchsummary(analysis)
    elif view == "code":
        _code(analysis.spec)
    else:
        analysis_table(analysis)


def _torchsummary(analysis: Analysis) -> None:
    if analysis.macs > MOST_MACS or analysis.units > MOST_UNITS:
        st.info(
            f"torchsummary runs the model for its table. This one is too large for that here: it takes "
            f"{analysis.macs:,} MACs and gives {analysis.units:,} values; at most {MOST_MACS:,} and "
            f"{MOST_UNITS:,} are run.",
            icon=":material/hourglass_disabled:",
        )
        return
    with st.spinner("Building the model…"):
        st.code(_printed(analysis.spec.to_json()), language=None)
    if any(isinstance(report.layer, Repeat) for report in analysis.active):
        st.caption(
            "What is repeated, torchsummary counts anew in every pass. The design has "
            f"{analysis.params:,} params."
        )


@st.cache_data(max_entries=100, show_spinner=False)
def _printed(text: str) -> str:
    from mnist_core.architecture.summary import torchsummary_table

    return torchsummary_table(ModelSpec.from_json(text))


def _code(spec: ModelSpec) -> None:
    source = to_source(spec)
    st.download_button("net.py", source, "net.py", "text/x-python", icon=":material/download:")
    st.code(source, language="python")


def _shares(analysis: Analysis) -> None:
    """Each layer's part of params, MACs and activation memory."""
    rows = [report for report in analysis.active if not isinstance(report.layer, Container)]
    totals = [max(1, analysis.params), max(1, analysis.macs), max(1, analysis.units)]
    body = ""
    for report in rows:
        cells = ""
        for value, total in zip((report.params, report.macs, report.units), totals, strict=True):
            share = 100 * value / total
            cells += f'<td><div><i style="width:{0.75 * share:.1f}%"></i>{share:.1f} %</div></td>'
        body += f"<tr><td>{report.index}</td><td>{escape(report.kind)}</td>{cells}</tr>"
    memory = 4 * analysis.units / 1024
    st.html(
        f"<table class='lab-shares'><thead><tr><th>#</th><th>layer</th>"
        f"<th>params: {analysis.params:,}</th><th>MACs: {analysis.macs:,}</th>"
        f"<th title='all that the layers give for one image, as float32'>activations: {memory:,.0f} KiB</th>"
        "</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )
