"""What norm.py computes, as loops over maps: images (N, rows, n · C), see compiled.rows, and channels (C,).

`before` and `after` are the least value that comes through there: ZERO for a ReLU, ANY for none. `factors`
(N, C) are those of the dropout behind.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange
from numba.extending import register_jitable

from mnist_core.training.processor.compiled import (
    exp,
    load,
    parallel,
    part_of,
    repeat,
    repeated,
    serial,
    store,
)

_BLOCK = 64  # rows whose sums are float32 before they are added to those in float64
ANY, ZERO = np.float32(-np.inf), np.float32(0)  # the least value there is: without a ReLU, and after it


@register_jitable
def _rectified(value: Any, least: Any) -> Any:
    return least if value < least else value  # not max(): what is not a number must remain visible


@register_jitable
def _activated(value: Any, least: Any, silu: bool) -> Any:
    return value / (np.float32(1) + exp(-value)) if silu else _rectified(value, least)


@register_jitable
def _slope(value: Any, least: Any, silu: bool) -> Any:
    """The derivative of the activation."""
    if silu:
        sigmoid = np.float32(1) / (np.float32(1) + exp(-value))
        return sigmoid * (np.float32(1) + value * (np.float32(1) - sigmoid))
    return np.float32(0) if value <= least else np.float32(1)


@serial
def _moments(x: Any, before: Any, centre: Any, totals: Any) -> None:
    """Add Σ (x - centre) and Σ (x - centre)² of each channel to the two rows of totals."""
    images, width = max(_BLOCK // x.shape[1], 1), x.shape[2]
    centres = repeated(centre, width)
    ones, squares = np.empty(width, np.float32), np.empty(width, np.float32)
    for start in range(0, len(x), images):
        ones[:] = 0
        squares[:] = 0
        for n in range(start, min(start + images, len(x))):
            for i in range(x.shape[1]):
                for j in range(width):
                    value = _rectified(load(x[n, i, j]), before) - centres[j]
                    ones[j] += value
                    squares[j] += value * value
        _merge(ones, totals[0])
        _merge(squares, totals[1])


@register_jitable
def _merge(sums: Any, total: Any) -> None:
    """Add the sums of a row to those of the channels."""
    for start in range(0, len(sums), len(total)):
        for c in range(len(total)):
            total[c] += sums[start + c]


@register_jitable
def _apply_as(
    x: Any, before: Any, scale: Any, shift: Any, after: Any, silu: bool, factors: Any, y: Any
) -> None:
    scales, shifts = repeated(scale, x.shape[2]), repeated(shift, x.shape[2])
    kept = np.empty(x.shape[2], np.float32)
    for n in range(len(x)):
        repeat(factors[n], kept)
        for i in range(x.shape[1]):
            for j in range(x.shape[2]):
                value = _rectified(load(x[n, i, j]), before) * scales[j] + shifts[j]
                store(y, (n, i, j), _activated(value, after, silu) * kept[j])


@serial
def _apply(x: Any, before: Any, scale: Any, shift: Any, after: Any, silu: bool, factors: Any, y: Any) -> None:
    if silu:  # with a constant the loop has no branch, and fills vector registers
        _apply_as(x, ANY, scale, shift, ANY, True, factors, y)
    else:
        _apply_as(x, before, scale, shift, after, False, factors, y)


@parallel
def forward(
    x: Any,
    weight: Any,
    bias: Any,
    factors: Any,
    eps: float,
    before: Any,
    after: Any,
    silu: bool,
    momentum: float,
    parts: int,
    y: Any,
    mean: Any,
    variance: Any,
    running_mean: Any,
    running_variance: Any,
) -> None:
    """Fill y, and mean and variance of each channel; let the running ones follow them as torch's do."""
    channels = len(weight)
    centre = np.empty(channels, np.float32)  # near the mean: no small difference of large sums is taken
    for c in range(channels):
        centre[c] = _rectified(load(x[0, 0, c]), before)
    totals = np.zeros((parts, 2, channels))
    for part in prange(parts):
        _moments(part_of(x, part, parts), before, centre, totals[part])
    scale, shift = np.empty(channels, np.float32), np.empty(channels, np.float32)
    count = x.size // channels
    for c in range(channels):
        off = totals[:, 0, c].sum() / count
        mean[c] = centre[c] + off
        variance[c] = max(totals[:, 1, c].sum() / count - off * off, 0.0)
        scale[c] = weight[c] / np.sqrt(variance[c] + eps)
        shift[c] = bias[c] - mean[c] * scale[c]
        running_mean[c] += momentum * (mean[c] - running_mean[c])
        running_variance[c] += momentum * (variance[c] * count / (count - 1) - running_variance[c])
    for part in prange(parts):
        some = part_of(factors, part, parts), part_of(y, part, parts)
        _apply(part_of(x, part, parts), before, scale, shift, after, silu, *some)


