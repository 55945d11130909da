"""BatchNorm with its neighbours does what torch's layers do; torch in float64 is the oracle."""

from __future__ import annotations

import sys
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

if sys.platform == "darwin":  # there Numba may find no OpenMP, and the layers are torch's
    pytest.importorskip("numba.np.ufunc.omppool", exc_type=ImportError)

from mnist_core.training import processor
from mnist_core.training.processor.norm import BatchNorm2d, use_here

AROUND: dict[str, tuple[list[nn.Module], list[nn.Module]]] = {
    "none": ([], []),
    "relu": ([], [nn.ReLU()]),
    "silu": ([], [nn.SiLU()]),
    "relu before": ([nn.ReLU()], []),
    "relu twice": ([nn.ReLU()], [nn.ReLU()]),
    "dropout": ([], [nn.Dropout2d(0.3)]),
    "relu before, dropout": ([nn.ReLU()], [nn.Dropout2d(0.3)]),
    "silu, dropout": ([], [nn.SiLU(), nn.Dropout2d(0.3)]),
}


def net(around: str, channels: int = 10, **settings: float | bool) -> nn.Sequential:
    """A norm with weights of its own, and what stands around it."""
    before, after = AROUND[around]
    layers = nn.Sequential(*before, nn.BatchNorm2d(channels, **settings), *after)
    for parameter in layers.parameters():
        nn.init.normal_(parameter)
    return deepcopy(layers)


def here(layers: nn.Sequential) -> nn.Sequential:
    """A copy of them that is ours, in a single layer."""
    copy = deepcopy(layers)
    use_here(copy)
    assert [type(layer) for layer in copy if type(layer) is not nn.Identity] == [BatchNorm2d]
    return copy


def last(x: Tensor) -> Tensor:
    """The same values, channels last."""
    return x.contiguous(memory_format=torch.channels_last)


def results(model: nn.Module, x: Tensor, dy: Tensor) -> list[Tensor]:
    """Output, gradients and running statistics of one training step, in float64."""
    torch.manual_seed(1)  # of what is dropped
    x = x.clone().requires_grad_()
    y = model(x)
    y.backward(dy)
    gradients = [each.grad for each in (x, *model.parameters()) if each.grad is not None]
    return [each.detach().double() for each in (y, *gradients, *model.buffers())]


