"""What was asked for on the Draw page is not forgotten when the script is ended before it is done.

Streamlit ends a script at any word to the browser, once there is something newer to tell.
"""

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
import streamlit as st

from mnist_core.probe import catalog, examples
from mnist_core.probe.examples import Example
from pages.parts import canvas, sources, state


class Ended(BaseException):
    pass


def ends(*_: Any) -> AbstractContextManager[None]:
    raise Ended


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The session's state, a test set of ten, and a net that is wrong about three of them."""
    memory: dict[str, Any] = {}
    monkeypatch.setattr(state, "value", memory.get)
    monkeypatch.setattr(state, "put", memory.__setitem__)
    monkeypatch.setattr(canvas, "place", lambda *given: memory.update(caption=given[-1]))
    monkeypatch.setattr(examples, "count", lambda: 10)
    monkeypatch.setattr(examples, "mistakes", lambda path: (5, 7, 2))
    monkeypatch.setattr(
        examples, "example", lambda index: Example(np.ones((28, 28), np.uint8), 1, index, "mnist")
    )
    return memory


def test_a_step_through_the_mistakes(held: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    net = catalog.entries()[:1]
    monkeypatch.setattr(st, "query_params", {})
    held.update({sources.STEP: -1, sources.AT: (net[0].key, 1)})
    with monkeypatch.context() as cut_in:
        cut_in.setattr(st, "spinner", ends)
        with pytest.raises(Ended):
            sources.carry_out(net)
    sources.carry_out(net)
    assert held["caption"].endswith(f"number 5, labelled 1. Mistake 1 of 3 of {net[0].name}.")
    held["caption"] = ""
    sources.carry_out(net)
    assert not held["caption"], "one click, one step"


def test_a_link_to_a_digit(held: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    class Asked(dict[str, str]):
        def __delitem__(self, key: str) -> None:
            raise Ended

    monkeypatch.setattr(st, "query_params", Asked(digit="3"))
    with pytest.raises(Ended):
        sources.carry_out([])
    assert held["caption"].endswith("number 3, labelled 1.")
