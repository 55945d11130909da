import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from mnist_core.architecture.model import build
from mnist_core.architecture.spec import ModelSpec
from mnist_core.probe.inference import load_model, predict
from mnist_core.runs import checkpoint
from mnist_core.runs.checkpoint import Checkpoint, CheckpointError
from mnist_core.training.recipe import Recipe

LAYERS = [
    {"kind": "conv2d", "out_channels": 6, "kernel_size": 3},
    {"kind": "relu"},
    {"kind": "batch_norm2d"},
    {"kind": "dropout", "p": 0.5},
    {"kind": "global_avg_pool2d"},
    {"kind": "flatten"},
    {"kind": "linear", "out_features": 10},
]


def spec_of(name: str, layers: list[dict[str, object]], shape: tuple[int, ...] = (1, 28, 28)) -> ModelSpec:
    return ModelSpec.from_json(json.dumps({"name": name, "input_shape": shape, "layers": layers}))


SPEC = spec_of("small", LAYERS)
DIGITS = np.random.default_rng(0).random((5, 28, 28), dtype=np.float32)


def untrained(spec: ModelSpec, seed: int = 0) -> Checkpoint:
    torch.manual_seed(seed)
    return Checkpoint(spec, Recipe(epochs=1), build(spec).state_dict(), {"test_accuracy": 0.1})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "small.safetensors"
    checkpoint.save(file, untrained(SPEC))
    return file


def test_probabilities_are_the_softmax_of_the_normalized_digits(path: Path) -> None:
    probabilities = predict(path, DIGITS)
    assert probabilities.shape == (5, 10)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-6)
    inputs = (torch.tensor(DIGITS)[:, None] - 0.1307) / 0.3081
    with torch.no_grad():
        expected = untrained(SPEC).model()(inputs).softmax(dim=1).numpy()
    assert np.abs(probabilities - expected).max() < 1e-6


def test_log_probabilities_give_the_same_probabilities() -> None:
    with_log = spec_of("log", [*LAYERS, {"kind": "log_softmax"}])
    assert np.abs(predict(untrained(SPEC), DIGITS) - predict(untrained(with_log), DIGITS)).max() < 1e-6


def test_one_digit_lists_and_repetition(path: Path) -> None:
    all_at_once = predict(path, DIGITS)
    assert predict(path, DIGITS[2]).shape == (1, 10)
    assert np.abs(predict(str(path), DIGITS[2])[0] - all_at_once[2]).max() < 1e-6
    assert np.array_equal(predict(path, DIGITS.tolist()), all_at_once), "no dropout, nothing random"


def test_a_file_is_loaded_once_and_again_when_it_changes(path: Path) -> None:
    model = load_model(path)
    assert load_model(path) is model and not model.training
    before = predict(path, DIGITS)
    checkpoint.save(path, untrained(SPEC, seed=1))
    os.utime(path, ns=(1, 1))  # clocks may be too coarse to tell two writes apart
    assert load_model(path) is not model
    assert np.abs(predict(path, DIGITS) - before).max() > 1e-4


@pytest.mark.parametrize("shape", [(28,), (3, 27, 28), (2, 1, 28, 28), (784,)])
def test_digits_of_another_shape_are_refused(path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="28, 28"):
        predict(path, np.zeros(shape))


def test_files_that_are_no_checkpoints_of_ours(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.safetensors"):
        predict(tmp_path / "none.safetensors", DIGITS)
    text = tmp_path / "text.safetensors"
    text.write_text("seven")
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        predict(text, DIGITS)
    colour = spec_of("colour", LAYERS, (3, 32, 32))
    checkpoint.save(tmp_path / "colour.safetensors", untrained(colour))
    with pytest.raises(CheckpointError, match="3, 32, 32"):
        predict(tmp_path / "colour.safetensors", DIGITS)
