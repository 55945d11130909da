from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
import torch
from hypothesis import assume, given, settings
from torch import nn

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.layers import KINDS
from mnist_core.architecture.spec import ModelSpec
from mnist_core.architecture.text import from_text
from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.export import ExportError
from mnist_core.export.onnx_file import INPUT, OUTPUT, run, to_onnx
from mnist_core.probe.inference import predict
from mnist_core.runs.checkpoint import Checkpoint, CheckpointError, load, shipped_folder
from tests.strategies import EVERY_KIND, digit_specs
from tests.test_inference import spec_of, untrained

DIGITS = np.random.default_rng(1).random((4, 28, 28), dtype=np.float32)
SHIPPED = shipped_folder() / "task-2.safetensors"


def lively(spec: ModelSpec) -> Checkpoint:
    """A checkpoint with random numbers also where fresh weights are all 0 or 1."""
    fresh = untrained(spec)
    random = torch.Generator().manual_seed(3)
    tensors = {
        name: tensor + 0.25 * torch.randn(tensor.shape, generator=random).clamp(-2, 2)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in fresh.tensors.items()
    }
    return Checkpoint(spec, fresh.recipe, tensors, fresh.figures)


def rounds_away(checkpoint: Checkpoint) -> bool:
    """Whether errors of a millionth in every layer move the answer, so that no two programs need agree."""
    model, random = checkpoint.model(), torch.Generator().manual_seed(0)
    inputs = (torch.from_numpy(DIGITS)[:, None] - 0.1307) / 0.3081
    with torch.no_grad():
        exact = model(inputs).softmax(dim=1)
        for module in model.modules():
            if not list(module.children()) and not isinstance(module, nn.Flatten):
                module.register_forward_hook(
                    lambda module, given, out: (
                        out + 1e-6 * out.abs().clamp(min=0.3) * torch.randn(out.shape, generator=random)
                    )
                )
        return not bool((model(inputs).softmax(dim=1) - exact).abs().max() < 1e-5)


def same_probabilities(checkpoint: Checkpoint) -> None:
    expected = predict(checkpoint, DIGITS)
    assert run(to_onnx(checkpoint), DIGITS) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_gives_the_same_probabilities(name: str) -> None:
    same_probabilities(lively(EXPERIMENTS[name].spec))


@pytest.mark.parametrize("name", EVERY_KIND)
def test_every_kind_gives_the_same_probabilities(name: str) -> None:
    checkpoint = lively(from_text(EVERY_KIND[name], name))
    assert not analyze(checkpoint.spec).problems
    assert predict(checkpoint, DIGITS).std(axis=0).max() > 1e-3, "the answer depends on the digit"
    same_probabilities(checkpoint)


def test_these_are_all_kinds() -> None:
    found = {layer.kind for text in EVERY_KIND.values() for _, _, layer in from_text(text).walk()}
    assert found == set(KINDS)


@settings(max_examples=40)
@given(digit_specs)
def test_random_designs_give_the_same_probabilities(spec: ModelSpec) -> None:
    checkpoint = lively(spec)
    assume(not rounds_away(checkpoint))
    same_probabilities(checkpoint)


def test_the_file_says_what_it_is() -> None:
    checkpoint = load(SHIPPED)
    model = onnx.load_from_string(to_onnx(checkpoint))
    onnx.checker.check_model(model, full_check=True)
    (given,), (answer,) = model.graph.input, model.graph.output
    assert (given.name, answer.name) == (INPUT, OUTPUT)
    assert [side.dim_value for side in given.type.tensor_type.shape.dim] == [0, 1, 28, 28]
    about = {each.key: each.value for each in model.metadata_props}
    assert ModelSpec.from_json(about["spec"]) == checkpoint.spec
    assert json.loads(about["figures"]) == checkpoint.figures
    assert about["params"] == "19712" and "19,712 params" in model.doc_string
    weights = sum(int(np.prod(each.dims)) for each in model.graph.initializer)
    assert 19_712 <= weights < 21_500, "each weight once, beside the running statistics"


def test_repeated_layers_share_their_weights() -> None:
    once, often = (
        len(to_onnx(untrained(from_text(f"conv8 {n}x(conv8p1 relu) gap flat fc10")))) for n in (1, 4)
    )
    assert often - once < 1_000


@pytest.mark.parametrize("kind", ["gn4", "prelu16"])
def test_what_is_repeated_on_a_map_and_then_on_a_vector(kind: str) -> None:
    same_probabilities(lively(from_text(f"conv16 gap 2x({kind} flat) fc10")))


def test_what_depends_on_rounding_is_refused() -> None:
    """Sixty turns of a chaotic map: whatever is summed up in another order comes out as something else."""
    wild = lively(from_text("flat fc32 60x(fc32 tanh) fc10", "wild"))
    wild.tensors["repeat_3.body.linear_4.weight"].mul_(20)
    with pytest.raises(ExportError, match=r"wild.*rounding"):
        to_onnx(wild)


def test_other_inputs_are_refused() -> None:
    spec = spec_of("colour", [{"kind": "flatten"}, {"kind": "linear", "out_features": 10}], (3, 8, 8))
    with pytest.raises(CheckpointError, match=r"colour.*digit"):
        to_onnx(untrained(spec))
