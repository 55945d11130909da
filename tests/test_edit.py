"""Edits against Python lists: what an edit does to the layers' order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_core.architecture import edit
from mnist_core.architecture.layers import ReLU
from mnist_core.architecture.spec import ModelSpec, SpecError
from mnist_core.architecture.text import from_text, to_text

from .strategies import specs

design = from_text("conv8 res(conv8p1 relu) 2x(conv8p1) flat fc10")  # numbers 1, 2 (3, 4), 5 (6), 7, 8


def after(spec: ModelSpec) -> str:
    return to_text(spec)


def test_layers_go_by_their_number_in_reading_order() -> None:
    assert [edit.get(design, number).kind for number in range(1, 9)] == [
        "conv2d", "residual", "conv2d", "relu", "repeat", "conv2d", "flatten", "linear",
    ]  # fmt: skip
    with pytest.raises(IndexError):
        edit.get(design, 9)


def test_insert_delete_duplicate_move() -> None:
    assert after(edit.insert(design, 4, ReLU())) == "conv8 res(conv8p1 relu relu) 2x(conv8p1) flat fc10"
    assert after(edit.insert(design, 9, ReLU())) == "conv8 res(conv8p1 relu) 2x(conv8p1) flat fc10 relu"
    assert after(edit.insert_after(design, 5, ReLU())) == "conv8 res(conv8p1 relu) 2x(conv8p1) relu flat fc10"
    assert (
        after(edit.append_inside(design, 5, ReLU())) == "conv8 res(conv8p1 relu) 2x(conv8p1 relu) flat fc10"
    )
    assert after(edit.delete(design, 2)) == "conv8 2x(conv8p1) flat fc10"
    assert after(edit.duplicate(design, 6)) == "conv8 res(conv8p1 relu) 2x(conv8p1 conv8p1) flat fc10"
    assert after(edit.move(design, 8, 1)) == "fc10 conv8 res(conv8p1 relu) 2x(conv8p1) flat"
    assert after(edit.move(design, 1, 4)) == "res(conv8p1 conv8 relu) 2x(conv8p1) flat fc10"
    assert after(edit.move(design, 2, 7)) == "conv8 2x(conv8p1) res(conv8p1 relu) flat fc10"
    assert edit.move(design, 2, 3) == design  # not into itself


def test_set_field_takes_only_what_the_field_takes() -> None:
    assert after(edit.set_field(design, 3, "padding", (1, 2))).startswith("conv8 res(conv8p1x2")
    with pytest.raises(SpecError, match=r"Layer 3 .*: padding cannot be 'a'"):
        edit.set_field(design, 3, "padding", "a")


@given(specs, st.data())
def test_what_is_inserted_can_be_deleted_again(spec: ModelSpec, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, len(list(spec.walk())) + 1))
    assert edit.delete(edit.insert(spec, number, ReLU()), number) == spec


@given(specs.filter(lambda spec: bool(spec.layers)), st.data())
def test_moving_keeps_every_layer(spec: ModelSpec, data: st.DataObject) -> None:
    size = len(list(spec.walk()))
    moved = edit.move(spec, data.draw(st.integers(1, size)), data.draw(st.integers(1, size + 1)))
    kinds = [sorted(layer.kind for _, _, layer in each.walk()) for each in (spec, moved)]
    assert kinds[0] == kinds[1]
