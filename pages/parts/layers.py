"""The layer list of the Design page: what it shows of a design, and what its edits do to it."""

from __future__ import annotations

from collections.abc import Callable
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from mnist_core.architecture import edit
from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.groups import GROUPS
from mnist_core.architecture.layers import KINDS, Container, Layer
from mnist_core.architecture.limits import Limits
from mnist_core.architecture.report import Analysis, LayerReport
from mnist_core.architecture.rules import number_text, one_or_two, shape_text
from mnist_core.architecture.spec import ModelSpec, Problem, SpecError

from . import state
from .component import component

_mount = component(__file__)

SHORTCUTS = ("conv block", "transition block", "output block (1×1, GAP)", "output block (GAP, linear)")
_FAMILIES = {
    "weight": ("conv2d", "linear"),
    "norm": ("batch_norm2d", "group_norm", "layer_norm", "instance_norm"),
    "dropout": ("dropout", "dropout2d"),
    "pool": ("max_pool2d", "avg_pool2d", "global_avg_pool2d"),
    "container": ("residual", "repeat"),
    "shape": ("flatten", "log_softmax"),
}
_STARTS: dict[str, dict[str, Any]] = {
    "conv2d": {"out_channels": 16, "kernel_size": 3},
    "linear": {"out_features": 10},
    "group_norm": {"num_groups": 4},
    "max_pool2d": {"kernel_size": 2},
    "avg_pool2d": {"kernel_size": 2},
    "dropout": {"p": 0.1},
    "dropout2d": {"p": 0.1},
}  # what a new layer starts with where torch has no default, or one that is too strong here


def layer_list(analysis: Analysis, key: str = "layers") -> None:
    """Shows the design and lets it be edited; edits go to the state before the page is drawn again."""
    _mount(key=key, data=_data(analysis), on_edit_change=lambda: _take(state.trigger(key, "edit")))


def _take(events: Any) -> None:
    """Makes the edits that have not been made yet; each comes again until the list knows that it was."""
    for event in events if isinstance(events, list) else []:
        stamp = event.get("stamp") if isinstance(event, dict) else None
        if isinstance(stamp, int) and state.take_edit(stamp):
            _edit(event)


def _edit(event: dict[str, Any]) -> None:
    match event.get("op"):
        case "undo":
            state.undo()
        case "redo":
            state.redo()
        case _:
            try:
                typing = (event.get("n"), event.get("field")) if event.get("op") == "set" else None
                state.set_spec(edited(state.current_spec(), event), typing)
            except SpecError as error:
                state.set_notice(str(error))


def edited(spec: ModelSpec, event: dict[str, Any]) -> ModelSpec:
    """The design after an edit that the list sent. What comes from a browser may be anything: SpecError."""
    operations: dict[str, Callable[..., ModelSpec]] = {
        "set": lambda n, field, value: edit.set_field(spec, n, field, _from_json(value)),
        "insert": lambda n, add: edit.insert(spec, n, *new_layers(add)),
        "inside": lambda n, add: edit.append_inside(spec, n, *new_layers(add)),
        "delete": lambda n: edit.delete(spec, n),
        "duplicate": lambda n: edit.duplicate(spec, n),
        "move": lambda n, before: edit.move(spec, n, before),
        "fix": lambda index: _fixed(spec, index),
    }
    arguments = {name: value for name, value in event.items() if name not in ("op", "stamp")}
    try:
        return operations[event["op"]](**arguments)
    except (KeyError, IndexError, TypeError):
        message = "This edit does not fit the design any more; look at it again and repeat the step."
        raise SpecError((Problem(None, None, message),)) from None


