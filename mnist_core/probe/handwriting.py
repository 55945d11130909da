"""One's own handwriting as a further test set: a folder of pictures whose names begin with their label.

    data/handwriting/
        3-20261120-142501-0f3a.png     a drawing that its writer says is a 3
        7 from my notebook.jpg         anyone may put pictures there by hand

Any PNG or JPEG that is called a digit and then anything but another digit belongs to it. What is there is
what counts: no list has to be kept, and deleting a picture is deleting a file.
"""

from __future__ import annotations

import io
import os
import re
import secrets
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_core.probe.drawing import DrawingError, read_image, to_digit
from mnist_core.probe.ink import find_ink
from mnist_core.runs.files import replace_file
from mnist_core.training.data import data_folder

MAX_KEPT = 2_000  # pictures; more would make the page slow
NAME = re.compile(r"([0-9])(?![0-9]).*\.(png|jpe?g)", re.IGNORECASE)


class HandwritingError(Exception):
    """Handwriting that cannot be kept or read; the message says why and what to do."""


@dataclass(frozen=True, eq=False)
class Handwriting:
    """The pictures of a folder, prepared.

    digits (N, 28, 28) float32 in [0, 1]; labels (N,) int64; paths, one for each; `refused` are the
    pictures that could not be read or hold no digit, each with the reason.
    """

    digits: NDArray[np.float32]
    labels: NDArray[np.int64]
    paths: tuple[Path, ...]
    refused: tuple[tuple[Path, str], ...] = ()


def handwriting_folder() -> Path:
    """`MNIST_LAB_HANDWRITING`, else `handwriting` in the data folder. It need not exist."""
    wish = os.environ.get("MNIST_LAB_HANDWRITING")
    return Path(wish).expanduser() if wish else data_folder() / "handwriting"


def kept(folder: Path) -> tuple[Path, ...]:
    """The pictures of the folder in the order of their names."""
    try:
        found = [path for path in folder.iterdir() if NAME.fullmatch(path.name) and path.is_file()]
    except OSError:
        return ()
    return tuple(sorted(found))


def keep(pixels: NDArray[np.uint8], label: int, folder: Path) -> Path:
    """Put a drawing, as `to_digit` takes it, into the folder, black on white. Returns the new file."""
    if not 0 <= label <= 9:
        raise HandwritingError(f"the label is {label}; it must be a digit from 0 to 9")
    prepared = to_digit(pixels)
    if prepared.warning:
        raise HandwritingError(f"{prepared.warning} It was not kept.")
    if len(kept(folder)) >= MAX_KEPT:
        raise HandwritingError(f"{folder} holds {MAX_KEPT:,} pictures already. Delete some.")
    file = io.BytesIO()
    Image.fromarray(255 - np.rint(find_ink(pixels) * 255).astype(np.uint8)).save(file, "PNG")
    path = folder / f"{label}-{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(path, file.getvalue())
    except OSError as error:
        raise HandwritingError(
            f"The drawing cannot be kept in {folder}: {error.strerror or error}. Free some space there, or "
            "let MNIST_LAB_HANDWRITING name a folder that can be written."
        ) from None
    return path


def delete(paths: Sequence[Path]) -> None:
    """Delete these pictures. One that is gone already is no error."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise HandwritingError(f"{path} cannot be deleted: {error.strerror or error}.") from None


def archive(folder: Path) -> bytes:
    """All pictures of the folder as a zip file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as target:
        for path in kept(folder):
            target.write(path, f"handwriting/{path.name}")
    return file.getvalue()


def load(folder: Path) -> Handwriting:
    """Prepare all pictures of the folder. Raises HandwritingError when there is none that can be used."""
    digits, labels, paths, refused = [], [], [], []
    for path in kept(folder):
        try:
            prepared = to_digit(read_image(path))
        except DrawingError as error:
            refused.append((path, str(error)))
            continue
        if prepared.box is None:
            refused.append((path, f"{path}: there is no digit in it"))
            continue
        digits.append(prepared.digit)
        labels.append(int(path.name[0]))
        paths.append(path)
    if not digits:
        why = f" ({refused[0][1]})" if refused else ""
        raise HandwritingError(
            f"{folder}: no picture of a digit is there{why}. Put PNG or JPEG pictures there whose names "
            "begin with their digit, for example 7-mine.png."
        )
    return Handwriting(np.stack(digits), np.array(labels), tuple(paths), tuple(refused))
