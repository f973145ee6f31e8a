"""What an arm may configure: the frozen, strictly typed settings that a trial is resolved to.

These models are the single source of the loader's checks, the JSON schema and the reference docs. Fields whose
default is None are left out of a trial's hash while they are None, so that adding such a field never invalidates
stored records.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Strict(BaseModel):
    """Base of every model read from YAML: immutable, no unknown keys, no coercion, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def named(value: Any) -> Any:
    """`digits` is short for `{name: digits}`."""
    return {"name": value} if isinstance(value, str) else value


def as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


Positive = Annotated[int, Field(gt=0, le=1_000_000_000)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Shape = Annotated[tuple[Positive, ...], BeforeValidator(as_tuple)]


class ModelSettings(Strict):
    """A network by registered name; which of the other keys apply depends on the name."""

    name: str = Field(description="registered name: own (`micronet`), `torchvision:…` or `timm:…`")
    width: Annotated[float, Field(gt=0, le=16)] | None = Field(None, description="channel multiplier")
    dropout: Fraction | None = Field(None, description="dropout probability before the classifier")
    stem: Literal["small"] | None = Field(
        None, description="`small`: stride 1 in the first convolution, for images of 32 px and less"
    )
    channels: Positive | None = Field(None, description="input and output channels of a single block")
    kernel: Positive | None = Field(None, description="spatial kernel size of a single block")
    expansion: Positive | None = Field(None, description="expansion ratio of an inverted residual block")
    activation: Literal["relu", "relu6", "hardswish"] | None = Field(
        None, description="activation of a single block"
    )


class DataSettings(Strict):
    """A dataset by name, and how much of it."""

    name: str = Field(description="`digits`, `mnist`, `cifar10`, …, or `npz:PATH`, `folder:PATH`")
    train: Positive | None = Field(None, description="training images to draw (all if not given)")
    val: Positive | None = Field(None, description="validation images held out (a tenth if not given)")
    size: Positive | None = Field(None, description="resize images to this many pixels a side")


class MixupSettings(Strict):
    alpha: Annotated[float, Field(gt=0)] = Field(description="λ ~ Beta(α, α), one λ per batch")


class AugmentSettings(Strict):
    """Random transformations of training batches; evaluation never sees them."""

    crop: Positive | None = Field(None, description="pad by this many pixels, crop back at random")
    flip: bool = Field(False, description="flip left-right with probability 0.5")
    mixup: MixupSettings | None = None


class OptimiserSettings(Strict):
    name: Literal["sgd", "adam", "adamw", "nadam"]
    lr: Annotated[float, Field(gt=0)]
    momentum: Fraction | None = Field(None, description="SGD only; 0 if not given")
    nesterov: bool | None = Field(None, description="SGD only")
    weight_decay: Annotated[float, Field(ge=0)] = 0.0


class ScheduleSettings(Strict):
    """Learning rate per epoch: constant, half a cosine to zero, or steps."""

    name: Literal["constant", "cosine", "step"] = "constant"
    warmup: Annotated[int, Field(ge=0)] = Field(0, description="epochs of linear warm-up")
    every: Positive | None = Field(None, description="`step`: epochs between reductions")
    factor: Annotated[float, Field(gt=0, lt=1)] | None = Field(None, description="`step`: reduction")


class MethodSettings(Strict):
    """A training method that a paper proposes, applied to the model."""

    name: Literal["mobiletl"]


Model = Annotated[ModelSettings, BeforeValidator(named)]
Data = Annotated[DataSettings, BeforeValidator(named)]
Optimiser = Annotated[OptimiserSettings, BeforeValidator(named)]
Schedule = Annotated[ScheduleSettings, BeforeValidator(named)]
Method = Annotated[MethodSettings, BeforeValidator(named)]


class TrainSettings(Strict):
    """Train a classifier and test it (`kind: train`)."""

    model: Model
    data: Data
    augment: AugmentSettings = AugmentSettings()
    optimiser: Optimiser
    schedule: Schedule = ScheduleSettings()
    epochs: Positive
    batch: Positive = 128
    label_smoothing: Fraction = 0.0


class ProfileSettings(Strict):
    """Count and measure one forward and backward pass, without data (`kind: profile`)."""

    model: Model
    input: Shape = Field(description="input shape, batch first, e.g. [8, 96, 7, 7]")
    method: Method | None = None
    classes: Positive | None = Field(None, description="outputs of a classifier (1000 if not given)")


class PropertySettings(Strict):
    """Check a formula on many generated cases and count the violations (`kind: property`)."""

    name: str = Field(description="registered property, e.g. `signed-backward`")
    cases: Positive = Field(100, description="generated cases")


Kind = Literal["train", "profile", "property"]
Settings = TrainSettings | ProfileSettings | PropertySettings
SETTINGS: dict[Kind, type[TrainSettings] | type[ProfileSettings] | type[PropertySettings]] = {
    "train": TrainSettings,
    "profile": ProfileSettings,
    "property": PropertySettings,
}
