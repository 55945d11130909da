"""Random changes of a batch of images, drawn and applied on the device in a few tensor operations.

For fixed parameters `affine` gives what torchvision.transforms.v2.functional.affine gives, image by image;
parameters are drawn from the distributions of RandomAffine, ColorJitter, CenterCrop and RandomErasing.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from mnist_core.training.augmentation import Augmentation

_ERASING_TRIES = 10  # as RandomErasing: draw again when the rectangle does not fit


def normalized(images: Tensor, mean: float, std: float) -> Tensor:
    """uint8 (N, H, W) -> float32 (N, 1, H, W), (grey - mean) / std with grey in [0, 1]."""
    return images.unsqueeze(1).float().mul_(1 / (255 * std)).sub_(mean / std)


def augmented(
    images: Tensor, augmentation: Augmentation, mean: float, std: float, generator: Generator
) -> Tensor:
    """uint8 (N, H, W) -> augmented and normalised float32 (N, 1, H, W). `generator` is on their device."""
    if not augmentation.active:
        return normalized(images, mean, std)
    grey = changed(images.unsqueeze(1).float().mul_(1 / 255), augmentation, generator)
    ready = grey.mul_(1 / std).sub_(mean / std)
    return _erased(ready, augmentation, generator) if augmentation.erasing else ready


def changed(grey: Tensor, augmentation: Augmentation, generator: Generator) -> Tensor:
    """All but normalisation and erasing: grey values (N, 1, H, W) in [0, 1] -> the same shape and range."""
    if augmentation.before is not None:
        grey = changed(grey, augmentation.before, generator)
    if augmentation.crops:
        grey = _cropped(grey, augmentation, generator)
    if augmentation.affine:
        grey = _randomly_affine(grey, augmentation, generator)
    if augmentation.brightness or augmentation.contrast:
        grey = _jittered(grey, augmentation, generator)
    return grey


def affine(
    grey: Tensor,
    angle: Tensor,
    translate: Tensor,
    scale: Tensor,
    shear: Tensor,
    interpolation: str = "bilinear",
    fill: float = 0,
) -> Tensor:
    """Turn, shift, zoom and shear each image (N, 1, H, W) about its centre, in one resampling.

    angle (N,): degrees clockwise; translate (2, N): pixels right and down; scale (N,): above 1 enlarges;
    shear (N,): degrees along x. `fill` is what lies outside the image. The matrix is the inverse of
    translate · rotate · scale · shear, in torchvision's order and sign.
    """
    height, width = grey.shape[-2:]
    grid = _grid(_inverse_matrix(angle, translate, scale, shear), height, width)
    if fill == 0:
        return F.grid_sample(grey, grid, mode=interpolation, align_corners=False)
    if interpolation == "nearest":
        return F.grid_sample(grey - fill, grid, mode="nearest", align_corners=False) + fill
    # torchvision samples a mask of ones along, and fades to `fill` where the mask does; so do we
    both = F.grid_sample(
        torch.cat([grey, torch.ones_like(grey)], 1), grid, mode="bilinear", align_corners=False
    )
    sampled, inside = both.split(1, dim=1)
    return (sampled - fill) * inside + fill


def _inverse_matrix(angle: Tensor, translate: Tensor, scale: Tensor, shear: Tensor) -> Tensor:
    """(N, 2, 3): where each output pixel comes from, in pixels from the centre."""
    turn = torch.deg2rad(angle)
    cos, sin, slope = turn.cos(), turn.sin(), torch.deg2rad(shear).tan()
    a, b = cos, -(cos * slope + sin)
    c, d = sin, cos - sin * slope
    inverse = torch.stack([d, -b, -c, a]) / scale
    x = -(inverse[0] * translate[0] + inverse[1] * translate[1])
    y = -(inverse[2] * translate[0] + inverse[3] * translate[1])
    return torch.stack([inverse[0], inverse[1], x, inverse[2], inverse[3], y], dim=1).view(-1, 2, 3)


def _grid(matrix: Tensor, height: int, width: int) -> Tensor:
    """(N, H, W, 2): sampling points in grid_sample's units, where -1 and 1 are the image's edges.

    One product of (2N, 3) with (3, HW): four times as fast as affine_grid's N small products.
    """
    device = matrix.device
    x = torch.linspace((1 - width) / 2, (width - 1) / 2, width, device=device).repeat(height)
    y = torch.linspace((1 - height) / 2, (height - 1) / 2, height, device=device).repeat_interleave(width)
    places = torch.stack([x, y, torch.ones_like(x)])
    # numbers, not tensors of numbers: those would have to be copied to the device, which waits for it
    units = torch.stack([matrix[:, 0] * (2 / width), matrix[:, 1] * (2 / height)], dim=1)
    points = units.reshape(-1, 3) @ places
    return points.view(-1, 2, height, width).permute(0, 2, 3, 1)


def _uniform(generator: Generator, shape: tuple[int, ...], low: float = 0, high: float = 1) -> Tensor:
    values = torch.rand(shape, generator=generator, device=generator.device)
    return values if (low, high) == (0, 1) else values * (high - low) + low


def _randomly_affine(grey: Tensor, augmentation: Augmentation, generator: Generator) -> Tensor:
    count, _, height, width = grey.shape
    draw = _uniform(generator, (5, count), -1, 1)
    shift = draw[1:3] * augmentation.translation
    low, high = augmentation.scale
    return affine(
        grey,
        angle=draw[0] * augmentation.rotation,
        translate=torch.stack([shift[0] * width, shift[1] * height]).round(),  # whole pixels, as RandomAffine
        scale=(low + high) / 2 + draw[3] * ((high - low) / 2),
        shear=draw[4] * augmentation.shear,
        interpolation=augmentation.interpolation,
        fill=augmentation.fill,
    )


def _cropped(grey: Tensor, augmentation: Augmentation, generator: Generator) -> Tensor:
    """RandomApply(CenterCrop(size) and Resize back): the middle, enlarged to the old size."""
    height, width = grey.shape[-2:]
    size = min(augmentation.center_crop, height, width)
    top, left = round((height - size) / 2), round((width - size) / 2)
    middle = grey[..., top : top + size, left : left + size]
    enlarged = F.interpolate(middle, size=(height, width), mode="bilinear", align_corners=False)
    chosen = _uniform(generator, (len(grey), 1, 1, 1)) < augmentation.center_crop_probability
    return torch.where(chosen, enlarged, grey)


def brightened(grey: Tensor, factor: Tensor) -> Tensor:
    """adjust_brightness: grey · factor, within [0, 1]. factor (N, 1, 1, 1)."""
    return (grey * factor).clamp_(0, 1)


def contrasted(grey: Tensor, factor: Tensor) -> Tensor:
    """adjust_contrast: away from the image's mean by `factor` (N, 1, 1, 1), within [0, 1]."""
    mean = grey.mean(dim=(1, 2, 3), keepdim=True)
    return torch.lerp(mean, grey, factor).clamp_(0, 1)


