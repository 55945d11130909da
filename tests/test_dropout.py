"""Dropout for processors does what nn.Dropout does."""

from __future__ import annotations

import pytest
import torch
from torch import nn

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
    """Neighbours, also those that share a random word, are dropped together as often as chance has it."""
    torch.manual_seed(0)
    gone = (Dropout(0.3)(torch.ones(1_000_000)) == 0).double() - 0.3
    for distance in (1, 2, 3, 4, 8):
        assert abs((gone[:-distance] * gone[distance:]).mean()) < 5 * 0.21 / 1_000


def test_the_gradient_goes_where_the_value_went() -> None:
    x = torch.randn(50, 7, 5, 3).to(memory_format=torch.channels_last).requires_grad_()
    y = Dropout(0.4)(x)
    y.sum().backward()
    assert x.grad is not None and torch.allclose(y, x * x.grad)
    assert y.is_contiguous(memory_format=torch.channels_last)


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
