"""A checkpoint as one HTML file that names drawn digits in any browser: no server, no network.

The net is a few operations in plain JavaScript (`net.js`), the drawing is prepared the MNIST way
(`prepare.js`, the steps of `probe/drawing.py`), and the weights stand in the file as base64 of float32.
"""

from __future__ import annotations

import base64
import html
import json
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from mnist_core.architecture.analysis import analyze
from mnist_core.probe.drawing import WARNINGS
from mnist_core.probe.inference import UNSURE, require_digits
from mnist_core.runs.checkpoint import Checkpoint
from mnist_core.training.data import MEAN, STD

PARTS = ("net.js", "prepare.js", "page.js")


def to_html(checkpoint: Checkpoint) -> bytes:
    """The content of the file. Raises CheckpointError for a model of other inputs than digits."""
    require_digits(checkpoint.spec, checkpoint.spec.name)
    words = {"unsure": UNSURE, "warnings": WARNINGS}
    data = json.dumps(net_data(checkpoint) | words, separators=(",", ":"))
    page = Template(_part("page.html")).substitute(
        name=html.escape(checkpoint.spec.name or "untitled"),
        about=html.escape(_about(checkpoint)),
        style=_part("page.css"),
        unsure=f"{100 * UNSURE:g}",
        data=data.replace("<", "\\u003c"),  # so that no name can end the script
        script="\n".join(map(_part, PARTS)),
    )
    return page.encode()


def net_data(checkpoint: Checkpoint) -> dict[str, Any]:
    """What `readNet` in `net.js` takes: layers, the tensors' names and sizes, their numbers in a row."""
    tensors = {
        name: np.ascontiguousarray(tensor.numpy(), "<f4")
        for name, tensor in sorted(checkpoint.tensors.items())  # safetensors reads them in any order
        if tensor.is_floating_point()  # BatchNorm also counts its batches
    }
    numbers = b"".join(array.tobytes() for array in tensors.values())
    return {
        "layers": json.loads(checkpoint.spec.to_json())["layers"],
        "tensors": [(name, array.size) for name, array in tensors.items()],
        "weights": base64.b64encode(numbers).decode(),
        "mean": MEAN,
        "std": STD,
    }


def _about(checkpoint: Checkpoint) -> str:
    text = f"{analyze(checkpoint.spec).params:,} params"
    accuracy = checkpoint.figures.get("test_accuracy")
    if isinstance(accuracy, float):
        which = {"mnist": "MNIST’s"}.get(str(checkpoint.figures.get("data")), "its")
        text += f", {100 * accuracy:.2f} % of {which} test digits named right"
    return text


@cache
def _part(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
