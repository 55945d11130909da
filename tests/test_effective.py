"""The effective field: within the theoretical one, and all of it for a plain mean."""

from __future__ import annotations

import numpy as np
import torch

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.model import build
from mnist_core.architecture.text import from_text
from mnist_core.probe.effective import effective_fields
from mnist_core.training.synthetic import render

digits, _ = render(16, np.random.default_rng(3))


def test_it_lies_within_the_theoretical_field() -> None:
    torch.manual_seed(0)
    spec = from_text("conv8-b relu bn conv8-b relu max2 conv8-b relu conv10k1 gap flat logsoftmax")
    fields = effective_fields(build(spec), digits)
    assert sorted(fields) == list(range(1, 11))  # every layer whose output is a map
    for report in analyze(spec).layers[:9]:
        view, field = report.view, fields[report.index]
        assert view is not None and field.shape == (28, 28) and field.max() == 1
        rows, columns = field.nonzero()
        for axis, found in enumerate((rows, columns)):
            centre = view.start[axis] + view.jump[axis] * (view.grid[axis] // 2)
            assert found.min() >= centre - view.field[axis] / 2
            assert found.max() + 1 <= centre + view.field[axis] / 2


def test_a_mean_looks_at_every_pixel_alike() -> None:
    spec = from_text("avg5 conv10k5 gap flat")
    field = effective_fields(build(spec), digits)[1]
    middle = slice(10, 15)
    assert np.allclose(field[middle, middle], 1) and field.sum() == 25


def test_it_is_the_same_twice_and_leaves_the_model_alone() -> None:
    model = build(from_text("conv4 relu gap flat fc10"))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first, second = (effective_fields(model, digits) for _ in range(2))
    assert all((first[number] == second[number]).all() for number in first)
    assert all((before[name] == value).all() for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
