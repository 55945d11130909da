"""What one layer does to a view and what it costs: one rule a kind, after the docs of `torch.nn`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import gcd, prod
from typing import Any

from . import edit
from .layers import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Dropout2d,
    Flatten,
    GlobalAvgPool2d,
    GroupNorm,
    InstanceNorm,
    Layer,
    LayerNorm,
    Linear,
    MaxPool2d,
    Pair,
    PReLU,
    Shape,
)
from .limits import MAX_CHANNELS
from .spec import Fix, ModelSpec
from .view import View, effective, pair


class Misfit(Exception):
    """A layer that cannot take what it gets; what follows it has no shape."""

    def __init__(self, field: str | None, message: str, fix: Fix | None = None) -> None:
        super().__init__(message)
        self.field, self.message, self.fix = field, message, fix


@dataclass(frozen=True)
class Site:
    """Where a layer stands, to say how its problem is mended in one step."""

    spec: ModelSpec
    number: int

    def set(self, field: str, value: Any) -> Fix:
        return Fix(
            f"Set {field} to {number_text(value)}", edit.set_field(self.spec, self.number, field, value)
        )

    def insert(self, layer: Layer) -> Fix:
        return Fix(f"Insert {layer.kind} before it", edit.insert(self.spec, self.number, layer))

    def replace(self, layer: Layer) -> Fix:
        return Fix(f"Use {layer.kind} instead", edit.replace(self.spec, self.number, layer))

    def delete(self) -> Fix:
        return Fix("Delete the layer", edit.delete(self.spec, self.number))


@dataclass(frozen=True)
class Effect:
    """The view after a layer, its weights by their torch names, and its MACs for one image."""

    view: View
    weights: dict[str, Shape]
    macs: int = 0


def apply(layer: Layer, view: View, site: Site) -> Effect:
    """What `layer` makes of `view`; raises Misfit."""
    rule = _RULES.get(type(layer))
    return rule(layer, view, site) if rule else Effect(view, {})


def _conv2d(layer: Conv2d, view: View, site: Site) -> Effect:
    in_channels = _channels(layer, view)
    if in_channels % layer.groups:
        fix = site.set("groups", gcd(in_channels, layer.groups))
        what = f"groups is {layer.groups}, but must divide the {in_channels} incoming channels."
        raise Misfit("groups", f"{what} {fix.label}.", fix)
    if layer.out_channels % layer.groups:
        fits = min(-(-layer.out_channels // layer.groups), MAX_CHANNELS // layer.groups) * layer.groups
        fix = site.set("out_channels", fits)
        what = f"out_channels is {layer.out_channels}, but must be a multiple of groups {layer.groups}."
        raise Misfit("out_channels", f"{what} {fix.label}.", fix)
    kernel, stride, padding = (
        effective(layer.kernel_size, layer.dilation),
        pair(layer.stride),
        pair(layer.padding),
    )
    grid = _slide(layer, view, site, kernel, stride, padding)
    weight = (layer.out_channels, in_channels // layer.groups, *pair(layer.kernel_size))
    out = view.slide((layer.out_channels, *grid), kernel, stride, padding)
    return Effect(out, _weight_and_bias(weight, layer.bias), prod(weight) * prod(grid))


def _pool(layer: MaxPool2d | AvgPool2d, view: View, site: Site) -> Effect:
    channels = _channels(layer, view)
    window, padding = pair(layer.kernel_size), pair(layer.padding)
    stride = window if layer.stride is None else pair(layer.stride)
    half = (window[0] // 2, window[1] // 2)
    if padding[0] > half[0] or padding[1] > half[1]:
        fix = site.set("padding", one_or_two(half))
        half_of = f"half the kernel {number_text(layer.kernel_size)}"
        what = f"padding is {number_text(layer.padding)}, but must be at most {half_of}."
        raise Misfit("padding", f"{what} {fix.label}.", fix)
    dilation = pair(layer.dilation) if isinstance(layer, MaxPool2d) else (1, 1)
    kernel = effective(window, dilation)
    grid = _slide(layer, view, site, kernel, stride, padding)
    if any(map(_misses, view.grid, grid, stride, padding, dilation)):
        fix = site.set("dilation", 1)
        gets = f"the incoming map is {shape_text(view.grid)} with padding {number_text(layer.padding)}"
        what = f"dilation is {number_text(one_or_two(dilation))}, but {gets}"
        raise Misfit("dilation", f"{what}: a window has all its values in the padding. {fix.label}.", fix)
    return Effect(view.slide((channels, *grid), kernel, stride, padding), {})


def _misses(size: int, windows: int, stride: int, padding: int, dilation: int) -> bool:
    """Whether a window that begins in the padding steps over the whole map."""
    starts = range(-padding, min(0, windows * stride - padding), stride)
    return any(start % dilation >= size for start in starts)


def _global_avg_pool2d(layer: GlobalAvgPool2d, view: View, site: Site) -> Effect:
    return Effect(view.cover((_channels(layer, view), 1, 1)), {})


def _flatten(layer: Flatten, view: View, site: Site) -> Effect:
    return Effect(replace(view, shape=(prod(view.shape),)), {})


def _linear(layer: Linear, view: View, site: Site) -> Effect:
    if len(view.shape) == 3:
        what = f"linear needs a vector, but gets a map {shape_text(view.shape)}."
        raise Misfit(None, f"{what} Insert flatten before it.", site.insert(Flatten()))
    weight = (layer.out_features, view.shape[0])
    return Effect(view.cover((layer.out_features,)), _weight_and_bias(weight, layer.bias), prod(weight))


def _batch_norm2d(layer: BatchNorm2d, view: View, site: Site) -> Effect:
    return Effect(view, _scale_and_shift((_channels(layer, view),), layer.affine))


def _group_norm(layer: GroupNorm, view: View, site: Site) -> Effect:
    channels = view.shape[0]
    if channels % layer.num_groups:
        fix = site.set("num_groups", gcd(channels, layer.num_groups))
        what = f"num_groups is {layer.num_groups}, but must divide the {channels} incoming channels."
        raise Misfit("num_groups", f"{what} {fix.label}.", fix)
    if prod(view.shape) == layer.num_groups:
        what = "each group has a single value, so that normalising leaves 0."
        raise Misfit("num_groups", f"{what} Use fewer groups, or delete the layer.", site.delete())
    return Effect(view, _scale_and_shift((channels,), layer.affine))


def _layer_norm(layer: LayerNorm, view: View, site: Site) -> Effect:
    return Effect(view, _scale_and_shift(view.shape, layer.elementwise_affine))


def _instance_norm(layer: InstanceNorm, view: View, site: Site) -> Effect:
    channels = _channels(layer, view)
    if view.grid == (1, 1):
        what = "each channel has a single value (a 1×1 map), so that normalising leaves 0."
        raise Misfit(None, f"{what} Delete the layer.", site.delete())
    return Effect(view, _scale_and_shift((channels,), layer.affine))


def _prelu(layer: PReLU, view: View, site: Site) -> Effect:
    if layer.num_parameters not in (1, view.shape[0]):
        fix = site.set("num_parameters", view.shape[0])
        what = f"num_parameters is {layer.num_parameters}, but must be 1 or the {view.shape[0]} channels."
        raise Misfit("num_parameters", f"{what} {fix.label}.", fix)
    return Effect(view, {"weight": (layer.num_parameters,)})


def _dropout2d(layer: Dropout2d, view: View, site: Site) -> Effect:
    if len(view.shape) != 3:
        what = f"dropout2d drops whole channels, but gets a vector of {view.shape[0]}."
        raise Misfit(None, f"{what} Use dropout instead.", site.replace(Dropout(p=layer.p)))
    return Effect(view, {})


_RULES: dict[type[Layer], Callable[[Any, View, Site], Effect]] = {
    Conv2d: _conv2d,
    MaxPool2d: _pool,
    AvgPool2d: _pool,
    GlobalAvgPool2d: _global_avg_pool2d,
    Flatten: _flatten,
    Linear: _linear,
    BatchNorm2d: _batch_norm2d,
    GroupNorm: _group_norm,
    LayerNorm: _layer_norm,
    InstanceNorm: _instance_norm,
    PReLU: _prelu,
    Dropout2d: _dropout2d,
}


def _weight_and_bias(weight: Shape, bias: bool) -> dict[str, Shape]:
    return {"weight": weight, "bias": weight[:1]} if bias else {"weight": weight}


def _scale_and_shift(shape: Shape, learned: bool) -> dict[str, Shape]:
    return {"weight": shape, "bias": shape} if learned else {}


def _channels(layer: Layer, view: View) -> int:
    """The channels of the incoming map; a vector is a misfit."""
    if len(view.shape) != 3:
        what = f"{layer.kind} needs a map (C, H, W), but gets a vector of {view.shape[0]}."
        raise Misfit(None, f"{what} Move it before flatten, or delete it.")
    return view.shape[0]


def _slide(
    layer: Conv2d | MaxPool2d | AvgPool2d, view: View, site: Site, kernel: Pair, stride: Pair, padding: Pair
) -> Pair:
    """Height and width of the map that a sliding window gives; a window that does not fit is a misfit."""
    grid = []
    for size, k, s, p in zip(view.grid, kernel, stride, padding, strict=True):
        room = size + 2 * p - k
        if isinstance(layer, Conv2d) or not layer.ceil_mode:
            grid.append(room // s + 1)
        else:
            out = -(-room // s) + 1
            grid.append(out - 1 if (out - 1) * s >= size + p else out)  # no window starts beyond the map
    if min(grid) < 1:
        raise _too_large(layer, view, site, kernel, padding)
    return grid[0], grid[1]


def _too_large(
    layer: Conv2d | MaxPool2d | AvgPool2d, view: View, site: Site, kernel: Pair, padding: Pair
) -> Misfit:
    taps = pair(layer.kernel_size)
    need = tuple(
        max(0, p, -(-(k - size) // 2)) for k, size, p in zip(kernel, view.grid, padding, strict=True)
    )
    fits = tuple(min(k, size + 2 * p) for k, size, p in zip(kernel, view.grid, padding, strict=True))
    dilated = f", reaching over {number_text(one_or_two(kernel))} with its dilation" if kernel != taps else ""
    what = (
        f"kernel_size is {number_text(layer.kernel_size)}{dilated}, but the incoming map is "
        f"{shape_text(view.grid)} with padding {number_text(layer.padding)}."
    )
    if isinstance(layer, Conv2d) or (need[0] <= taps[0] // 2 and need[1] <= taps[1] // 2):
        fix = site.set("padding", one_or_two(need))
        advice = f"Use at most {number_text(one_or_two(fits))}, or padding {number_text(one_or_two(need))}."
    elif kernel == taps:
        fix = site.set("kernel_size", one_or_two(fits))
        advice = f"Use at most {number_text(one_or_two(fits))}."
    else:
        fix = site.set("dilation", 1)
        advice = "Use dilation 1."
    return Misfit("kernel_size", f"{what} {advice}", fix)


def one_or_two(values: tuple[Any, ...]) -> Any:
    """(3, 3) as 3; what differs on the two axes stays a pair."""
    return values[0] if values[0] == values[1] else values


def shape_text(values: tuple[int, ...]) -> str:
    """(16, 24, 24) as 16×24×24; (10,) as 10."""
    return "×".join(f"{value:,}" for value in values)


def number_text(value: Any) -> str:
    """A field's value as a person writes it: 3, 3×1, 0.1, 1,000."""
    if isinstance(value, tuple):
        return "×".join(map(number_text, value))
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
