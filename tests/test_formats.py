from __future__ import annotations

from mnist_core.export.formats import FORMATS
from mnist_core.runs.checkpoint import load, shipped_folder

SHIPPED = shipped_folder() / "task-2.safetensors"


def test_a_checkpoint_is_given_as_it_is() -> None:
    assert FORMATS["safetensors"].make(SHIPPED) == SHIPPED.read_bytes()
    assert load(SHIPPED).spec.name == "task-2"
