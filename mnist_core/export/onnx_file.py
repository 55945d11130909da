"""A checkpoint as ONNX, for any program that runs nets; compared with PyTorch before it is given away.

Input `digits` (N, 1, 28, 28) float32, grey values in [0, 1], ink 1 on paper 0; the normalisation is part of
the file. Output `probabilities` (N, 10). Design, params and accuracy stand in the file's metadata.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.model import RepeatBlock, ResidualBlock
from mnist_core.export import ExportError
from mnist_core.probe.inference import INPUT_SHAPE, predict, require_digits
from mnist_core.runs.checkpoint import Checkpoint
from mnist_core.training.data import MEAN, STD
from mnist_core.training.synthetic import render

OPSET, IR = 20, 9  # the oldest that have every operation
INPUT, OUTPUT = "digits", "probabilities"
TOLERANCE = 1e-4  # of a probability
CHECKED = 32  # digits


def to_onnx(checkpoint: Checkpoint) -> bytes:
    """The content of an ONNX file whose probabilities onnxruntime has found to be the checkpoint's.

    Raises CheckpointError for a model of other inputs than digits, ExportError if the two differ.
    """
    require_digits(checkpoint.spec, checkpoint.spec.name)
    data: bytes = _file(checkpoint).SerializeToString()
    digits = render(CHECKED, np.random.default_rng(0))[0] / np.float32(255)
    difference = float(np.abs(run(data, digits) - predict(checkpoint, digits)).max())
    if not difference <= TOLERANCE:  # also when it is not a number
        raise ExportError(
            f"{checkpoint.spec.name}: as ONNX its probabilities differ by up to {difference:.1g} from those "
            f"of PyTorch; {TOLERANCE:g} is allowed. Its numbers depend on rounding: train it anew."
        )
    return data


def run(data: bytes, digits: ArrayLike) -> NDArray[np.float32]:
    """Probabilities (N, 10) for digits (N, 28, 28) in [0, 1], by onnxruntime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    inputs = np.asarray(digits, np.float32).reshape(-1, *INPUT_SHAPE)
    probabilities: NDArray[np.float32] = session.run([OUTPUT], {INPUT: inputs})[0]
    return probabilities


def _file(checkpoint: Checkpoint) -> onnx.ModelProto:
    spec, figures = checkpoint.spec, checkpoint.figures
    writer = _Writer()
    with torch.no_grad():
        grey = writer.node("Sub", INPUT, writer.constant("mean", np.float32(MEAN)))
        x = writer.node("Div", grey, writer.constant("std", np.float32(STD)))
        x, _ = _sequence(writer, checkpoint.model(), "", x, torch.zeros(1, *INPUT_SHAPE))
        writer.nodes.append(helper.make_node("Softmax", [x], [OUTPUT], axis=1))
    graph = helper.make_graph(
        writer.nodes,
        spec.name or "net",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", *INPUT_SHAPE])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", 10])],
        list(writer.weights.values()),
    )
    model = helper.make_model(
        graph,
        producer_name="MNIST lab",
        ir_version=IR,
        opset_imports=[helper.make_opsetid("", OPSET)],
        doc_string=(
            f"{spec.name}: {analyze(spec).params:,} params. {INPUT}: (N, 1, 28, 28), grey values in [0, 1], "
            f"ink 1 on paper 0, in MNIST's place and size. {OUTPUT}: (N, 10), one a digit."
        ),
    )
    about = {
        "spec": spec.to_json(None),
        "recipe": checkpoint.recipe.to_json(),
        "figures": json.dumps(figures),
    }
    helper.set_model_props(model, {"params": str(analyze(spec).params), **about})
    onnx.checker.check_model(model)
    return model


