"""What the components share: one source, which none of them declares again."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import numpy as np
import pytest

from pages.parts.component import SHARED, encoded

PARTS = SHARED.parent
OWN = sorted(path for path in PARTS.glob("*.js") if path != SHARED)


def declared(path: Path) -> set[str]:
    """The names that a script declares at its top level."""
    text = path.read_text(encoding="utf-8")
    return set(re.findall(r"^(?:const|let|class|(?:async )?function) (\w+)", text, re.MULTILINE))


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_a_component_declares_nothing_that_is_shared(path: Path) -> None:
    assert not declared(path) & declared(SHARED)  # in one module that would be an error
    text = path.read_text(encoding="utf-8")
    assert "export default" in text and "atob(" not in text
    assert "st.components.v2" not in path.with_suffix(".py").read_text(encoding="utf-8")


def test_everything_shared_is_used() -> None:
    texts = [path.read_text(encoding="utf-8") for path in OWN]
    shared = SHARED.read_text(encoding="utf-8")
    assert {"make", "svg", "clamp", "percent", "bytes", "grey", "keeper"} <= declared(SHARED)
    for name in declared(SHARED):
        uses = sum(len(re.findall(rf"\b{name}\b", text)) > 0 for text in texts)
        assert uses > 1 or shared.count(name) > 1, name


def test_an_array_survives_being_sent() -> None:
    values = np.arange(-128, 128, dtype=np.int8).reshape(2, 128)[:, ::2]  # not contiguous
    sent = np.frombuffer(base64.b64decode(encoded(values)), np.int8)
    assert np.array_equal(sent.reshape(values.shape), values)
