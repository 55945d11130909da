"""Dropout for processors does what nn.Dropout does."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

if sys.platform == "darwin":  # there Numba may find no OpenMP, and the layer is torch's
    pytest.importorskip("numba.np.ufunc.omppool", exc_type=ImportError)

from mnist_core.training.processor.dropout import Dropout, use_here


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rate", [0.05, 0.1, 0.5, 0.9])
def test_the_rate_and_the_scale(rate: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.ones(64, 8, 20, 20, dtype=dtype)
    y = Dropout(rate)(x)
    share = (y == 0).double().mean().item()
    spread = (rate * (1 - rate) / x.numel()) ** 0.5
    assert abs(share - rate) < 5 * spread
    assert y.dtype == dtype and y.unique().numel() == 2
    assert torch.allclose(y.max().double(), torch.tensor(1 / (1 - rate)).double(), rtol=1e-2)


def test_values_are_dropped_independently() -> None:
    """Neighbours, and pixels above each other, are dropped together as often as chance has it.

    So are the same places of two maps, and of two at some distance.
    """
    torch.manual_seed(0)
    gone, next = ((Dropout(0.3)(torch.ones(1_000_000)) == 0).double() - 0.3 for _ in range(2))
    for distance in (1, 2, 3, 4, 7, 8, 16, 24, 256, 784, 10_000):
        for other in (gone, next):
            assert abs((gone[:-distance] * other[distance:]).mean()) < 5 * 0.21 / 1_000
    assert abs((gone * next).mean()) < 5 * 0.21 / 1_000


def test_the_gradient_goes_where_the_value_went() -> None:
    x = torch.randn(50, 7, 5, 3).to(memory_format=torch.channels_last).requires_grad_()
    y = Dropout(0.4)(x)
    y.sum().backward()
    assert x.grad is not None and torch.allclose(y, x * x.grad)
    assert y.is_contiguous(memory_format=torch.channels_last)


def test_each_place_is_dropped_as_often_as_any_other() -> None:
    torch.manual_seed(0)
    layer, rounds = Dropout(0.3), 4_000
    kept = sum((layer(torch.ones(500)) > 0).double() for _ in range(rounds)) / rounds
    scores = (kept - 0.7) / (0.21 / rounds) ** 0.5
    assert scores.abs().max() < 4.5 and abs(scores.var() - 1) < 0.3


def test_the_number_of_threads_does_not_matter() -> None:
    x, drawn = torch.randn(999), []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        drawn.append(Dropout(0.5)(x))
    assert torch.equal(*drawn)


def test_a_gradient_in_another_layout() -> None:
    x = torch.randn(8, 7, 5, 3).to(memory_format=torch.channels_last).requires_grad_()
    y, dy = Dropout(0.4)(x), torch.randn(8, 7, 5, 3)
    y.backward(dy)
    assert x.grad is not None and torch.equal(x.grad == 0, y == 0)
    assert torch.allclose(x.grad[y != 0], dy[y != 0] / 0.6)


def test_an_input_with_gaps() -> None:
    x = torch.ones(10, 20)[:, ::2]
    assert Dropout(0.5)(x).unique().tolist() == [0, 2]


@pytest.mark.parametrize("shape", [(0,), (1,), (3,), (2, 5), (3, 4, 5)])
def test_any_shape(shape: tuple[int, ...]) -> None:
    assert Dropout(0.5)(torch.ones(shape)).shape == shape


def test_limits_and_eval_mode() -> None:
    x = torch.randn(100)
    assert torch.equal(Dropout(0.0)(x), x)
    assert torch.equal(Dropout(1.0)(x), torch.zeros(100))
    assert torch.equal(Dropout(0.5).eval()(x), x)


def test_it_takes_the_place_of_every_nn_dropout() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.3), nn.Sequential(nn.Dropout(0.2), nn.Dropout2d(0.1)))
    names = list(model.state_dict())
    use_here(model)
    kinds = [type(module) for module in model.modules()]
    assert nn.Dropout not in kinds and kinds.count(Dropout) == 2 and nn.Dropout2d in kinds
    assert list(model.state_dict()) == names
    assert [module.p for module in model.modules() if isinstance(module, Dropout)] == [0.3, 0.2]


def test_the_seed_decides() -> None:
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(Dropout(0.5)(torch.ones(1_000)))
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
