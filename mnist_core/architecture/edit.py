"""Edits of a design: every function gives a new spec. Layers go by their number from 1 (`ModelSpec.walk`).

Numbers that do not exist raise IndexError; values of the wrong type raise SpecError.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from .layers import Container, Layer
from .spec import ModelSpec, Problem, SpecError


def count(layer: Layer) -> int:
    """Numbers that a layer takes: its own and those of what it contains."""
    return 1 + (sum(map(count, layer.layers)) if isinstance(layer, Container) else 0)


def get(spec: ModelSpec, number: int) -> Layer:
    """The layer with this number."""
    for found, _, layer in spec.walk():
        if found == number:
            return layer
    raise IndexError(f"there is no layer {number}")


def replace(spec: ModelSpec, number: int, *layers: Layer) -> ModelSpec:
    """The layer `number` gives way to `layers` (none: it is deleted)."""
    get(spec, number)
    return _with_layers(spec, _replace(spec.layers, number, layers))


def _replace(siblings: tuple[Layer, ...], number: int, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    result: list[Layer] = []
    first = 1  # number of the sibling, counted from the number of the first one
    for sibling in siblings:
        size = count(sibling)
        if first == number:
            result += layers
        elif isinstance(sibling, Container) and first < number < first + size:
            inner = _replace(sibling.layers, number - first, layers)
            result.append(sibling.model_copy(update={"layers": inner}))
        else:
            result.append(sibling)
        first += size
    return tuple(result)


def delete(spec: ModelSpec, number: int) -> ModelSpec:
    """Without the layer `number` and what it contains."""
    return replace(spec, number)


def insert(spec: ModelSpec, number: int, *layers: Layer) -> ModelSpec:
    """`layers` before the layer `number`, as its siblings; one past the last number appends."""
    if number == sum(map(count, spec.layers)) + 1:
        return _with_layers(spec, (*spec.layers, *layers))
    return replace(spec, number, *layers, get(spec, number))


def insert_after(spec: ModelSpec, number: int, *layers: Layer) -> ModelSpec:
    """`layers` after the layer `number`, as its siblings."""
    return replace(spec, number, get(spec, number), *layers)


def append_inside(spec: ModelSpec, number: int, *layers: Layer) -> ModelSpec:
    """`layers` at the end of the container `number`."""
    container = get(spec, number)
    if not isinstance(container, Container):
        raise IndexError(f"layer {number} ({container.kind}) contains no layers")
    return replace(spec, number, container.model_copy(update={"layers": (*container.layers, *layers)}))


def duplicate(spec: ModelSpec, number: int) -> ModelSpec:
    """The layer `number` twice in a row."""
    return insert_after(spec, number, get(spec, number))


def move(spec: ModelSpec, number: int, before: int) -> ModelSpec:
    """The layer `number` to the place before the layer that now has the number `before`."""
    layer = get(spec, number)
    size = count(layer)
    if number <= before <= number + size:
        return spec
    return insert(delete(spec, number), before - size if before > number else before, layer)


def set_field(spec: ModelSpec, number: int, field: str, value: Any) -> ModelSpec:
    """The layer `number` with another value in one field."""
    layer = get(spec, number)
    try:
        changed = type(layer)(**{**dict(layer), field: value})
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"]
        message = f"{field} cannot be {value!r:.40}: {reason[0].lower()}{reason[1:]}."
        raise SpecError((Problem(number, field, message, layer.kind),)) from None
    return replace(spec, number, changed)


def _with_layers(spec: ModelSpec, layers: tuple[Layer, ...]) -> ModelSpec:
    return spec.model_copy(update={"layers": layers})
