"""The formats in which a checkpoint can be taken elsewhere, by name. Needs neither torch nor onnx."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mnist_core.runs.checkpoint import load


@dataclass(frozen=True)
class Format:
    """One way to take a checkpoint along.

    title    what a person calls it
    purpose  what it is good for, in a sentence
    make     the content of the exported file from the checkpoint's path; raises CheckpointError, ExportError
    """

    name: str
    title: str
    suffix: str
    mime: str
    purpose: str
    make: Callable[[Path], bytes]


def _safetensors(path: Path) -> bytes:
    load(path)  # says what is wrong with a file that is none
    return path.read_bytes()


def _onnx(path: Path) -> bytes:
    from mnist_core.export.onnx_file import to_onnx  # here, because it imports onnxruntime and torch

    return to_onnx(load(path))


def _html(path: Path) -> bytes:
    from mnist_core.export.html_file import to_html

    return to_html(load(path))


FORMATS = {
    format.name: format
    for format in (
        Format(
            "html",
            "Web page",
            ".html",
            "text/html",
            "One web page that names drawn digits in any browser, also on a phone and without a network: "
            "send it to a friend.",
            _html,
        ),
        Format(
            "onnx",
            "ONNX",
            ".onnx",
            "application/octet-stream",
            "For other programs: 28×28 grey values from 0 to 1 go in, ten probabilities come out. Compared "
            "with PyTorch before you get it.",
            _onnx,
        ),
        Format(
            "safetensors",
            "Checkpoint",
            ".safetensors",
            "application/octet-stream",
            "The lab's own file: weights as safetensors, with design, recipe and figures. For PyTorch, or "
            "another lab.",
            _safetensors,
        ),
    )
}
