"""What `analyze` finds: a report for every layer, the totals, and the problems."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

from .layers import BatchNorm2d, Layer, Shape
from .rules import one_or_two
from .spec import ModelSpec, Problem
from .view import View


@dataclass(frozen=True)
class LayerReport:
    """One layer's part. `view` is None where an earlier problem leaves the shape unknown.

    A layer inside `repeat` reports its last application; its MACs and its `units`, the values that it gives
    for one image, are those of all applications, of which there are `passes`. `incoming` is what reached it
    first.
    """

    index: int
    depth: int
    layer: Layer
    view: View | None = None
    weights: dict[str, Shape] = field(default_factory=dict)
    macs: int = 0
    units: int = 0
    passes: int = 0
    incoming: View | None = None

    @property
    def kind(self) -> str:
        return self.layer.kind

    @property
    def output_shape(self) -> Shape | None:
        return self.view.shape if self.view else None

    @property
    def params(self) -> int:
        """Trainable scalars."""
        return sum(map(prod, self.weights.values()))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; field, jump and start are one number, or two where the axes differ."""
        view = self.view
        return {
            "index": self.index,
            "kind": self.kind,
            "enabled": self.layer.enabled,
            "output_shape": list(view.shape) if view else None,
            "params": self.params,
            "macs": self.macs,
            "receptive_field": one_or_two(view.field) if view else None,
            "jump": one_or_two(view.jump) if view else None,
            "start": one_or_two(view.start) if view else None,
        }


@dataclass(frozen=True)
class Analysis:
    """What a design costs, what it sees and what is wrong with it."""

    spec: ModelSpec
    layers: tuple[LayerReport, ...]
    problems: tuple[Problem, ...]

    @property
    def params(self) -> int:
        return sum(report.params for report in self.layers)

    @property
    def macs(self) -> int:
        return sum(report.macs for report in self.layers)

    @property
    def units(self) -> int:
        """Values that one image's forward pass produces."""
        return sum(report.units for report in self.layers)

    @property
    def complete(self) -> bool:
        """Whether every layer that is on has a shape, so that the totals are those of the whole design."""
        return self.output is not None

    @property
    def active(self) -> tuple[LayerReport, ...]:
        """The reports of layers that take part: not disabled, shape known."""
        return tuple(report for report in self.layers if report.view)

    @property
    def mixed_norms(self) -> tuple[LayerReport, ...]:
        """The BatchNorms that are applied more than once.

        Such a layer keeps one running mean and variance for passes that have different ones. In training
        each pass is normalised by its own batch, in the test by that mixture, which fits none of them.
        """
        return tuple(one for one in self.active if isinstance(one.layer, BatchNorm2d) and one.passes > 1)

    @property
    def output(self) -> View | None:
        """The last layer's view; None for an empty design or one whose shape is unknown somewhere."""
        top = [report for report in self.layers if report.depth == 0 and report.layer.enabled]
        return top[-1].view if top else None

    def to_dict(self) -> dict[str, Any]:
        """What `analyze --json` prints."""
        return {
            "name": self.spec.name,
            "params": self.params,
            "trainable_params": self.params,
            "macs": self.macs,
            "problems": [problem_dict(problem) for problem in self.problems],
            "layers": [report.to_dict() for report in self.layers],
        }


def problem_dict(problem: Problem) -> dict[str, Any]:
    """A problem as plain data for JSON."""
    return {
        "layer": problem.layer,
        "field": problem.field,
        "message": problem.message,
        "fix": problem.fix.label if problem.fix else None,
    }
