import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_core.probe import handwriting
from mnist_core.probe.drawing import to_digit
from mnist_core.probe.handwriting import HandwritingError, archive, delete, keep, kept, load
from tests.strokes import STYLES, drawn, placed


def drawing(figure: int, style: int = 0) -> np.ndarray:
    return drawn(placed(STYLES[figure][style], 200, 90, 70), 20)


def test_what_is_kept_comes_back_prepared_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    for figure in range(10):
        path = keep(drawing(figure), figure, folder)
        assert path.parent == folder and path.name.startswith(f"{figure}-")
    found = load(folder)
    assert found.labels.tolist() == list(range(10)) and not found.refused
    for digit, label in zip(found.digits, found.labels, strict=True):
        assert np.abs(digit - to_digit(drawing(int(label))).digit).max() < 0.02


def test_names_that_count(tmp_path: Path) -> None:
    picture = Image.fromarray(255 - drawing(4)[..., 3])
    for name in ("4.png", "4 mine.JPG", "4_a.jpeg", "42.png", "notes.png", "4.gif.txt", ".4.png"):
        picture.save(tmp_path / name, "JPEG" if "j" in name.lower() else "PNG")
    (tmp_path / "5.png").mkdir()
    assert [path.name for path in kept(tmp_path)] == ["4 mine.JPG", "4.png", "4_a.jpeg"]
    assert load(tmp_path).labels.tolist() == [4, 4, 4]
    assert kept(tmp_path / "none") == ()


def test_pictures_that_cannot_be_used_are_told_and_left_out(tmp_path: Path) -> None:
    keep(drawing(7), 7, tmp_path)
    (tmp_path / "3-broken.png").write_bytes(b"\x89PNG broken")
    Image.new("L", (50, 50), 255).save(tmp_path / "8-blank.png")
    found = load(tmp_path)
    assert found.labels.tolist() == [7]
    assert {path.name for path, _ in found.refused} == {"3-broken.png", "8-blank.png"}
    delete(found.paths)
    with pytest.raises(HandwritingError, match="no picture of a digit"):
        load(tmp_path)


def test_only_whole_digits_with_a_label_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HandwritingError, match="must be a digit"):
        keep(drawing(1), 10, tmp_path)
    with pytest.raises(HandwritingError, match="Nothing is drawn"):
        keep(np.zeros((340, 340, 4), np.uint8), 1, tmp_path)
    monkeypatch.setattr(handwriting, "MAX_KEPT", 2)
    keep(drawing(1), 1, tmp_path)
    keep(drawing(1), 1, tmp_path)
    with pytest.raises(HandwritingError, match="holds 2 pictures already"):
        keep(drawing(1), 1, tmp_path)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(HandwritingError, match="MNIST_LAB_HANDWRITING"):
        keep(drawing(1), 1, tmp_path / "file" / "handwriting")


def test_the_archive_is_a_folder_that_can_be_loaded(tmp_path: Path) -> None:
    for figure in (2, 9):
        keep(drawing(figure), figure, tmp_path / "here")
    with zipfile.ZipFile(io.BytesIO(archive(tmp_path / "here"))) as zipped:
        zipped.extractall(tmp_path / "there")
    assert load(tmp_path / "there" / "handwriting").labels.tolist() == [2, 9]


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_LAB_DATA", str(tmp_path))
    monkeypatch.delenv("MNIST_LAB_HANDWRITING", raising=False)
    assert handwriting.handwriting_folder() == tmp_path / "handwriting"
    monkeypatch.setenv("MNIST_LAB_HANDWRITING", str(tmp_path / "mine"))
    assert handwriting.handwriting_folder() == tmp_path / "mine"