def error(found: Tensor, expected: Tensor) -> float:
    """Relative, over all values."""
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("dtype", "least"), [(torch.float32, 1e-6), (torch.bfloat16, 4e-3)])
@pytest.mark.parametrize("shape", [(128, 10, 20, 20), (33, 14, 7, 7), (1, 3, 9, 11), (5, 50, 1, 1)])
@pytest.mark.parametrize("around", AROUND)
def test_outputs_gradients_and_statistics(
    around: str, shape: tuple[int, ...], dtype: torch.dtype, least: float, threads: int
) -> None:
    """As near to float64 as torch's own, or nearer than the type can tell apart."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    layers = net(around, shape[1], eps=1e-3, momentum=0.3)
    x, dy = last((3 * torch.randn(shape) + 1).to(dtype)), last(torch.randn(shape).to(dtype))
    exact = results(deepcopy(layers).double(), x.double(), dy.double())
    ours, torchs = results(here(layers), x, dy), results(layers, x, dy)
    assert len(ours) == len(torchs) == len(exact) == 7
    for mine, theirs, expected in zip(ours, torchs, exact, strict=True):
        assert error(mine, expected) <= max(least, error(theirs, expected))


@settings(max_examples=30)
@given(
    images=st.integers(1, 40),
    channels=st.integers(1, 70),
    height=st.integers(1, 13),
    width=st.integers(1, 13),
    around=st.sampled_from(list(AROUND)),
    affine=st.booleans(),
)
def test_maps_of_any_size(
    images: int, channels: int, height: int, width: int, around: str, affine: bool
) -> None:
    if images * height * width < 2:
        return
    layers = net(around, channels, affine=affine)
    x = last(torch.randn(images, channels, height, width))
    exact = results(deepcopy(layers).double(), x.double(), x.double())
    for mine, expected in zip(results(here(layers), x, x), exact, strict=True):
        assert torch.allclose(mine, expected, rtol=1e-3, atol=1e-4)


def test_far_from_zero_it_keeps_its_digits() -> None:
    """The variance is not a difference of large numbers."""
    torch.manual_seed(0)
    x = last(1_000 + torch.randn(16, 6, 12, 12))
    expected = nn.BatchNorm2d(6).double()(x.double()).detach()
    assert error(here(nn.Sequential(nn.BatchNorm2d(6)))(x).detach().double(), expected) < 1e-3


@pytest.mark.parametrize("around", [name for name in AROUND if "dropout" not in name])
def test_what_is_not_a_number_remains_visible(around: str) -> None:
    x = torch.randn(4, 5, 6, 6)
    x[0, 2] = float("nan")
    y = here(net(around, 5))(last(x))
    assert y[:, 2].isnan().all() and not y[:, [0, 1, 3, 4]].isnan().any()


def test_inputs_and_gradients_in_another_layout() -> None:
    torch.manual_seed(0)
    layers = net("relu")
    x, dy = torch.randn(8, 10, 12, 12), torch.randn(8, 10, 12, 12)
    exact = results(deepcopy(layers).double(), x.double(), dy.double())
    for mine, expected in zip(results(here(layers), x, dy), exact, strict=True):
        assert error(mine, expected) < 1e-6


@pytest.mark.parametrize("how", ["evaluated", "float64"])
@pytest.mark.parametrize("around", AROUND)
def test_elsewhere_it_is_torchs(around: str, how: str) -> None:
    torch.manual_seed(0)
    layers = net(around)
    ours = here(layers)
    x = last(torch.randn(4, 10, 7, 7, dtype=torch.float64 if how == "float64" else torch.float32))
    results = []
    for each in (layers, ours):
        each.eval() if how == "evaluated" else each.double()
        torch.manual_seed(1)
        results.append(each(x))
    assert torch.equal(*results)
    assert all(torch.equal(*pair) for pair in zip(layers.buffers(), ours.buffers(), strict=True))


def test_a_single_value_has_no_variance() -> None:
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        here(net("none"))(torch.randn(1, 10, 1, 1))


def test_which_take_its_place() -> None:
    model = nn.Sequential(
        *(nn.ReLU(), nn.BatchNorm2d(16), nn.ReLU(), nn.BatchNorm2d(10, affine=False), nn.SiLU()),
        *(nn.ReLU(), nn.BatchNorm2d(10), nn.SiLU(), nn.Dropout2d(0.2), nn.Dropout2d(0.2)),
        *(nn.BatchNorm2d(10), nn.Tanh(), nn.Dropout2d(0.2), nn.BatchNorm2d(10, momentum=None), nn.ReLU()),
        nn.Sequential(nn.BatchNorm2d(24)),
    )
    before = model.state_dict()
    use_here(model)
    kinds = "".join(type(layer).__name__[0] for layer in model)
    assert kinds == "IBIBI" + "RBIID" + "BTDBR" + "S"
    assert type(model[13]) is nn.BatchNorm2d and type(model[15][0]) is BatchNorm2d
    assert (model[6].dropout, model[10].dropout) == (0.2, 0)
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(after[name].data_ptr() == tensor.data_ptr() for name, tensor in before.items())


def test_the_same_step_gives_the_same_bits() -> None:
    torch.manual_seed(0)
    layers = net("silu")
    x = last(torch.randn(128, 10, 20, 20))
    one, other = (results(here(layers), x, x) for _ in range(2))
    assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))


def test_what_is_compiled_remains() -> None:
    layers = net("relu")
    results(here(layers), x := last(torch.randn(2, 10, 4, 4)), x)
    assert processor.compiled_before()


def test_without_numba_layers_remain_torchs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "__file__", str(tmp_path / "processor.py"))  # nothing is cached there
    assert not processor.compiled_before()
    for name in list(sys.modules):
        if name.startswith("mnist_core.training.processor."):
            monkeypatch.delitem(sys.modules, name)
    for name in ("dropout", "norm", "pool"):
        monkeypatch.delattr(processor, name, raising=False)
    monkeypatch.setitem(sys.modules, "numba", None)
    kinds = nn.BatchNorm2d, nn.ReLU, nn.Dropout, nn.MaxPool2d, nn.AvgPool2d
    model = nn.Sequential(nn.BatchNorm2d(10), nn.ReLU(), nn.Dropout(), nn.MaxPool2d(2), nn.AvgPool2d(2))
    processor.use_here(model)
    assert tuple(type(module) for module in model) == kinds
    assert processor.compiled_before()  # there is nothing to wait for
