"""BatchNorm of narrow maps does what nn.BatchNorm2d does; nn.BatchNorm2d in float64 is the oracle."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from mnist_core.training.batch_norm import BatchNorm2d, use_here


def norm(channels: int = 10, eps: float = 1e-5, momentum: float = 0.1) -> nn.BatchNorm2d:
    """One with weights of its own."""
    layer = nn.BatchNorm2d(channels, eps, momentum)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer


def here(layer: nn.BatchNorm2d) -> nn.BatchNorm2d:
    """A copy of it that is one of ours."""
    copy = deepcopy(layer)
    use_here(copy)
    assert type(copy) is BatchNorm2d
    return copy


def results(model: nn.Module, x: Tensor, dy: Tensor) -> list[Tensor]:
    """Output, gradients and running statistics of one training step, in float64."""
    x = x.clone().requires_grad_()
    y = model(x)
    y.backward(dy)
    gradients = [each.grad for each in (x, *model.parameters()) if each.grad is not None]
    return [each.detach().double() for each in (y, *gradients, *model.buffers())]


def error(found: Tensor, expected: Tensor) -> float:
    """Relative, over all values."""
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize(("dtype", "least"), [(torch.float32, 1e-6), (torch.bfloat16, 4e-3)])
@pytest.mark.parametrize("shape", [(128, 10, 20, 20), (33, 14, 8, 8), (1, 3, 9, 11), (2, 31, 8, 8)])
def test_outputs_gradients_and_statistics(shape: tuple[int, ...], dtype: torch.dtype, least: float) -> None:
    """As near to float64 as torch's own, or nearer than the type can tell apart."""
    torch.manual_seed(0)
    layer = norm(shape[1], eps=1e-3, momentum=0.3)
    x = (3 * torch.randn(shape) + 5).to(dtype).contiguous(memory_format=torch.channels_last)
    dy = torch.randn(shape).to(dtype).contiguous(memory_format=torch.channels_last)
    exact = results(deepcopy(layer).double(), x.double(), dy.double())
    ours, torchs = results(here(layer), x, dy), results(layer, x, dy)
    assert len(ours) == len(torchs) == len(exact) == 7
    for mine, theirs, expected in zip(ours, torchs, exact, strict=True):
        assert error(mine, expected) <= max(least, error(theirs, expected))


def test_gradients_by_differences() -> None:
    torch.manual_seed(0)
    layer = here(norm(3).double())
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64).to(memory_format=torch.channels_last).requires_grad_()
    weight, bias = layer.weight, layer.bias
    assert torch.autograd.gradcheck(lambda *inputs: layer(inputs[0]), (x, weight, bias))


def test_far_from_zero_it_keeps_its_digits() -> None:
    """The variance is not a difference of large numbers."""
    torch.manual_seed(0)
    x = (1_000 + torch.randn(16, 6, 12, 12)).to(memory_format=torch.channels_last)
    layer = here(nn.BatchNorm2d(6))
    expected = nn.BatchNorm2d(6).double()(x.double()).detach()
    assert error(layer(x).detach().double(), expected) < 1e-3


def test_a_gradient_in_another_layout_and_a_relu_in_place() -> None:
    torch.manual_seed(0)
    layer = norm()
    x = torch.randn(8, 10, 12, 12).to(memory_format=torch.channels_last)
    dy = torch.randn(8, 10, 12, 12)
    assert dy.is_contiguous()
    exact = results(nn.Sequential(deepcopy(layer), nn.ReLU()).double(), x.double(), dy.double())
    ours = results(nn.Sequential(here(layer), nn.ReLU(inplace=True)), x, dy)
    for mine, expected in zip(ours, exact, strict=True):
        assert error(mine, expected) < 1e-6


@pytest.mark.parametrize("how", ["evaluated", "small", "another layout"])
def test_elsewhere_it_is_torchs(how: str) -> None:
    torch.manual_seed(0)
    layer = norm()
    ours = here(layer)
    x = torch.randn(4, 10, *((7, 7) if how == "small" else (14, 14)))
    if how != "another layout":
        x = x.to(memory_format=torch.channels_last)
    if how == "evaluated":
        layer.eval(), ours.eval()
    assert torch.equal(layer(x), ours(x))
    assert all(torch.equal(*pair) for pair in zip(layer.buffers(), ours.buffers(), strict=True))


def test_which_take_its_place() -> None:
    layers = [nn.BatchNorm2d(10), nn.BatchNorm2d(16), nn.BatchNorm2d(40), nn.BatchNorm2d(10, affine=False)]
    model = nn.Sequential(*layers, nn.Sequential(nn.BatchNorm2d(24)))
    before = model.state_dict()
    use_here(model)
    narrow = [name for name, module in model.named_modules() if type(module) is BatchNorm2d]
    assert narrow == ["0", "4.0"]
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(after[name].data_ptr() == tensor.data_ptr() for name, tensor in before.items())


def test_the_same_step_gives_the_same_bits() -> None:
    torch.manual_seed(0)
    layer = norm()
    x = torch.randn(128, 10, 20, 20).to(memory_format=torch.channels_last)
    one, other = (results(here(layer), x, x) for _ in range(2))
    assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))
