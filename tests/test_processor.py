"""Depthwise convolutions and poolings for processors do what torch's do; so do the numbers beneath them."""

from __future__ import annotations

import sys
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

if sys.platform == "darwin":  # there Numba may find no OpenMP, and the layers are torch's
    pytest.importorskip("numba.np.ufunc.omppool", exc_type=ImportError)

from mnist_core.training.processor import compiled, depthwise, pool
from tests.test_norm import error, last, results

LAYERS = {
    "depthwise": nn.Conv2d(6, 6, 3, padding=1, groups=6, bias=False),
    "depthwise, no padding": nn.Conv2d(6, 6, 3, groups=6, bias=False),
    "depthwise 5×1": nn.Conv2d(6, 6, (5, 1), padding=(4, 0), groups=6, bias=False),
    "average pooling": nn.AvgPool2d(2),
    "max pooling": nn.MaxPool2d(2),
}


def here(layer: nn.Module) -> nn.Module:
    """A copy of it that is ours."""
    copy = nn.Sequential(deepcopy(layer))
    for kind in (depthwise, pool):
        kind.use_here(copy)
    assert type(copy[0]) in (depthwise.DepthwiseConv2d, pool.AvgPool2d, pool.MaxPool2d)
    return copy[0]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("dtype", "least"), [(torch.float32, 2e-6), (torch.bfloat16, 4e-3)])
@pytest.mark.parametrize("shape", [(33, 6, 12, 8), (5, 6, 13, 9)])
@pytest.mark.parametrize("kind", LAYERS)
def test_outputs_and_gradients(
    kind: str, shape: tuple[int, ...], dtype: torch.dtype, least: float, threads: int
) -> None:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    layer = LAYERS[kind]
    x = last(torch.randn(shape).to(dtype))
    dy = last(torch.randn_like(layer.to(dtype)(x)))
    exact = results(deepcopy(layer).double(), x.double(), dy.double())
    ours = results(here(layer), x, dy)
    assert len(ours) == len(exact) == (2 if "pooling" in kind else 3)
    for mine, expected in zip(ours, exact, strict=True):
        assert error(mine, expected) <= least
    layer.float()


@settings(max_examples=30)
@given(
    images=st.integers(1, 5),
    channels=st.integers(1, 40),
    height=st.integers(2, 13),
    width=st.integers(2, 13),
    half=st.booleans(),
)
def test_of_equal_ones_the_first_is_the_largest(
    images: int, channels: int, height: int, width: int, half: bool
) -> None:
    """Bit by bit as in torch, in maps of any size; after a ReLU many values are equal."""
    x = last(
        torch.randint(-1, 2, (images, channels, height, width)).to(torch.bfloat16 if half else torch.float32)
    )
    dy = last(torch.randn(images, channels, height // 2, width // 2, dtype=x.dtype))
    layer = nn.MaxPool2d(2)
    for mine, expected in zip(results(here(layer), x, dy), results(layer, x, dy), strict=True):
        assert torch.equal(mine, expected)


def test_in_a_largest_value_what_is_not_a_number_remains_visible() -> None:
    x = torch.randn(2, 10, 8, 8)
    for place in ((0, 0), (0, 1), (1, 0), (1, 1)):
        x[0, 3, place[0], place[1]] = float("nan")
        y = here(LAYERS["max pooling"])(last(x))
        assert y[0, 3, 0, 0].isnan() and y.isnan().sum() == 1
        x[0, 3, place[0], place[1]] = 0


def test_under_autocast_a_convolution_is_in_bfloat16() -> None:
    x, layer = last(torch.randn(4, 6, 8, 8)), LAYERS["depthwise"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = here(layer)(x)
        assert y.dtype == torch.bfloat16 and torch.equal(y, layer(x))


def test_evaluated_they_are_torchs() -> None:
    x = last(torch.randn(4, 6, 9, 9))
    for layer in LAYERS.values():
        assert torch.equal(here(layer).eval()(x), layer.eval()(x))
        layer.train()


def test_which_take_their_place() -> None:
    others = nn.Sequential(
        nn.Conv2d(6, 6, 3, groups=6),  # a bias
        nn.Conv2d(6, 6, 3, groups=3, bias=False),
        nn.Conv2d(6, 12, 3, groups=6, bias=False),
        nn.Conv2d(1, 1, 3, bias=False),
        nn.Conv2d(6, 6, 3, stride=2, groups=6, bias=False),
        nn.Conv2d(6, 6, 3, padding=3, groups=6, bias=False),
        nn.Conv2d(6, 6, 3, padding="same", groups=6, bias=False),
        nn.AvgPool2d(3),
        nn.AvgPool2d(2, ceil_mode=True),
        nn.AvgPool2d(2, padding=1),
        nn.AvgPool2d(2, divisor_override=3),
        nn.MaxPool2d(3),
        nn.MaxPool2d(2, 1),
        nn.MaxPool2d(2, dilation=2),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.MaxPool2d(2, return_indices=True),
    )
    before = [type(module) for module in others]
    for kind in (depthwise, pool):
        kind.use_here(others)
    assert [type(module) for module in others] == before


def test_bfloat16_is_rounded_as_torch_rounds() -> None:
    """A norm that changes nothing reads and writes every value: ties, tiny, huge and infinite ones."""

    @compiled.serial
    def copy(values: Any, out: Any) -> None:
        for j in range(values.shape[1]):
            compiled.store(out, (0, j), compiled.load(values[0, j]))

    bits = torch.arange(0, 2**32, 104_729, dtype=torch.int64).to(torch.int32)
    wide = bits.view(torch.float32)
    ties = torch.tensor([1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8, 3e38, float("inf"), 1e-40, 0.0])
    wide = torch.cat([wide[~wide.isnan()], ties])[None]
    half = torch.empty(wide.shape, dtype=torch.bfloat16)
    copy(wide.numpy(), compiled.memory(half))
    assert torch.equal(half, wide.bfloat16())
    again = torch.empty_like(wide)
    copy(compiled.memory(half), again.numpy())
    assert torch.equal(again, half.float())


def test_the_exponential() -> None:
    @compiled.serial
    def each(values: Any, out: Any) -> None:
        for j in range(len(values)):
            out[j] = compiled.exp(values[j])

    x = np.linspace(-87, 87, 100_001, dtype=np.float32)
    found = np.empty_like(x)
    each(x, found)
    exact = np.exp(x.astype(np.float64))
    assert np.abs(found / exact - 1).max() < 1e-6 * 10  # |x| · 2^-24 of it are those of x itself


def test_where_nothing_can_be_cached_it_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    compile = compiled.numba.njit

    def refuse(function: Any, cache: bool = False, **options: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return compile(function, **options)

    monkeypatch.setattr(compiled.numba, "njit", refuse)

    def twice(x: float) -> float:
        return 2 * x

    assert compiled.serial(twice)(21.0) == 42
