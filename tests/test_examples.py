from pathlib import Path

import numpy as np
import pytest

from mnist_core.probe import examples
from mnist_core.probe.inference import predict
from mnist_core.runs import checkpoint
from mnist_core.runs.checkpoint import load as load_checkpoint
from mnist_core.runs.checkpoint import shipped_folder
from mnist_core.training.data import load
from tests.test_inference import SPEC, untrained

SHIPPED = shipped_folder() / "task-2.safetensors"


def test_without_archives_the_stand_in_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_LAB_DATA", str(tmp_path))
    found = [examples.example(index) for index in range(30)]
    assert {example.data for example in found} == {"synthetic"}
    assert all(example.pixels.shape == (28, 28) and example.pixels.max() > 200 for example in found)
    assert len({example.label for example in found}) > 5
    assert not any(tmp_path.iterdir()), "nothing was downloaded"


def test_damaged_archives_are_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in (examples.IMAGES, examples.LABELS):
        (raw / name).write_bytes(b"\x1f\x8b not gzip at all")
    monkeypatch.setenv("MNIST_LAB_DATA", str(tmp_path))
    assert examples.example(3).data == "synthetic"


def test_mistakes_without_archives_are_those_on_the_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_LAB_DATA", str(tmp_path / "none"))
    path = tmp_path / "small.safetensors"
    checkpoint.save(path, untrained(SPEC))
    found = examples.mistakes(path)
    assert len(found) > examples.count() / 2, "it has not learned anything"
    checkpoint.save(path, load_checkpoint(SHIPPED))
    assert len(examples.mistakes(path)) < examples.count() / 4, "the file is another one now"
    with pytest.raises(checkpoint.CheckpointError):
        examples.mistakes(tmp_path / "none.safetensors")


@pytest.mark.mnist
def test_mistakes_are_what_is_named_wrong_the_worst_first(mnist_folder: Path) -> None:
    data = load("mnist")
    said = predict(SHIPPED, data.test_images.numpy() / np.float32(255))
    labels = data.test_labels.numpy()
    found = examples.mistakes(SHIPPED)
    assert sorted(found) == np.flatnonzero(said.argmax(axis=1) != labels).tolist()
    of_label = said[list(found), labels[list(found)]]
    assert (np.diff(of_label) >= -1e-6).all(), "from the least probability of the right digit"
    accuracy = load_checkpoint(SHIPPED).figures["test_accuracy"]
    assert len(found) == round(10_000 * (1 - accuracy))


@pytest.mark.mnist
def test_the_test_digits_are_those_of_the_data_set(mnist_folder: Path) -> None:
    data = load("mnist")
    for index in (0, 17, 9_999, 10_003):
        example = examples.example(index)
        assert example.data == "mnist" and example.index == index % 10_000
        assert np.array_equal(example.pixels, data.test_images[example.index].numpy())
        assert example.label == int(data.test_labels[example.index])
