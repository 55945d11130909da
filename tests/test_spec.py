"""Specs as JSON and as text: both forms come back unchanged, and what is not a design is said in words."""

from __future__ import annotations

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mnist_core.architecture.layers import (
    ELU,
    KINDS,
    BatchNorm2d,
    Conv2d,
    Dropout,
    GroupNorm,
    LeakyReLU,
    MaxPool2d,
    Repeat,
)
from mnist_core.architecture.limits import MAX_JSON
from mnist_core.architecture.spec import ModelSpec, SpecError
from mnist_core.architecture.text import from_text, to_text

from .strategies import specs


@given(specs)
def test_json_comes_back_unchanged(spec: ModelSpec) -> None:
    assert ModelSpec.from_json(spec.to_json()) == spec
    assert ModelSpec.from_json(spec.to_json(indent=None).encode()) == spec


numbers = st.integers(-(10**40), 10**40)
several = numbers | st.tuples(numbers, numbers)
reals = st.floats(allow_nan=False, allow_infinity=False)
out_of_range = st.one_of(
    st.builds(Conv2d, out_channels=numbers, kernel_size=several, padding=several, groups=numbers),
    st.builds(MaxPool2d, kernel_size=several, stride=st.none() | several, dilation=several),
    st.builds(GroupNorm, num_groups=numbers, eps=reals),
    st.builds(BatchNorm2d, eps=reals, momentum=reals),
    st.builds(LeakyReLU, negative_slope=reals),
    st.builds(ELU, alpha=reals),
    st.builds(Dropout, p=reals),
    st.builds(Repeat, times=numbers),
)


@given(
    specs
    | st.builds(
        ModelSpec,
        input_shape=st.tuples(numbers, numbers, numbers),
        layers=st.lists(out_of_range, max_size=4).map(tuple),
    )
)
def test_text_comes_back_unchanged(spec: ModelSpec) -> None:
    assert from_text(to_text(spec), spec.name) == spec


def test_specs_are_immutable_and_hashable() -> None:
    spec = from_text("conv16 relu")
    for name in ModelSpec.model_fields:
        with pytest.raises(ValidationError):
            setattr(spec, name, getattr(spec, name))
    assert hash(spec) == hash(from_text("conv16 relu"))


def test_fields_and_defaults_are_those_of_torch() -> None:
    conv = json.loads(ModelSpec(layers=(Conv2d(out_channels=16, kernel_size=3),)).to_json())["layers"][0]
    assert conv == {
        "kind": "conv2d",
        "out_channels": 16,
        "kernel_size": 3,
        "stride": 1,
        "padding": 0,
        "dilation": 1,
        "groups": 1,
        "bias": True,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_and_field_is_documented(kind: str) -> None:
    assert KINDS[kind].__doc__
    for name, field in KINDS[kind].model_fields.items():
        assert field.description or name in ("kind", "enabled")


def layers(*raw: object) -> str:
    return json.dumps({"layers": raw})


relu = {"kind": "relu"}
repeat = {"kind": "repeat", "layers": [relu, relu]}


@pytest.mark.parametrize(
    ("text", "layer", "part"),
    [
        ("", None, "not JSON"),
        ("{", None, "not JSON"),
        (b"\xff\xfe\x00", None, "not JSON"),
        ("[" * 100_000, None, "nested too deeply"),
        ("[1]", None, "not a list"),
        ('"text"', None, "not a string"),
        ('{"layers": 5}', None, "layers is 5, but must be a list"),
        ('{"version": 2}', None, "version is 2; allowed is 1"),
        ('{"input_shape": [1, 28]}', None, "too few numbers"),
        ('{"colour": "red"}', None, "colour is not a field of a design"),
        (layers({"kind": "conv3d"}), 1, "'conv3d' is not a kind of layer"),
        (layers(relu, {"type": "relu"}), 2, '"kind" is missing'),
        (layers(relu, 5), 2, "is 5"),
        (layers(relu, {"kind": "conv2d", "out_channels": 8}), 2, "kernel_size is missing"),
        (layers({"kind": "linear", "out_features": 10.5}), 1, "10.5, but must be a whole number"),
        (layers({"kind": "linear", "out_features": True}), 1, "true, but must be a whole number"),
        (layers({"kind": "relu", "inplace": True}), 1, "inplace is not a field of relu"),
        (layers(relu, repeat, {"kind": "linear"}), 5, "out_features is missing"),
        (layers(relu, {"kind": "residual", "layers": [relu, {"kind": "?"}]}), 4, "not a kind of layer"),
        ('{"layers": [{"kind": "dropout", "p": NaN}]}', 1, "finite"),
        (" " * (MAX_JSON + 1), None, "at most 262,144 are read"),
    ],
)
def test_what_is_not_a_design_is_said_where_and_why(text: str | bytes, layer: int | None, part: str) -> None:
    with pytest.raises(SpecError) as caught:
        ModelSpec.from_json(text)
    problem = caught.value.problems[0]
    assert problem.layer == layer
    assert part in problem.message


def test_all_that_is_wrong_is_said_at_once() -> None:
    raw = layers({"kind": "conv2d", "out_channels": "a", "kernel_size": [3]}, {"kind": "dropout", "p": "b"})
    with pytest.raises(SpecError) as caught:
        ModelSpec.from_json(raw)
    assert [(p.layer, p.field) for p in caught.value.problems] == [
        (1, "out_channels"),
        (1, "kernel_size"),
        (2, "p"),
    ]


keys = st.sampled_from(["kind", "layers", "name", "p"]) | st.text()
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300)
@given(json_values)
def test_any_json_is_a_spec_or_a_spec_error(value: object) -> None:
    for text in (json.dumps(value), json.dumps({"layers": value}), json.dumps({"layers": [value]})):
        try:
            ModelSpec.from_json(text)
        except SpecError as error:
            assert error.problems and str(error)