def _from_json(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _fixed(spec: ModelSpec, index: int) -> ModelSpec:
    fix = analyze(spec).problems[index].fix
    return fix.spec if fix else spec


def new_layers(name: str) -> tuple[Layer, ...]:
    """The layers that a name in the insert menu stands for: a ready-made group, or one layer."""
    return GROUPS[name].layers if name in GROUPS else (KINDS[name](**_STARTS.get(name, {})),)


# -- what the list shows --


def _data(analysis: Analysis) -> dict[str, Any]:
    found: dict[int | None, list[dict[str, Any]]] = {}
    for index, problem in enumerate(analysis.problems):
        label = problem.fix.label if problem.fix else None
        entry = {"index": index, "layer": problem.layer, "message": problem.message, "fix": label}
        found.setdefault(problem.layer, []).append(entry)
    total = max(analysis.params, 1)
    marks = _marks(analysis)
    return {
        "taken": state.last_edit(),
        "rows": [
            _row(report, total, found.get(report.index, []), marks.get(report.index, []))
            for report in analysis.layers
        ],
        "problems": found.get(None, []),
        "kinds": _SCHEMA,
        "groups": {name: group.help for name, group in GROUPS.items()},
        "shortcuts": SHORTCUTS,
    }


_MIXED = (
    "It keeps one running mean and variance, but is applied several times. In training each pass is "
    "normalised by its own batch, in the test by their mixture, which fits none: the test accuracy falls far "
    "below that in training. Put it after the repeat, or use group_norm."
)


def _marks(analysis: Analysis) -> dict[int, list[dict[str, str]]]:
    """What is worth a mark: the field that reaches a MaxPool, the first layer that sees a digit or all of it,
    and a BatchNorm that is repeated.
    """
    marks: dict[int, list[dict[str, str]]] = {}
    for report in analysis.mixed_norms:
        marks[report.index] = [{"text": "mixed statistics", "help": _MIXED}]
    for report in analysis.active:
        if report.kind == "max_pool2d" and report.incoming:
            field = number_text(one_or_two(report.incoming.field))
            mark = {"text": f"gets {field} px", "help": "receptive field that reaches this MaxPool"}
            marks.setdefault(report.index, []).append(mark)
    _, height, width = analysis.spec.input_shape
    whole = ((0, height), (0, width))
    seen: list[tuple[str, str, tuple[tuple[int, int], ...]]] = [
        ("sees all", "the first layer with a unit that sees the whole image", whole)
    ]
    if (height, width) == (28, 28):
        help = "the first layer with a unit that sees the 20×20 box in which MNIST's digits lie"
        seen.insert(0, ("sees a digit", help, ((4, 24), (4, 24))))
    for text, help, region in seen:
        first = next((r for r in analysis.active if r.view and r.view.sees(region)), None)
        if first:
            marks.setdefault(first.index, []).append({"text": text, "help": help})
    return marks


def _row(
    report: LayerReport, total: int, problems: list[dict[str, Any]], marks: list[dict[str, str]]
) -> dict[str, Any]:
    view = report.view
    names = [field["name"] for field in _SCHEMA[report.kind]["fields"]]
    return {
        "n": report.index,
        "depth": report.depth,
        "kind": report.kind,
        "enabled": report.layer.enabled,
        "summary": summary(report.layer),
        "values": {name: getattr(report.layer, name) for name in names},
        "shape": shape_text(view.shape) if view else None,
        "field": number_text(one_or_two(view.field)) if view else None,
        "params": f"{report.params:,}" if view else None,
        "share": round(100 * report.params / total, 1),
        "problems": problems,
        "marks": marks,
    }


def summary(layer: Layer) -> str:
    """A layer's fields as a person would say them, defaults left out: 16 · 3×3 · padding 1 · no bias."""
    parts = []
    for name, info in type(layer).model_fields.items():
        value = getattr(layer, name)
        if name in ("kind", "enabled", "layers") or (value == info.default and name not in ("p", "times")):
            continue
        if name in ("out_channels", "out_features", "num_groups", "num_parameters"):
            parts.append(f"{value:,}")
        elif name == "kernel_size":
            parts.append(number_text(value if isinstance(value, tuple) else (value, value)))
        elif isinstance(value, bool):
            parts.append(name if value else f"no {name}")
        elif name == "times":
            parts.append(f"{value} times")
        else:
            parts.append(f"{name} {value if isinstance(value, str) else number_text(value)}")
    return " · ".join(parts)


def _schema(kind: str, cls: type[Layer]) -> dict[str, Any]:
    family = next((family for family, kinds in _FAMILIES.items() if kind in kinds), "activation")
    fields = [
        _field(name, info)
        for name, info in cls.model_fields.items()
        if name not in ("kind", "enabled", "layers")
    ]
    return {"family": family, "help": cls.__doc__, "fields": fields, "container": issubclass(cls, Container)}


def _field(name: str, info: Any) -> dict[str, Any]:
    kind, options = _type(info.annotation)
    limits = next((one for one in info.metadata if isinstance(one, Limits)), Limits(0, 0))
    return {
        "name": name,
        "type": kind,
        "options": options,
        "optional": type(None) in get_args(info.annotation),
        "low": limits.low,
        "high": limits.high,
        "help": info.description + (f" ({limits.low:g} to {limits.high:g})" if info.metadata else ""),
    }


def _type(annotation: Any) -> tuple[str, tuple[str, ...]]:
    if get_origin(annotation) is Literal:
        return "choice", get_args(annotation)
    if get_origin(annotation) in (Union, UnionType):
        return "pair", ()
    return {bool: "bool", int: "int", float: "float"}[annotation], ()


_SCHEMA = {kind: _schema(kind, cls) for kind, cls in KINDS.items()}