class _Writer:
    """Collects nodes, and weights by their state-dict names, so that repeated layers share them."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, onnx.TensorProto] = {}

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Adds a node; gives the name of its output."""
        name = f"{op}_{len(self.nodes) + 1}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, name: str, value: ArrayLike | Tensor) -> str:
        """The name under which the graph knows these numbers."""
        if name not in self.weights:
            array = value.numpy() if isinstance(value, Tensor) else np.asarray(value)
            self.weights[name] = numpy_helper.from_array(array, name)
        return name

    def shape(self, sides: Sequence[int]) -> str:
        """A shape for Reshape; 0 leaves a side as it is, here the batch."""
        return self.constant(f"shape_{'x'.join(map(str, sides))}", np.array([0, *sides], np.int64))


def _sequence(w: _Writer, layers: nn.Module, path: str, x: str, example: Tensor) -> tuple[str, Tensor]:
    """Writes layers one after the other; `example` is what arrives at each, for its shape."""
    for name, module in layers.named_children():
        if isinstance(module, ResidualBlock):
            branch, example = _sequence(w, module.branch, f"{path}{name}.branch.", x, example)
            x = w.node("Add", x, branch)
        elif isinstance(module, RepeatBlock):
            for _ in range(module.times):
                x, example = _sequence(w, module.body, f"{path}{name}.body.", x, example)
        else:
            after = module(example)
            x = _RULES[type(module)](w, module, f"{path}{name}", x, example, after)
            example = after
    return x, example


Rule = Callable[[_Writer, Any, str, str, Tensor, Tensor], str]


def _plain(op: str, *attributes: str) -> Rule:
    """An operation that ONNX has under another name, with attributes of torch's names and meaning."""

    def rule(w: _Writer, module: Any, path: str, x: str, before: Tensor, after: Tensor) -> str:
        onnx_names = {"negative_slope": "alpha", "dim": "axis"}
        return w.node(op, x, **{onnx_names.get(name, name): getattr(module, name) for name in attributes})

    return rule


def _weights(w: _Writer, module: nn.Module, path: str, *names: str) -> list[str]:
    """Those of these tensors that the module has."""
    found = [(name, getattr(module, name)) for name in names]
    return [w.constant(f"{path}.{name}", value.detach()) for name, value in found if value is not None]


def _conv(w: _Writer, module: nn.Conv2d, path: str, x: str, before: Tensor, after: Tensor) -> str:
    return w.node(
        "Conv",
        x,
        *_weights(w, module, path, "weight", "bias"),
        kernel_shape=module.kernel_size,
        strides=module.stride,
        pads=[*module.padding, *module.padding],
        dilations=module.dilation,
        group=module.groups,
    )


def _linear(w: _Writer, module: nn.Linear, path: str, x: str, before: Tensor, after: Tensor) -> str:
    return w.node("Gemm", x, *_weights(w, module, path, "weight", "bias"), transB=1)


def _batch_norm(w: _Writer, module: nn.BatchNorm2d, path: str, x: str, before: Tensor, after: Tensor) -> str:
    channels = module.num_features
    scale, shift = _weights(w, module, path, "weight", "bias") or (
        w.constant(f"ones_{channels}", np.ones(channels, np.float32)),
        w.constant(f"zeros_{channels}", np.zeros(channels, np.float32)),
    )
    running = _weights(w, module, path, "running_mean", "running_var")
    return w.node("BatchNormalization", x, scale, shift, *running, epsilon=module.eps)


def _norm(w: _Writer, module: Any, path: str, x: str, before: Tensor, after: Tensor) -> str:
    """Group, layer and instance norm: all values of a group together, then a scale and a shift."""
    shape = before.shape[1:]
    groups = {nn.GroupNorm: lambda: module.num_groups, nn.LayerNorm: lambda: 1}.get(
        type(module), lambda: shape[0]
    )()
    ones = w.constant(f"ones_{groups}", np.ones(groups, np.float32))
    zeros = w.constant(f"zeros_{groups}", np.zeros(groups, np.float32))
    x = w.node("Reshape", x, w.shape((groups, -1)))
    x = w.node("InstanceNormalization", x, ones, zeros, epsilon=module.eps)
    x = w.node("Reshape", x, w.shape(shape))
    if module.weight is None:
        return x
    each = shape if isinstance(module, nn.LayerNorm) else (shape[0], *[1] * (len(shape) - 1))
    scale, shift = (
        w.constant(f"{path}.{name}.{before.dim()}", getattr(module, name).detach().reshape(each))
        for name in ("weight", "bias")
    )
    return w.node("Add", w.node("Mul", x, scale), shift)


