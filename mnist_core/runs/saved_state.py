"""state.safetensors: what a run goes on from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as deserialize
from safetensors.torch import save as serialize

from mnist_core.architecture.spec import ModelSpec
from mnist_core.runs.files import replace_file
from mnist_core.runs.store import RunError
from mnist_core.runs.teacher import bring_teacher
from mnist_core.training.engine import TrainingState
from mnist_core.training.recipe import Recipe

_FORMAT = "mnist-lab-state-1"


@dataclass(frozen=True)
class SavedState:
    """All tensors of a TrainingState, and the number of threads that it was trained with.

    Sums depend on how they are split among threads, so going on exactly needs as many as before. `problem`
    says why there is nothing to go on from; else it is empty.
    """

    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    threads: int = 0  # not known
    problem: str = ""

    @classmethod
    def read(cls, path: Path) -> SavedState:
        """What is in the file. Raises RunError when that cannot be told now."""
        try:
            # not safe_open: that calls a file missing for which there is no descriptor left
            data = path.read_bytes()
        except FileNotFoundError:
            return cls(problem="is missing")
        except OSError as error:
            raise RunError(
                f"{path.name} cannot be read now ({error.strerror or error}). Nothing is lost: resume later."
            ) from None
        try:
            tensors = deserialize(data)
            about = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
            if about["format"] != _FORMAT:
                raise ValueError("it is another program's")
            return cls(tensors, max(1, int(about["threads"])))
        except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
            return cls(problem=f"is broken ({error})")

    def write(self, path: Path) -> None:
        """Replace the file as a whole. Raises OSError."""
        replace_file(path, serialize(self.tensors, {"format": _FORMAT, "threads": str(self.threads)}))

    def restore(self, spec: ModelSpec, recipe: Recipe) -> TrainingState:
        """The training at that point, or at its start when there is a problem. Raises TrainingError."""
        if self.problem:
            return bring_teacher(TrainingState.new(spec, recipe))
        return bring_teacher(TrainingState.from_tensors(spec, recipe, self.tensors))
