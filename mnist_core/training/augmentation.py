"""How training images are changed at random, as data; `augment.py` does it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_MAX_CHAIN = 4

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class Strict(BaseModel):
    """A frozen model that takes only the fields and the types it declares."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Augmentation(Strict):
    """Random changes of every training image, drawn anew for every image of every batch.

    Order: `before`, centre crop, affine (rotation, translation, scale, shear in one resampling),
    brightness and contrast (in random order), normalisation, erasing. Each means what the torchvision
    transform of the same name means. Grey values are fractions: 0 is black, 1 is white.
    """

    rotation: float = Field(default=0, ge=0, le=180, description="Turn by up to ± this many degrees.")
    translation: float = Field(
        default=0, ge=0, le=0.5, description="Shift by up to ± this fraction of the side."
    )
    scale: tuple[Positive, Positive] = Field(default=(1, 1), description="Zoom by a factor from this range.")
    shear: float = Field(default=0, ge=0, le=60, description="Shear along x by up to ± this many degrees.")
    interpolation: Literal["nearest", "bilinear"] = Field(
        default="bilinear",
        description="How grey values between pixels are read; torchvision's default is nearest.",
    )
    fill: Fraction = Field(
        default=0, description="Grey value of what comes in from outside (a PIL fill of 1 is 1/255)."
    )
    center_crop: int = Field(
        default=0, ge=0, le=28, description="Cut this many pixels square, enlarge back; 0 = off."
    )
    center_crop_probability: Fraction = Field(default=1, description="Share of the images that are cropped.")
    brightness: float = Field(default=0, ge=0, le=1, description="Multiply grey values by 1 ± up to this.")
    contrast: float = Field(
        default=0, ge=0, le=1, description="Stretch about the image's mean by 1 ± up to this."
    )
    erasing: Fraction = Field(
        default=0, description="Share of the images in which a random rectangle is erased."
    )
    erasing_scale: tuple[Positive, Positive] = Field(
        default=(0.02, 0.33), description="Area of the erased rectangle as a fraction of the image."
    )
    erasing_ratio: tuple[Positive, Positive] = Field(
        default=(0.3, 3.3), description="Height over width of the erased rectangle."
    )
    erasing_value: float = Field(
        default=0, ge=-10, le=10, description="What is put there, after normalisation: 0 is the mean grey."
    )
    before: Augmentation | None = Field(
        default=None, description="Another augmentation that is applied first (with a resampling of its own)."
    )

    @property
    def active(self) -> bool:
        """Whether this changes any image."""
        return self.resamples or bool(self.brightness or self.contrast or self.erasing) or self._before_active

    @property
    def affine(self) -> bool:
        """Whether there is a rotation, translation, scaling or shear."""
        return bool(self.rotation or self.translation or self.shear) or self.scale != (1, 1)

    @property
    def crops(self) -> bool:
        """Whether some images are cropped at the centre."""
        return self.center_crop > 0 and self.center_crop_probability > 0

    @property
    def resamples(self) -> bool:
        """Whether pixels are read from between other pixels."""
        return self.affine or self.crops

    @property
    def _before_active(self) -> bool:
        return self.before is not None and self.before.active

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in ("scale", "erasing_scale", "erasing_ratio"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} goes from {low:g} to {high:g}; put the smaller number first")
        if not 0.1 <= self.scale[0] <= self.scale[1] <= 10:
            raise ValueError(f"scale is {self.scale}; both ends must lie between 0.1 and 10")
        if self.erasing_scale[1] > 1:
            raise ValueError(f"erasing_scale is {self.erasing_scale}; at most 1 is the whole image")
        if self.before is not None and self.before.erasing:
            raise ValueError("before.erasing is set, but erasing comes last; set erasing instead")
        chain, depth = self.before, 1
        while chain is not None:
            chain, depth = chain.before, depth + 1
        if depth > _MAX_CHAIN:
            raise ValueError(f"before is nested {depth} deep; at most {_MAX_CHAIN} augmentations in a row")
        return self
