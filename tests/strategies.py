"""Random designs for Hypothesis: `specs` are any, `valid_specs` build; both hold containers and pairs."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from mnist_core.architecture import edit
from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.layers import (
    ELU,
    GELU,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Dropout2d,
    Flatten,
    GlobalAvgPool2d,
    GroupNorm,
    Hardswish,
    InstanceNorm,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSoftmax,
    MaxPool2d,
    PReLU,
    ReLU,
    Repeat,
    Residual,
    Sigmoid,
    SiLU,
    Tanh,
)
from mnist_core.architecture.spec import ModelSpec


def int_or_pair(low: int, high: int) -> st.SearchStrategy[Any]:
    one = st.integers(low, high)
    return one | st.tuples(one, one)


small = st.integers(1, 6)
leaves: st.SearchStrategy[Layer] = st.one_of(
    st.builds(
        Conv2d,
        out_channels=st.integers(1, 8),
        kernel_size=int_or_pair(1, 5),
        stride=st.just(1) | int_or_pair(1, 3),
        padding=int_or_pair(0, 3),
        dilation=st.just(1) | int_or_pair(1, 3),
        groups=st.just(1) | st.integers(1, 4),
        bias=st.booleans(),
    ),
    st.builds(BatchNorm2d, affine=st.booleans()),
    st.builds(GroupNorm, num_groups=st.integers(1, 4), affine=st.booleans()),
    st.builds(LayerNorm, elementwise_affine=st.booleans()),
    st.builds(InstanceNorm, affine=st.booleans()),
    st.sampled_from([ReLU(), SiLU(), Tanh(), Sigmoid(), Hardswish(), LogSoftmax(), PReLU()]),
    st.builds(LeakyReLU, negative_slope=st.floats(0, 1)),
    st.builds(ELU, alpha=st.floats(0.1, 2)),
    st.builds(GELU, approximate=st.sampled_from(["none", "tanh"])),
    st.builds(PReLU, num_parameters=small),
    st.builds(Dropout, p=st.floats(0, 1)),
    st.builds(Dropout2d, p=st.floats(0, 1)),
    st.builds(
        MaxPool2d,
        kernel_size=int_or_pair(1, 4),
        stride=st.none() | int_or_pair(1, 3),
        padding=int_or_pair(0, 1),
        dilation=st.just(1) | int_or_pair(1, 2),
        ceil_mode=st.booleans(),
    ),
    st.builds(
        AvgPool2d,
        kernel_size=int_or_pair(1, 4),
        stride=st.none() | int_or_pair(1, 3),
        padding=int_or_pair(0, 1),
        ceil_mode=st.booleans(),
        count_include_pad=st.booleans(),
    ),
    st.just(GlobalAvgPool2d()),
    st.just(Flatten()),
    st.builds(Linear, out_features=st.integers(1, 12), bias=st.booleans()),
)


def containers(inner: st.SearchStrategy[Layer]) -> st.SearchStrategy[Layer]:
    several = st.lists(inner, max_size=3).map(tuple)
    return st.builds(Residual, layers=several) | st.builds(Repeat, times=st.integers(1, 3), layers=several)


layers = st.recursive(leaves, containers, max_leaves=4)
switchable = st.tuples(layers, st.integers(0, 9)).map(
    lambda pair: pair[0] if pair[1] else pair[0].model_copy(update={"enabled": False})
)
input_shapes = st.tuples(st.integers(1, 3), st.integers(1, 20), st.integers(1, 20)) | st.just((1, 28, 28))
specs = st.builds(
    ModelSpec,
    name=st.text(max_size=20),
    input_shape=input_shapes,
    layers=st.lists(switchable, max_size=8).map(tuple),
)


def mended(spec: ModelSpec) -> ModelSpec | None:
    """The design after its proposed fixes; where there is none, the layer goes. None if that fails."""
    for _ in range(40):
        problems = analyze(spec).problems
        if not problems:
            return spec
        first = problems[0]
        if first.fix:
            spec = first.fix.spec
        elif first.layer:
            spec = edit.delete(spec, first.layer)
        else:
            return None
    return None


valid_specs = specs.map(mended).filter(lambda spec: spec is not None)
