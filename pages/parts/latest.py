"""The newest finished run of a design, for the verdicts that only a run can give."""

from __future__ import annotations

import streamlit as st

from mnist_core.architecture.spec import ModelSpec
from mnist_core.course.assignments import RunFacts
from mnist_core.course.grading import facts_of
from mnist_core.runs import store


def latest_run(spec: ModelSpec) -> RunFacts | None:
    """Epochs and test accuracies of the newest run on MNIST that has finished with these layers."""
    return _latest(spec.model_copy(update={"name": ""}).to_json(None))


@st.cache_data(ttl=5, max_entries=200, show_spinner=False)
def _latest(nameless: str) -> RunFacts | None:
    for view in store.list_runs():
        done = view.state == "done" and view.data == "mnist" and view.spec and view.recipe
        if done and view.spec and view.spec.model_copy(update={"name": ""}).to_json(None) == nameless:
            return facts_of(store.read(view.run))
    return None