def _jittered(grey: Tensor, augmentation: Augmentation, generator: Generator) -> Tensor:
    """ColorJitter of grey images, where saturation and hue change nothing; each image has its own order."""
    draw = _uniform(generator, (3, len(grey), 1, 1, 1), -1, 1)
    bright, contrast = 1 + draw[0] * augmentation.brightness, 1 + draw[1] * augmentation.contrast
    if not augmentation.contrast:
        return brightened(grey, bright)
    if not augmentation.brightness:
        return contrasted(grey, contrast)
    one, other = (
        contrasted(brightened(grey, bright), contrast),
        brightened(contrasted(grey, contrast), bright),
    )
    return torch.where(draw[2] < 0, one, other)


def _erased(images: Tensor, augmentation: Augmentation, generator: Generator) -> Tensor:
    """RandomErasing: area and log(height / width) uniform, a place where the rectangle fits, one value."""
    count, _, height, width = images.shape
    tries = (_ERASING_TRIES, count)
    area = _uniform(generator, tries, *augmentation.erasing_scale) * (height * width)
    ratio = _uniform(generator, tries, *(math.log(end) for end in augmentation.erasing_ratio)).exp()
    tall, wide = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (tall < height) & (wide < width)
    first = fits.float().argmax(dim=0, keepdim=True)  # the first try that fits
    tall, wide, fits = (each.gather(0, first).view(-1, 1, 1, 1) for each in (tall, wide, fits))
    draw = _uniform(generator, (3, count, 1, 1, 1))
    top = (draw[0] * (height - tall + 1)).floor()
    left = (draw[1] * (width - wide + 1)).floor()
    row = torch.arange(height, device=images.device).view(1, 1, -1, 1)
    column = torch.arange(width, device=images.device).view(1, 1, 1, -1)
    inside = (row >= top) & (row < top + tall) & (column >= left) & (column < left + wide)
    chosen = (draw[2] < augmentation.erasing) & fits
    return images.masked_fill(inside & chosen, augmentation.erasing_value)
