from __future__ import annotations

import pytest

from mnist_core.export.formats import FORMATS
from mnist_core.probe.catalog import shipped_folder
from mnist_core.runs.checkpoint import load

SHIPPED = shipped_folder() / "task-2.safetensors"


@pytest.mark.parametrize("name", FORMATS)
def test_the_size_is_told_about_right(name: str) -> None:
    content = FORMATS[name].make(SHIPPED)
    assert FORMATS[name].size(SHIPPED.stat().st_size) == pytest.approx(len(content), rel=0.15)


def test_a_checkpoint_is_given_as_it_is() -> None:
    assert FORMATS["safetensors"].make(SHIPPED) == SHIPPED.read_bytes()
    assert load(SHIPPED).spec.name == "task-2"
