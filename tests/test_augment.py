"""Batched augmentation: for fixed parameters it is torchvision's, within a grey level."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torchvision import transforms
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as TF

from mnist_core.training import augment, synthetic
from mnist_core.training.augmentation import Augmentation

GREY_LEVEL = 1 / 255


@pytest.fixture(scope="module")
def digits() -> Tensor:
    """uint8 (64, 28, 28)."""
    return torch.from_numpy(synthetic.render(64, np.random.default_rng(5))[0])


def noise(count: int) -> Tensor:
    """uint8 (N, 28, 28) with ink up to the border."""
    return torch.randint(
        0, 256, (count, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def oracle(images: Tensor, parameters: list[list[float]], mode: str, fill: float | None) -> Tensor:
    """torchvision, one image at a time, on grey values in [0, 1]."""
    return torch.stack(
        [
            TF.affine(
                image[None].float() / 255,
                angle=angle,
                translate=[x, y],
                scale=scale,
                shear=[shear, 0],
                interpolation=InterpolationMode(mode),
                fill=None if fill is None else [fill],
            )
            for image, (angle, x, y, scale, shear) in zip(images, parameters, strict=True)
        ]
    )


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("fill", [None, 1 / 255, 1.0])
@pytest.mark.parametrize("content", ["digits", "noise"])
def test_fixed_parameters_give_torchvisions_image(
    digits: Tensor, mode: str, fill: float | None, content: str
) -> None:
    images = digits if content == "digits" else noise(64)
    draw = np.random.default_rng(0)
    low, high = (-180, -5, -5, 0.5, -40), (180, 5, 5, 2, 40)
    parameters = [draw.uniform(low, high).tolist() for _ in images]
    parameters = [[angle, round(x), round(y), scale, shear] for angle, x, y, scale, shear in parameters]
    angle, x, y, scale, shear = torch.tensor(parameters, dtype=torch.float32).T
    ours = augment.affine(
        images[:, None].float() / 255, angle, torch.stack([x, y]), scale, shear, mode, fill or 0
    )
    off = (ours - oracle(images, parameters, mode, fill)).abs()
    if mode == "bilinear":
        assert off.max() <= GREY_LEVEL
    else:  # a sampling point on the border of two pixels may fall to either
        assert (off > GREY_LEVEL).float().mean() < 1e-4


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_no_change_is_no_change(digits: Tensor, mode: str) -> None:
    still, ones = torch.zeros(64), torch.ones(64)
    grey = digits[:, None].float() / 255
    moved = augment.affine(grey, still, torch.zeros(2, 64), ones, still, mode)
    assert (moved - grey).abs().max() < 1e-4


def test_rotation_means_random_rotation(digits: Tensor) -> None:
    """RandomRotation turns the other way for the same number; the distribution is symmetric."""
    grey = digits[:8, None].float() / 255
    still, ones = torch.zeros(8), torch.ones(8)
    ours = augment.affine(grey, torch.full((8,), -10.0), torch.zeros(2, 8), ones, still, "bilinear")
    theirs = TF.rotate(grey, 10.0, interpolation=InterpolationMode.BILINEAR)
    assert (ours - theirs).abs().max() <= GREY_LEVEL


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.4])
def test_brightness_and_contrast_are_torchvisions(digits: Tensor, factor: float) -> None:
    grey = digits[:, None].float() / 255
    factors = torch.full((64, 1, 1, 1), factor)
    bright = torch.stack([TF.adjust_brightness(image, factor) for image in grey])
    contrast = torch.stack([TF.adjust_contrast(image, factor) for image in grey])
    assert (augment.brightened(grey, factors) - bright).abs().max() <= GREY_LEVEL
    assert (augment.contrasted(grey, factors) - contrast).abs().max() <= GREY_LEVEL


def test_center_crop_is_torchvisions(digits: Tensor) -> None:
    grey = digits[:, None].float() / 255
    theirs = TF.resize(TF.center_crop(grey, [22, 22]), [28, 28], antialias=True)
    ours = augment.changed(grey, Augmentation(center_crop=22), generator())
    assert (ours - theirs).abs().max() <= GREY_LEVEL


def test_center_crop_takes_its_share_of_the_images() -> None:
    grey = noise(4_000)[:, None].float() / 255
    ours = augment.changed(grey, Augmentation(center_crop=22, center_crop_probability=0.1), generator())
    share = (ours != grey).flatten(1).any(dim=1).float().mean()
    assert 0.07 < share < 0.13


def test_normalised_as_totensor_and_normalize(digits: Tensor) -> None:
    theirs = transforms.Normalize((0.1307,), (0.3081,))(digits[:, None].float() / 255)
    assert torch.allclose(augment.normalized(digits, 0.1307, 0.3081), theirs, atol=1e-5)
    off = augment.augmented(digits, Augmentation(), 0.1307, 0.3081, generator())
    assert torch.equal(off, augment.normalized(digits, 0.1307, 0.3081))


def test_same_seed_same_images_and_the_source_is_left_alone(digits: Tensor) -> None:
    everything = Augmentation(
        rotation=10,
        translation=0.1,
        scale=(0.8, 1.2),
        shear=10,
        center_crop=24,
        center_crop_probability=0.5,
        brightness=0.4,
        contrast=0.4,
        erasing=0.5,
        fill=0.1,
        before=Augmentation(rotation=6, interpolation="nearest", fill=1 / 255),
    )
    before = digits.clone()
    one, same, other = (augment.augmented(digits, everything, 0.13, 0.31, generator(s)) for s in (3, 3, 4))
    assert torch.equal(digits, before)
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert one.shape == (64, 1, 28, 28) and one.dtype == torch.float32 and one.isfinite().all()


class _OnCuda(torch.Generator):
    """Only says that it is there; where tensors have no values, it draws none."""

    device = torch.device("cuda", 0)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_everything_is_made_on_the_device_of_the_images(interpolation: str) -> None:
    """On a device that need not exist: tensors without values know where they would be, and do not mix.

    A value that is needed on the host raises, too.
    """
    everything = Augmentation(
        rotation=10,
        translation=0.1,
        shear=5,
        interpolation=interpolation,
        fill=0.5,
        center_crop=24,
        brightness=0.1,
        contrast=0.1,
        erasing=0.5,
    )
    with FakeTensorMode():
        images = torch.zeros((8, 28, 28), dtype=torch.uint8, device="cuda")
        out = augment.augmented(images, everything, 0.13, 0.31, _OnCuda())
    assert out.device == torch.device("cuda", 0) and out.shape == (8, 1, 28, 28)


def test_each_image_gets_a_change_of_its_own() -> None:
    images = noise(1).repeat(50, 1, 1)
    out = augment.augmented(images, Augmentation(rotation=10), 0.13, 0.31, generator())
    assert len(out.flatten(1).unique(dim=0)) == 50


def means_and_spread(images: Tensor) -> tuple[Tensor, Tensor]:
    return images.mean(dim=0), images.std(dim=0)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Augmentation(rotation=30, interpolation="nearest"), transforms.RandomRotation(30)),
        (
            Augmentation(rotation=7, translation=0.1, scale=(0.8, 1.2), shear=10, interpolation="nearest"),
            transforms.RandomAffine(7, translate=(0.1, 0.1), scale=(0.8, 1.2), shear=10),
        ),
        (Augmentation(brightness=0.4, contrast=0.4), transforms.ColorJitter(0.4, 0.4, 0.4, 0.1)),
    ],
)
def test_drawn_changes_are_distributed_as_torchvisions(
    digits: Tensor, ours: Augmentation, theirs: torch.nn.Module
) -> None:
    """The mean image and its spread over 1,500 draws agree to what chance allows."""
    grey = digits[:1, None].float() / 255
    torch.manual_seed(0)
    expected = torch.stack([theirs(grey[0]) for _ in range(1_500)])
    got = augment.changed(grey.repeat(1_500, 1, 1, 1), ours, generator())
    for a, b in zip(means_and_spread(expected), means_and_spread(got), strict=True):
        assert (a - b).abs().max() < 0.08 and (a - b).abs().mean() < 0.01


def test_erasing_is_distributed_as_random_erasing() -> None:
    images = torch.full((3_000, 28, 28), 255, dtype=torch.uint8)
    augmentation = Augmentation(erasing=0.6, erasing_value=-5)
    ours = augment.augmented(images, augmentation, 0.0, 1.0, generator())[:, 0]
    erase = transforms.RandomErasing(p=0.6, value=-5)
    torch.manual_seed(0)
    theirs = torch.stack([erase(torch.ones(1, 28, 28)) for _ in range(3_000)])[:, 0]
    assert set(ours.unique().tolist()) == {-5.0, 1.0}
    gone, gone_there = ours == -5, theirs == -5
    assert abs(gone.flatten(1).any(1).float().mean() - 0.6) < 0.04
    assert (gone.float().mean(0) - gone_there.float().mean(0)).abs().max() < 0.06
    area, area_there = (each.flatten(1).sum(1).float() for each in (gone, gone_there))
    assert abs(area.mean() - area_there.mean()) < 8 and abs(area.std() - area_there.std()) < 8
    filled = gone.any(2).sum(1) * gone.any(1).sum(1)
    assert torch.equal(filled, gone.flatten(1).sum(1)), "each erased region is one rectangle"
