"""Checkpoints: what is saved comes back, anything else is refused with a word, nothing is half written."""

from __future__ import annotations

import json
import os
import pickle
import re
import struct
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save as safetensors_save

from mnist_core.architecture.model import build
from mnist_core.architecture.spec import ModelSpec
from mnist_core.runs import checkpoint
from mnist_core.runs.checkpoint import Checkpoint, CheckpointError
from mnist_core.training.recipe import Recipe

SPEC = ModelSpec.from_json(
    json.dumps(
        {
            "name": "tiny",
            "layers": [
                {"kind": "conv2d", "out_channels": 4, "kernel_size": 3, "bias": False},
                {"kind": "batch_norm2d"},
                {"kind": "relu"},
                {"kind": "global_avg_pool2d"},
                {"kind": "flatten"},
                {"kind": "linear", "out_features": 10},
            ],
        }
    )
)


def tiny() -> Checkpoint:
    torch.manual_seed(0)
    return Checkpoint(SPEC, Recipe(epochs=2), build(SPEC).state_dict(), {"test_accuracy": 0.5, "epochs": 2})


VALID = checkpoint.to_bytes(tiny())


def rewritten(**metadata: str | None) -> bytes:
    """The valid file with some metadata replaced, or left out where None."""
    length = int.from_bytes(VALID[:8], "little")
    header = json.loads(VALID[8 : 8 + length])
    for name, value in metadata.items():
        if value is None:
            del header["__metadata__"][name]
        else:
            header["__metadata__"][name] = value
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + VALID[8 + length :]


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    saved = tiny()
    checkpoint.save(tmp_path / "a.safetensors", saved)
    loaded = checkpoint.load(tmp_path / "a.safetensors")
    assert (loaded.spec, loaded.recipe, loaded.figures) == (saved.spec, saved.recipe, saved.figures)
    model = build(SPEC)
    model.load_state_dict(saved.tensors)
    images = torch.rand(3, 1, 28, 28)
    assert not loaded.model().training
    assert torch.equal(loaded.model()(images), model.eval()(images))
    assert checkpoint.describe(tmp_path / "a.safetensors").figures == saved.figures
    assert os.listdir(tmp_path) == ["a.safetensors"]


def test_equal_checkpoints_are_equal_files() -> None:
    assert checkpoint.to_bytes(tiny()) == VALID == checkpoint.to_bytes(checkpoint.from_bytes(VALID, "x"))


def test_figures_that_are_not_numbers_become_null() -> None:
    data = checkpoint.to_bytes(replace(tiny(), figures={"loss": float("nan"), "more": [float("inf"), 1.0]}))
    assert checkpoint.from_bytes(data, "x").figures == {"loss": None, "more": [None, 1.0]}


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return (sys.exit, (99,))


def torch_file(tmp_path: Path) -> bytes:
    torch.save(tiny().tensors, tmp_path / "m.pt")
    return (tmp_path / "m.pt").read_bytes()


def other_tensors(**changes: torch.Tensor | None) -> bytes:
    tensors = {**tiny().tensors, **changes}
    return checkpoint.to_bytes(replace(tiny(), tensors={k: v for k, v in tensors.items() if v is not None}))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a safetensors file"),
        (b"hello, I am a text file renamed to .safetensors", "not a safetensors file"),
        (b"\xff" * 64, "not a safetensors file"),
        (pickle.dumps(Bomb()), "pickled"),
        (VALID[:-1], "damaged"),
        (VALID[:200], "damaged"),
        (VALID + b"more", "damaged"),
        (safetensors_save({"w": torch.zeros(3)}), "of another program"),
        (safetensors_save({"w": torch.zeros(3)}, {"format": "pt"}), "of another program"),
        (rewritten(version="2"), "version is '2'"),
        (rewritten(spec=None), "design in it is broken"),
        (rewritten(spec="[" * 100_000), "design in it is broken"),
        (rewritten(spec='{"layers": [{"kind": "eval"}]}'), "design in it is broken"),
        (rewritten(spec='{"name": "none", "layers": []}'), "design in it has problems"),
        (rewritten(recipe='{"epochs": -1}'), "recipe in it is broken"),
        (rewritten(figures="[" * 100_000), "figures"),
        (rewritten(figures="3"), "figures"),
        (other_tensors(**{"linear_6.bias": None}), "'linear_6.bias' is missing"),
        (other_tensors(extra=torch.zeros(1)), "'extra' does not belong"),
        (other_tensors(**{"linear_6.bias": torch.zeros(11)}), "(11,)"),
        (other_tensors(**{"linear_6.bias": torch.zeros(10, dtype=torch.float64)}), "float64"),
        (other_tensors(**{"linear_6.bias": torch.full((10,), float("nan"))}), "not numbers"),
    ],
)
def test_anything_else_is_refused_with_a_word(data: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "given.safetensors"
    path.write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(path)
    message = str(caught.value)
    assert reason in message and message.startswith(str(path)) and message.endswith((".", ")."))
    assert len(message) < 1_000


def test_a_renamed_torch_file_is_never_unpickled(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(torch_file(tmp_path))
    with pytest.raises(CheckpointError, match="pickled"):
        checkpoint.load(tmp_path / "m.safetensors")


def test_a_hostile_design_takes_no_memory() -> None:
    layers = [{"kind": "conv2d", "out_channels": 10**9, "kernel_size": 3}]
    with pytest.raises(CheckpointError, match="design"):
        checkpoint.from_bytes(rewritten(spec=json.dumps({"name": "huge", "layers": layers})), "x")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.safetensors"
    with path.open("wb") as file:
        file.write(VALID)
        file.truncate(checkpoint.MAX_FILE + 1)  # sparse: no space is taken
    with pytest.raises(CheckpointError, match="at most"):
        checkpoint.load(path)


@pytest.mark.parametrize("digits", [19, 4299])
def test_an_offset_without_end_is_damage(digits: int) -> None:
    header = VALID[8 : 8 + int.from_bytes(VALID[:8], "little")]
    longer = re.sub(rb'("data_offsets":\[\d+,)\d+', rb"\g<1>" + b"9" * digits, header)
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint.from_bytes(struct.pack("<Q", len(longer)) + longer + VALID[8 + len(header) :], "x")


def test_missing_files_and_folders_have_a_word(tmp_path: Path) -> None:
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(CheckpointError, match="cannot be read"):
            checkpoint.load(path)


@settings(max_examples=200)
@given(st.integers(0, len(VALID) - 1), st.binary(min_size=1, max_size=8))
def test_a_changed_byte_gives_an_equal_design_or_a_word(position: int, junk: bytes) -> None:
    data = VALID[:position] + junk + VALID[position + len(junk) :]
    try:
        found = checkpoint.from_bytes(data, "x")
        found.model()
    except CheckpointError as error:
        assert str(error).startswith("x: ")
        return
    if position >= 8 + int.from_bytes(VALID[:8], "little"):  # behind the header: only weights
        whole = checkpoint.from_bytes(VALID, "x")
        assert (found.spec, found.recipe, found.figures) == (whole.spec, whole.recipe, whole.figures)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    checkpoint.save(path, tiny())
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # as if the disk were full
    try:
        with pytest.raises(OSError, match="too large"):
            checkpoint.save(path, tiny())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == VALID
    assert os.listdir(tmp_path) == ["a.safetensors"]