def test_text_reads_like_a_lecture() -> None:
    spec = from_text(
        "input3x32x32 conv16k3x1p1x0-b ~relu max2 res(conv16p1 bn[eps=0.001]) 3x(drop0.1) gap flat fc10"
    )
    assert spec.input_shape == (3, 32, 32)
    conv, off, pool, residual, repeat, *_ = spec.layers
    assert (conv.out_channels, conv.kernel_size, conv.padding, conv.bias) == (16, (3, 1), (1, 0), False)
    assert not off.enabled and pool.kernel_size == 2 and repeat.times == 3
    assert residual.layers[1].eps == 0.001
    assert from_text("conv2d16, batch_norm2d, linear10") == from_text("conv16 bn fc10")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("conv", "Word 1: 'conv' needs a number, its out_channels"),
        ("relu convx", "Word 2: 'convx' is not a layer; the words are conv,"),
        ("relu5", "relu takes no number"),
        ("conv16q2", "conv has no q"),
        ("conv16[foo=1]", "foo"),
        ("conv1.5", "out_channels"),
        ("res(relu", "never closed"),
        ("relu )", "Word 2: This ) has no opening bracket"),
        ("x(relu)", "Word 1: x( opens nothing known"),
        ("3x(" * 20, "nested deeper"),
        ("relu " * 60_000, "characters long"),
    ],
)
def test_wrong_words_are_named(text: str, part: str) -> None:
    with pytest.raises(SpecError) as caught:
        from_text(text)
    assert part in str(caught.value)


@settings(max_examples=300)
@given(st.text(alphabet="convbngapdrop2x()[]=~.-16kps ,fmae") | st.text())
def test_any_text_is_a_spec_or_a_spec_error(text: str) -> None:
    try:
        from_text(text)
    except SpecError as error:
        assert str(error)


pieces = st.sampled_from(["conv", "conv1", "drop", "x1", "e1", "e-1", "k3", "k3x1", ".1", "1", "-1", "-b"])
brackets = st.sampled_from(["[", "[ ", "[a", "]", "=1", "(", "2x(", ")", "~", ",", " "])
repeated = st.tuples(pieces | brackets, st.integers(1, 24)).map(lambda pair: pair[0] * pair[1])


def seconds_to_read(text: str) -> float:
    begun = time.process_time()
    with suppress(SpecError):
        from_text(text)
    return time.process_time() - begun


@given(st.lists(repeated, max_size=6).map("".join))
def test_no_link_keeps_the_server_busy(text: str) -> None:
    assert seconds_to_read(text) < 0.5


@pytest.mark.parametrize(
    ("head", "piece", "times"),
    [
        ("conv1", "x1", 32),
        ("conv1", "e1", 32),
        ("conv1", "e1x1", 14),
        ("conv8", "k3x1", 22),
        ("drop", "1", 400),
        ("", "[ ", 64_000),
        ("", "a[", 64_000),
        ("", "[", 250_000),
        ("", "2x(", 64_000),
    ],
)
def test_no_text_keeps_the_server_busy(head: str, piece: str, times: int) -> None:
    assert seconds_to_read(f"{head}{piece * times}!") < 0.5


def test_no_file_keeps_the_server_busy() -> None:
    begun = time.process_time()
    with pytest.raises(SpecError) as caught:
        ModelSpec.from_json(layers(*[{}] * 5_000))
    assert caught.value.problems and time.process_time() - begun < 0.5


@pytest.mark.parametrize(
    "text", ["conv16[enabled=false] gap", "relu[enabled=true]", f"bn[eps={'[' * 3_000}]"]
)
def test_odd_brackets_in_the_text_form_are_refused(text: str) -> None:
    with pytest.raises(SpecError, match="Word 1"):
        from_text(text)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_file_in_another_encoding(encoding: str) -> None:
    spec = from_text("conv16 relu gap flat fc10", "ärger")
    assert ModelSpec.from_json(spec.to_json().encode(encoding)) == spec
