"""The teacher that a recipe names: a checkpoint that ships."""

from __future__ import annotations

from mnist_core.runs import checkpoint
from mnist_core.runs.checkpoint import SUFFIX, CheckpointError, shipped_folder
from mnist_core.training.state import TrainingError, TrainingState


def bring_teacher(state: TrainingState) -> TrainingState:
    """The state, with the teacher that its recipe names, if it names one. Raises TrainingError."""
    name = state.recipe.teacher
    if name:
        try:
            state.learn_from(checkpoint.load(shipped_folder() / f"{name}{SUFFIX}").model())
        except CheckpointError as error:
            raise TrainingError(f"The recipe's teacher cannot be used. {error}") from None
    return state