@register_jitable
def _gradient_sums_as(
    x: Any,
    dy: Any,
    before: Any,
    scale: Any,
    shift: Any,
    after: Any,
    silu: bool,
    factors: Any,
    mean: Any,
    g: Any,
    totals: Any,
) -> None:
    images, width = max(_BLOCK // x.shape[1], 1), x.shape[2]
    scales, shifts, means = repeated(scale, width), repeated(shift, width), repeated(mean, width)
    kept = np.empty(width, np.float32)
    ones, products = np.empty(width, np.float32), np.empty(width, np.float32)
    for start in range(0, len(x), images):
        ones[:] = 0
        products[:] = 0
        for n in range(start, min(start + images, len(x))):
            repeat(factors[n], kept)
            for i in range(x.shape[1]):
                for j in range(width):
                    value = _rectified(load(x[n, i, j]), before)
                    gradient = (
                        load(dy[n, i, j]) * kept[j] * _slope(value * scales[j] + shifts[j], after, silu)
                    )
                    store(g, (n, i, j), gradient)
                    ones[j] += gradient
                    products[j] += gradient * (value - means[j])
        _merge(ones, totals[0])
        _merge(products, totals[1])


@serial
def _gradient_sums(
    x: Any, dy: Any, before: Any, scale: Any, shift: Any, after: Any, silu: bool, *rest: Any
) -> None:
    """Fill g, the gradient behind the norm; add Σ g and Σ g (x - mean) to the two rows of totals."""
    if silu:
        _gradient_sums_as(x, dy, ANY, scale, shift, ANY, True, *rest)
    else:
        _gradient_sums_as(x, dy, before, scale, shift, after, False, *rest)


@serial
def _apply_gradient(x: Any, before: Any, scale: Any, of_x: Any, rest: Any, g: Any) -> None:
    """g ← g · scale + x · of_x + rest, with these of each channel; 0 where x did not come through."""
    width = x.shape[2]
    scales, of_xs, rests = repeated(scale, width), repeated(of_x, width), repeated(rest, width)
    for n in range(len(x)):
        for i in range(x.shape[1]):
            for j in range(width):
                value = load(x[n, i, j])
                through = load(g[n, i, j]) * scales[j] + value * of_xs[j] + rests[j]
                store(g, (n, i, j), through * _slope(value, before, False))


@parallel
def backward(
    x: Any,
    dy: Any,
    weight: Any,
    bias: Any,
    factors: Any,
    mean: Any,
    variance: Any,
    eps: float,
    before: Any,
    after: Any,
    silu: bool,
    parts: int,
    dx: Any,
    dweight: Any,
    dbias: Any,
) -> None:
    """With n values a channel and σ² = variance + eps:

    dbias = Σ g, dweight = Σ g (x - mean) / σ,
    dx = weight / σ · (g - dbias / n - (x - mean) / σ · dweight / n)
    """
    channels = len(weight)
    scale, shift = np.empty(channels, np.float32), np.empty(channels, np.float32)
    of_x, rest = np.empty(channels, np.float32), np.empty(channels, np.float32)
    for c in range(channels):
        scale[c] = weight[c] / np.sqrt(variance[c] + eps)
        shift[c] = bias[c] - mean[c] * scale[c]
    totals = np.zeros((parts, 2, channels))
    for part in prange(parts):
        some = part_of(x, part, parts), part_of(dy, part, parts)
        kept, g = part_of(factors, part, parts), part_of(dx, part, parts)
        _gradient_sums(*some, before, scale, shift, after, silu, kept, mean, g, totals[part])
    count = x.size // channels
    for c in range(channels):
        sigma = np.sqrt(variance[c] + eps)
        dbias[c] = totals[:, 0, c].sum()
        dweight[c] = totals[:, 1, c].sum() / sigma
        of_x[c] = -scale[c] / sigma * dweight[c] / count
        rest[c] = -scale[c] * dbias[c] / count - mean[c] * of_x[c]
    for part in prange(parts):
        _apply_gradient(part_of(x, part, parts), before, scale, of_x, rest, part_of(dx, part, parts))
