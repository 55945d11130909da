"""The optimizers are PyTorch's own, without the import of its compiler."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch.optim import SGD, Adam, AdamW, Optimizer

from mnist_core.training.optimizer import light
from tests.conftest import ROOT

TRAIN = """
import sys
from mnist_core.architecture.text import from_text
from mnist_core.training import synthetic
from mnist_core.training.data import Dataset
from mnist_core.training.engine import TrainingState, train
from mnist_core.training.recipe import Recipe
recipe = Recipe(epochs=1, batch_size=20, device="cpu", ema_decay=0.9, augmentation={"rotation": 5})
state = TrainingState.new(from_text("conv4s2 bn relu drop0.1 flat fc10"), recipe)
events = list(train(state, Dataset("synthetic", *synthetic.digits(train=60, test=20))))
assert state.epoch == 1
print("torch._dynamo" in sys.modules)
"""


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
        (Adam, {"lr": 0.01, "weight_decay": 0.01}),
        (AdamW, {"lr": 0.01, "betas": (0.8, 0.9)}),
    ],
)
def test_steps_and_state_are_those_of_pytorch(kind: type[Optimizer], options: dict[str, Any]) -> None:
    draws = torch.Generator().manual_seed(1)
    start = torch.randn(5, 3, generator=draws)
    ours, theirs = (start.clone().requires_grad_() for _ in range(2))
    one, other = light(kind)([ours], fused=True, **options), kind([theirs], fused=True, **options)
    assert isinstance(one, kind)
    for _ in range(4):
        gradient = torch.randn(5, 3, generator=draws)
        for weights, optimizer in ((ours, one), (theirs, other)):
            optimizer.zero_grad()
            weights.grad = gradient.clone()
            optimizer.step()
        assert torch.equal(ours, theirs) and not torch.equal(ours, start)
    assert one.state_dict()["param_groups"] == other.state_dict()["param_groups"]
    for name, value in one.state[ours].items():
        assert torch.equal(value, other.state[theirs][name])


@pytest.mark.slow
def test_training_does_without_the_compiler() -> None:
    done = subprocess.run([sys.executable, "-c", TRAIN], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["False"]