def _prelu(w: _Writer, module: nn.PReLU, path: str, x: str, before: Tensor, after: Tensor) -> str:
    slopes = module.weight.detach().reshape(-1, *[1] * (before.dim() - 2))
    return w.node("PRelu", x, w.constant(f"{path}.weight.{before.dim()}", slopes))


def _silu(w: _Writer, module: nn.SiLU, path: str, x: str, before: Tensor, after: Tensor) -> str:
    return w.node("Mul", x, w.node("Sigmoid", x))


def _pool(w: _Writer, module: Any, path: str, x: str, before: Tensor, after: Tensor) -> str:
    """Pads by itself and then pools without padding: ONNX and torch disagree on rounding up and on means."""
    kernel, stride, padding, dilation = (
        value if isinstance(value, tuple) else (value, value)
        for value in (module.kernel_size, module.stride, module.padding, getattr(module, "dilation", 1))
    )
    sides = zip(before.shape[2:], after.shape[2:], kernel, stride, padding, dilation, strict=True)
    ends = [max(0, (out - 1) * s + (k - 1) * d + 1 - size - p) for size, out, k, s, p, d in sides]
    is_max = isinstance(module, nn.MaxPool2d)
    if any((*padding, *ends)):
        edge = w.constant("lowest", np.finfo(np.float32).min) if is_max else w.constant("zero", np.float32(0))
        pads = [0, 0, *padding, 0, 0, *ends]
        x = w.node("Pad", x, w.constant(f"pads_{pads}", np.array(pads, np.int64)), edge)
    if is_max:
        return w.node("MaxPool", x, kernel_shape=kernel, strides=stride, dilations=dilation)
    x = w.node("AveragePool", x, kernel_shape=kernel, strides=stride)
    # What it made of ones against what torch does: how many values of each window count.
    ones = torch.ones_like(before[:, :1])
    padded = nn.functional.pad(ones, (padding[1], ends[1], padding[0], ends[0]))
    factor = module(ones) / nn.functional.avg_pool2d(padded, kernel, stride)
    if bool((factor == 1).all()):
        return x
    return w.node("Mul", x, w.constant(f"{path}.factor_{x}", factor))


def _same(w: _Writer, module: nn.Module, path: str, x: str, before: Tensor, after: Tensor) -> str:
    return x


_RULES: dict[type[nn.Module], Rule] = {
    nn.Conv2d: _conv,
    nn.Linear: _linear,
    nn.BatchNorm2d: _batch_norm,
    nn.GroupNorm: _norm,
    nn.LayerNorm: _norm,
    nn.InstanceNorm2d: _norm,
    nn.ReLU: _plain("Relu"),
    nn.LeakyReLU: _plain("LeakyRelu", "negative_slope"),
    nn.PReLU: _prelu,
    nn.ELU: _plain("Elu", "alpha"),
    nn.GELU: _plain("Gelu", "approximate"),
    nn.SiLU: _silu,
    nn.Hardswish: _plain("HardSwish"),
    nn.Tanh: _plain("Tanh"),
    nn.Sigmoid: _plain("Sigmoid"),
    nn.Dropout: _same,
    nn.Dropout2d: _same,
    nn.MaxPool2d: _pool,
    nn.AvgPool2d: _pool,
    nn.AdaptiveAvgPool2d: _plain("GlobalAveragePool"),
    nn.Flatten: _plain("Flatten"),
    nn.LogSoftmax: _plain("LogSoftmax", "dim"),
}
