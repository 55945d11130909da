"""What a design costs and what it sees, layer by layer, and every problem it has. Without torch.

MACs are the multiplications of convolutions and linear layers for one image; adding a bias is not one.
Shapes and weights are derived in `rules`, receptive fields in `view`.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

from . import edit
from .layers import (
    KINDS,
    Container,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    LayerNorm,
    Linear,
    Repeat,
    Residual,
)
from .limits import (
    MAX_APPLICATIONS,
    MAX_DEPTH,
    MAX_INPUT,
    MAX_LAYERS,
    MAX_PARAMS,
    MAX_UNITS,
    Limits,
)
from .report import Analysis, LayerReport
from .rules import Effect, Misfit, Site, apply, number_text, one_or_two, shape_text
from .spec import Fix, ModelSpec, Problem
from .view import View, effective, pair

CLASSES = 10  # MNIST's digits


def analyze(spec: ModelSpec) -> Analysis:
    """Shapes, params, MACs and receptive fields of every layer, and every problem. Never raises."""
    return _Walk(spec).run()


class _OutOfRange(Exception):
    """A layer with a number that is out of its range."""


class _Walk:
    """One pass over a spec; collects reports and problems."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.reports = {number: LayerReport(number, depth, layer) for number, depth, layer in spec.walk()}
        self.problems: list[Problem] = []
        self.applications = 0
        self.params = 0
        self.out_of_range: set[int] = set()  # numbers of layers from which nothing can be derived
        self.at = 0  # number of the layer that is being applied

    def run(self) -> Analysis:
        self.check_limits()
        if not any(problem.layer is None for problem in self.problems):
            try:
                channels, height, width = self.spec.input_shape
                end = self.sequence(self.spec.layers, 1, View((channels, height, width), (height, width)))
                self.check_output(end)
            except Misfit as misfit:
                self.problem(self.at, misfit.field, misfit.message, misfit.fix)
            except _OutOfRange:
                pass  # said by check_limits already
        return Analysis(self.spec, tuple(self.reports.values()), tuple(self.problems))

    def problem(self, number: int | None, name: str | None, message: str, fix: Fix | None = None) -> None:
        kind = self.reports[number].kind if number else None
        self.problems.append(Problem(number, name, message, kind, fix))

    def check_limits(self) -> None:
        """Every number that counts against its range, before anything is derived from it."""
        for axis, size, most in zip(
            ("channels", "height", "width"), self.spec.input_shape, MAX_INPUT, strict=True
        ):
            if not 1 <= size <= most:
                self.problem(None, "input_shape", f"The input's {axis} is {size:,}; allowed are 1 to {most}.")
        if len(self.reports) > MAX_LAYERS:
            what = f"The design has {len(self.reports):,} layers; at most {MAX_LAYERS} are allowed."
            self.problem(None, "layers", what)
            return  # a fix for each of thousands of layers would take minutes
        if not any(layer.enabled for layer in self.spec.layers):
            self.problem(None, "layers", "The design has no layers yet. Add a conv2d, or pick an experiment.")
        on = [True]  # whether the containers around a layer are, and at last the layer itself
        for number, report in self.reports.items():
            if report.depth > MAX_DEPTH:
                what = f"it is nested {report.depth} containers deep; at most {MAX_DEPTH} are allowed."
                self.problem(number, None, what)
                self.out_of_range.add(number)
            del on[report.depth + 1 :]
            on.append(on[-1] and report.layer.enabled)
            for name, limits in _RANGES[type(report.layer)] if on[-1] else ():
                self.check_range(number, name, getattr(report.layer, name), limits)

    def check_range(self, number: int, name: str, value: Any, limits: Limits) -> None:
        values = value if isinstance(value, tuple) else (value,)
        if value is None or all(limits.low <= one <= limits.high for one in values):
            return
        nearest = tuple(type(one)(min(max(one, limits.low), limits.high)) for one in values)
        self.out_of_range.add(number)
        fix = Site(self.spec, number).set(name, nearest if isinstance(value, tuple) else nearest[0])
        allowed = f"{number_text(limits.low)} to {number_text(limits.high)}"
        self.problem(number, name, f"{name} is {number_text(value)}; allowed are {allowed}.", fix)

    def sequence(self, layers: tuple[Layer, ...], number: int, view: View) -> View:
        """The view after `layers`, the first of which has this number."""
        for layer in layers:
            if layer.enabled:
                view = self.apply(layer, number, view)
            number += edit.count(layer)
        return view

    def apply(self, layer: Layer, number: int, view: View) -> View:
        self.at = number
        if number in self.out_of_range:
            raise _OutOfRange
        self.applications += 1
        if self.applications > MAX_APPLICATIONS:
            raise Misfit(
                None,
                f"with its repetitions the design applies over {MAX_APPLICATIONS:,} layers. Repeat less.",
            )
        if isinstance(layer, Container):
            out = (
                self.residual(layer, number, view)
                if isinstance(layer, Residual)
                else self.repeat(layer, number, view)
            )
            self.reports[number] = replace(self.reports[number], view=out)
            return out
        return self.leaf(layer, number, view)

    def leaf(self, layer: Layer, number: int, view: View) -> View:
        effect = apply(layer, view, Site(self.spec, number))
        before = self.reports[number]
        if prod(effect.view.shape) > MAX_UNITS:
            what = f"the output {shape_text(effect.view.shape)} has {prod(effect.view.shape):,} values"
            raise Misfit(None, f"{what}; at most {MAX_UNITS:,} are allowed. Use a stride, or fewer channels.")
        if before.view and not _repeatable(before, effect):
            what = f"repeated with the same weights, it gets {shape_text(view.shape)}, which they do not fit."
            raise Misfit(None, f"{what} What is repeated must give the shape that it gets.")
        self.reports[number] = report = replace(
            before,
            view=effect.view,
            weights=effect.weights,
            macs=before.macs + effect.macs,
            units=before.units + prod(effect.view.shape),
            passes=before.passes + 1,
            incoming=before.incoming or view,
        )
        self.params += 0 if before.view else report.params
        if self.params > MAX_PARAMS:
            what = f"up to here the design has {self.params:,} params; at most {MAX_PARAMS:,} are allowed."
            raise Misfit(None, f"{what} Use fewer channels or features.")
        return effect.view

    def repeat(self, layer: Repeat, number: int, view: View) -> View:
        for _ in range(layer.times):
            view = self.sequence(layer.layers, number + 1, view)
        return view

    def residual(self, layer: Residual, number: int, view: View) -> View:
        out = self.sequence(layer.layers, number + 1, view)
        self.at = number
        if out.shape != view.shape:
            what = f"the branch gives {shape_text(out.shape)}, but its input is {shape_text(view.shape)}."
            advice = "Only equal shapes add up: give the channels it gets, and pad each 3×3 kernel by 1."
            raise Misfit("layers", f"{what} {advice}", self.pad_branch(layer, number))
        if any(size > 1 and a != b for size, a, b in zip(view.grid, view.jump, out.jump, strict=True)):
            raise Misfit(
                "layers",
                "the branch moves over the image at another stride than its input. Use stride 1 in it.",
            )
        # A sum sees what the branch or the input sees: the interval around both.
        low = [min(each.start[axis] - each.field[axis] / 2 for each in (view, out)) for axis in (0, 1)]
        high = [max(each.start[axis] + each.field[axis] / 2 for each in (view, out)) for axis in (0, 1)]
        size = round(high[0] - low[0]), round(high[1] - low[1])
        return replace(out, field=size, start=((low[0] + high[0]) / 2, (low[1] + high[1]) / 2))

    def pad_branch(self, layer: Residual, number: int) -> Fix | None:
        """The branch with its odd stride-1 kernels padded, if that gives it the shape of its input."""
        padded = tuple(_padded(inner) for inner in layer.layers)
        mended = edit.replace(self.spec, number, layer.model_copy(update={"layers": padded}))
        if padded == layer.layers or any(found.layer == number for found in analyze(mended).problems):
            return None
        return Fix("Pad the branch so that its map keeps its size", mended)

    def check_output(self, view: View) -> None:
        if view.shape == (CLASSES,):
            return
        last = max(number for number, report in self.reports.items() if report.view)
        fix = self.mend_output(view)
        what = f"the output is {shape_text(view.shape)}, but must be {CLASSES} logits, one a digit."
        self.problem(last, None, f"{what} {fix.label}.", fix)

    def mend_output(self, view: View) -> Fix:
        linears = [
            number
            for number, report in self.reports.items()
            if isinstance(report.layer, Linear) and report.view
        ]
        if len(view.shape) == 1 and linears:
            return Site(self.spec, linears[-1]).set("out_features", CLASSES)
        head: list[Layer] = []
        if len(view.shape) == 3:
            head += [Flatten()] if view.grid == (1, 1) else [GlobalAvgPool2d(), Flatten()]
        if view.shape[0] != CLASSES:
            head.append(Linear(out_features=CLASSES))
        label = f"Append {', '.join(layer.kind for layer in head)}"
        return Fix(label, edit.insert(self.spec, len(self.reports) + 1, *head))


def _repeatable(before: LayerReport, effect: Effect) -> bool:
    """True where one module can serve both applications of a layer."""
    first, second = before.output_shape, effect.view.shape
    same_channels = first is not None and first[0] == second[0]
    same_shape = first == second or not isinstance(before.layer, LayerNorm)
    return before.weights == effect.weights and same_channels and same_shape


def _padded(layer: Layer) -> Layer:
    if isinstance(layer, Conv2d) and pair(layer.stride) == (1, 1):
        kernel = effective(layer.kernel_size, layer.dilation)
        return layer.model_copy(update={"padding": one_or_two((kernel[0] // 2, kernel[1] // 2))})
    return layer


_RANGES: dict[type[Layer], list[tuple[str, Limits]]] = {
    cls: [
        (name, limits)
        for name, info in cls.model_fields.items()
        for limits in info.metadata
        if isinstance(limits, Limits)
    ]
    for cls in KINDS.values()
}
