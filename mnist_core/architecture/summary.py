"""torchsummary's own table of a design, to lay beside ours."""

from __future__ import annotations

import io
import threading
from contextlib import redirect_stdout

import torchsummary

from .model import build
from .spec import ModelSpec

_one_at_a_time = threading.Lock()  # redirecting stdout is for the whole process


def torchsummary_table(spec: ModelSpec) -> str:
    """What `torchsummary.summary` prints for the built model. Raises SpecError for a design with problems."""
    model = build(spec)
    printed = io.StringIO()
    with _one_at_a_time, redirect_stdout(printed):
        torchsummary.summary(model, tuple(spec.input_shape), device="cpu")
    return printed.getvalue().strip("\n")
