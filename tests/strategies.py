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
digit_specs = specs.map(lambda spec: mended(spec.model_copy(update={"input_shape": (1, 28, 28)}))).filter(
    lambda spec: spec is not None
)

# Designs for digits that hold every kind of layer and every field, and what repeats with changing shapes.
EVERY_KIND = {
    "windows": "conv6k3x5s2x1p1x2-b conv8k3d2x1g2 relu conv8k2x3g8p1 max3x2s2p1[ceil_mode=true] bn "
    "max2s1d2 conv10k1 avg3s2p1[ceil_mode=true] flat fc10-b",
    "means": "conv4s2 tanh avg3s2p1[ceil_mode=true,count_include_pad=false] avg2x3s1x2p1x0 conv4p1 "
    "avg3s2p1[ceil_mode=true] gap flat fc10",
    "norms": "conv6 gn3 relu in[affine=true] conv6p1-b ln conv8s3 bn[affine=false,eps=0.01] relu "
    "gn2[affine=false] in avg2 flat ln[eps=0.1] fc12 gn4 tanh gn3[affine=false] "
    "ln[elementwise_affine=false] fc10",
    "bends": "conv4s2 lrelu0.3 conv4k1 prelu4 gn1 conv4k1 prelu conv4k1 elu0.5 gn1 conv4k1 gelu conv4k1 "
    "gelu[approximate=tanh] gn1 conv4k1 silu conv4k1 hswish gn1 conv4k1 tanh conv4k1 sigmoid gn1 max3 flat "
    "fc10",
    "bends of vectors": "avg4 flat fc16 gelu fc9 prelu9 ln fc9 prelu fc9 elu0 ln fc9 silu fc9 lrelu-0.2 ln "
    "fc9 hswish fc9 relu fc9 tanh sigmoid fc10",
    "containers": "conv4p1 ~bn res(conv4p1 drop0.3 res() relu) 3x(conv4k3 drop2d0.2 res(bn ~res(conv4)) "
    "silu) ~2x(conv4 relu) 2x(avg3s2p1[ceil_mode=true] max2s1p1) logsoftmax gap flat 2x(res(fc4 tanh) prelu) "
    "fc10 logsoftmax",
}
