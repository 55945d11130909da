"""A teacher: what it says is learned, it stays as it is, and a run goes on with it as without a break."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mnist_core.architecture.text import from_text
from mnist_core.runs import checkpoint, teacher
from mnist_core.runs.checkpoint import load, shipped_folder
from mnist_core.runs.teacher import bring_teacher
from mnist_core.training import synthetic
from mnist_core.training.data import Dataset
from mnist_core.training.engine import TrainingError, train
from mnist_core.training.recipe import Recipe, RecipeError
from mnist_core.training.splits import split
from mnist_core.training.state import TrainingState
from mnist_core.training.step import Step

pytestmark = pytest.mark.usefixtures("one_thread")
SPEC = from_text("conv6s2-b bn relu drop0.1 flat fc10", "small")
DATA = Dataset("synthetic", *synthetic.digits(train=300, test=50))
RECIPE = Recipe.from_dict(
    {
        "epochs": 2,
        "batch_size": 50,
        "teacher": "record-seconds",
        "ema_decay": 0.9,
        "augmentation": {"rotation": 10},
        "device": "cpu",
        "precision": "float32",
    }
)


def taught() -> TrainingState:
    return bring_teacher(TrainingState.new(SPEC, RECIPE))


def test_the_target_is_what_the_teacher_says_of_the_augmented_images() -> None:
    state = taught()
    step = Step(state, split(DATA, RECIPE, state.device))
    inputs, labels = step.look(torch.arange(50), 0)
    said = load(shipped_folder() / "record-seconds.safetensors").model()(inputs).softmax(dim=1)
    own = TrainingState.new(SPEC, RECIPE)
    torch.manual_seed(1)
    outputs = own.model(inputs)
    wanted = -(said.detach() * F.log_softmax(outputs, dim=1)).sum(dim=1).mean()
    wanted.backward()
    torch.manual_seed(1)
    loss = step.gradients(inputs, labels)
    torch.testing.assert_close(loss, wanted.detach())
    for ours, theirs in zip(state.model.parameters(), own.model.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)
    right = (outputs.argmax(dim=1) == labels).sum()  # the accuracy is that of the labels all the same
    assert state.sums[1] == right


def test_the_teacher_stays_as_it_is() -> None:
    state = taught()
    list(train(state, DATA))
    assert state.teacher is not None
    shipped = load(shipped_folder() / "record-seconds.safetensors").tensors
    for name, tensor in state.teacher.state_dict().items():
        assert torch.equal(tensor, shipped[name]), name
    assert not any(name.startswith("teacher") for name in state.to_tensors())


def test_a_resumed_run_equals_an_unbroken_one() -> None:
    unbroken, broken = taught(), taught()
    list(train(unbroken, DATA))
    for _ in islice(train(broken, DATA, interval=0), 5):
        pass
    resumed = bring_teacher(TrainingState.from_tensors(SPEC, RECIPE, broken.to_tensors()))
    list(train(resumed, DATA))
    _assert_equal(resumed.model_tensors(), unbroken.model_tensors())


def test_what_cannot_teach_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TrainingError, match="record-seconds"):
        list(train(TrainingState.new(SPEC, RECIPE), DATA))  # nobody has brought it
    with pytest.raises(RecipeError, match="label_smoothing"):
        RECIPE.changed(label_smoothing=0.1)
    for outside in ("../task-2", "/etc/passwd", "a/b", ""):
        with pytest.raises(RecipeError, match="teacher"):
            RECIPE.changed(teacher=outside)
    monkeypatch.setattr(teacher, "shipped_folder", lambda: tmp_path)
    with pytest.raises(TrainingError, match=r"teacher cannot be used.*record-seconds.safetensors"):
        taught()
    (tmp_path / f"record-seconds{checkpoint.SUFFIX}").write_bytes(b"\x80\x04 a pickle")
    with pytest.raises(TrainingError, match="teacher cannot be used"):
        taught()


def _assert_equal(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name
