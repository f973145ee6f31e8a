"""What an arm may configure of its training images: the transformations of an epoch, which evaluation never sees.

Fields whose default is None are left out of a trial's hash while they are None.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from edgebench.claim.fields import Positive, Strict, as_tuple


class MixupSettings(Strict):
    alpha: Annotated[float, Field(gt=0)] = Field(description="λ ~ Beta(α, α), one λ per batch")


class CutMixSettings(Strict):
    alpha: Annotated[float, Field(gt=0)] = Field(
        description="λ ~ Beta(α, α), one box per batch; it has the share 1 - λ of the area until it is clipped at the "
        "border"
    )


class RandAugmentSettings(Strict):
    """Operations drawn for each image, all of one magnitude, as torchvision's `RandAugment` has them."""

    ops: Annotated[int, Field(ge=1, le=16)] = Field(
        description="N: operations per image, one after the other"
    )
    magnitude: Annotated[int, Field(ge=0, le=30)] = Field(
        description="M: strength of all operations, 0 to 30"
    )


def _about_one(value: Any) -> Any:
    """A single number is short for the range from one less it, but not below 0, to one and it."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return (max(0.0, 1.0 - value), 1.0 + value)
    return as_tuple(value)


def _spread(value: Any) -> Any:
    """A single number is short for the range from its negative to it."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (-abs(value), abs(value)) if value >= 0 else value
    return as_tuple(value)


def _two_axes(value: Any) -> Any:
    """Where only the shear along x is given, there is none along y."""
    value = _spread(value)
    return (*value, 0, 0) if isinstance(value, tuple) and len(value) == 2 else value


def _ascending(value: tuple[float, ...]) -> tuple[float, ...]:
    """Pairs of ends, each with the smaller first; -0 becomes 0, so that equal ranges have equal hashes."""
    if any(low > high for low, high in zip(value[::2], value[1::2], strict=True)):
        raise ValueError("a range starts with its smaller end")
    return tuple(end + 0.0 for end in value)


Angle = Annotated[float, Field(ge=-360, le=360)]
Slant = Annotated[float, Field(gt=-90, lt=90)]
Share = Annotated[float, Field(ge=0, le=1)]
Zoom = Annotated[float, Field(gt=0, le=16)]


class AffineSettings(Strict):
    """A random affine transformation of each image, with the ranges of torchvision's `RandomAffine`; bilinear."""

    degrees: (
        Annotated[
            tuple[Angle, Angle],
            BeforeValidator(_spread, json_schema_input_type=float | tuple[Angle, Angle]),
            AfterValidator(_ascending),
        ]
        | None
    ) = Field(None, description="rotation: `d` for -d to d, or [least, most]")
    translate: Annotated[tuple[Share, Share], BeforeValidator(as_tuple)] | None = Field(
        None, description="largest shift across and down, as shares of width and height"
    )
    scale: Annotated[tuple[Zoom, Zoom], BeforeValidator(as_tuple), AfterValidator(_ascending)] | None = Field(
        None, description="zoom: [least, most]"
    )
    shear: (
        Annotated[
            tuple[Slant, Slant, Slant, Slant],
            BeforeValidator(
                _two_axes,
                json_schema_input_type=float | tuple[Slant, Slant] | tuple[Slant, Slant, Slant, Slant],
            ),
            AfterValidator(_ascending),
        ]
        | None
    ) = Field(None, description="degrees along x: `d` for -d to d, or [least, most]; four numbers: x, then y")

    @model_validator(mode="after")
    def _transforms(self) -> Self:
        if not self.model_dump(exclude_none=True):
            raise ValueError("transforms nothing: give degrees, translate, scale or shear")
        return self


Area = Annotated[float, Field(gt=0, le=1)]
Ratio = Annotated[float, Field(gt=0, le=16)]


class ResizedCropSettings(Strict):
    """A random box of each image, enlarged to the image's size, as torchvision's `RandomResizedCrop`; bilinear."""

    scale: Annotated[tuple[Area, Area], BeforeValidator(as_tuple), AfterValidator(_ascending)] = Field(
        (0.08, 1.0), description="the box's share of the image's area: [least, most]"
    )
    ratio: Annotated[tuple[Ratio, Ratio], BeforeValidator(as_tuple), AfterValidator(_ascending)] = Field(
        (3 / 4, 4 / 3), description="the box's width over its height: [least, most]"
    )


Factor = Annotated[float, Field(ge=0, le=16)]
Factors = Annotated[
    tuple[Factor, Factor],
    BeforeValidator(_about_one, json_schema_input_type=float | tuple[Factor, Factor]),
    AfterValidator(_ascending),
]


class JitterSettings(Strict):
    """Random colours of each image, with the ranges of torchvision's `ColorJitter`, in random order; no hue."""

    brightness: Factors | None = Field(None, description="factor: `b` for 1-b to 1+b, or [least, most]")
    contrast: Factors | None = Field(
        None, description="factor, about the mean luminance of the image; likewise"
    )
    saturation: Factors | None = Field(None, description="factor, about grey; likewise")

    @model_validator(mode="after")
    def _changes(self) -> Self:
        if not self.model_dump(exclude_none=True):
            raise ValueError("changes nothing: give brightness, contrast or saturation")
        return self


class AugmentSettings(Strict):
    """Random transformations of training batches; evaluation never sees them."""

    crop: Positive | None = Field(None, description="pad by this many pixels, crop back at random")
    resized_crop: ResizedCropSettings | None = Field(
        None, description="enlarge a random part of the image; instead of `crop`"
    )
    flip: bool = Field(False, description="flip left-right with probability 0.5")
    randaugment: RandAugmentSettings | None = Field(
        None, description="random operations, after crop and flip"
    )
    autoaugment: Literal["cifar10", "imagenet", "svhn"] | None = Field(
        None, description="AutoAugment's policy for this dataset, after crop and flip"
    )
    jitter: JitterSettings | None = Field(
        None, description="random brightness, contrast and saturation, after random operations"
    )
    affine: AffineSettings | None = Field(
        None, description="rotate, shift, zoom and shear, after all others that act on one image"
    )
    mixup: MixupSettings | None = Field(None, description="blend the images of a batch in pairs")
    cutmix: CutMixSettings | None = Field(
        None,
        description="paste a box of one image into another; with `mixup`, one of the two is drawn for each batch, "
        "with equal probability",
    )

    @model_validator(mode="after")
    def _one_of_a_kind(self) -> Self:
        if self.crop is not None and self.resized_crop is not None:
            raise ValueError("give either crop or resized_crop")
        if self.randaugment is not None and self.autoaugment is not None:
            raise ValueError("give either randaugment or autoaugment")
        return self
