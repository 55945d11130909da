from pathlib import Path

import numpy as np
import pytest

from mnist_core.probe import examples
from mnist_core.training.data import load


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


@pytest.mark.mnist
def test_the_test_digits_are_those_of_the_data_set(mnist_folder: Path) -> None:
    data = load("mnist")
    for index in (0, 17, 9_999, 10_003):
        example = examples.example(index)
        assert example.data == "mnist" and example.index == index % 10_000
        assert np.array_equal(example.pixels, data.test_images[example.index].numpy())
        assert example.label == int(data.test_labels[example.index])
