"""What an arm may configure: the frozen, strictly typed settings that a trial is resolved to.

These models are the single source of the loader's checks, the JSON schema and the reference docs. Fields whose
default is None are left out of a trial's hash while they are None, so that adding such a field never invalidates
stored records.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from edgebench.claim.augment import AugmentSettings
from edgebench.claim.dataset import DataSettings as DataSettings
from edgebench.claim.detection import SceneAugmentSettings, ScenesSettings
from edgebench.claim.fields import Fraction, Positive, Shape, Strict, as_tuple, named
from edgebench.claim.forms import DropBlockSettings as DropBlockSettings
from edgebench.claim.forms import HooksSettings as HooksSettings
from edgebench.claim.forms import MethodSettings as MethodSettings
from edgebench.claim.forms import NetAugSettings as NetAugSettings
from edgebench.claim.forms import Norms as Norms
from edgebench.claim.forms import QuantiseSettings as QuantiseSettings
from edgebench.claim.optimisation import Optimiser, Schedule, Stages, StopSettings
from edgebench.claim.optimisation import OptimiserSettings as OptimiserSettings
from edgebench.claim.optimisation import ScheduleSettings as ScheduleSettings
from edgebench.claim.optimisation import StageSettings as StageSettings


class ModelSettings(Strict):
    """A network by registered name; which of the other keys apply depends on the name."""

    name: str = Field(
        description="registered name: own (`micronet`), `torchvision:…`, `timm:…` or `package:name`"
    )
    width: Annotated[float, Field(gt=0, le=16)] | None = Field(None, description="channel multiplier")
    dropout: Fraction | None = Field(None, description="dropout probability before the classifier")
    stem: Literal["small"] | None = Field(
        None, description="`small`: stride 1 in the first convolution, for images of 32 px and less"
    )
    channels: Positive | None = Field(None, description="input and output channels of a single block")
    kernel: Positive | None = Field(None, description="spatial kernel size of a single block")
    expansion: Positive | None = Field(None, description="expansion ratio of an inverted residual block")
    activation: Literal["relu", "relu6", "hardswish"] | None = Field(
        None, description="activation of a single block, or of every block of micronet"
    )
    se: bool | None = Field(None, description="micronet: squeeze and excitation in every block")
    paths: Literal[1, 2] | None = Field(
        None, description="dual-input, dual-path: submodels side by side; 2 if not given"
    )


Model = Annotated[ModelSettings, BeforeValidator(named)]
Data = Annotated[DataSettings, BeforeValidator(named)]
Method = Annotated[MethodSettings, BeforeValidator(named)]
Quantise = Annotated[QuantiseSettings, BeforeValidator(named)]
Hooks = Annotated[HooksSettings, BeforeValidator(named)]
Measures = Annotated[tuple[str, ...], BeforeValidator(as_tuple, json_schema_input_type=list[str])]


class TeacherSettings(Strict):
    """The network that another is to imitate, trained on the same images by a trial of its own, of the same seed.

    What is not given is as in the training of which it is the teacher, or in that one's first stage: a teacher has one
    stage, which does not stop early.
    """

    model: Model
    augment: AugmentSettings | None = None
    optimiser: Optimiser | None = None
    schedule: Schedule | None = None
    epochs: Positive | None = None
    batch: Positive | None = None
    label_smoothing: Fraction | None = None


class DistillSettings(Strict):
    """Knowledge distillation (Hinton et al. 2015): (1 - weight) · loss + weight · T² · KL(teacher, student)."""

    teacher: TeacherSettings
    temperature: Annotated[float, Field(gt=0)] = Field(4.0, description="T, by which both logits are divided")
    weight: Annotated[float, Field(ge=0, le=1)] = Field(0.9, description="of the divergence from the teacher")


# A function, because each field needs an object of its own.
def _second() -> Any:
    return Field(
        None,
        description="networks of two paths (`dual-input`, `dual-path`): what the second path is shown in training "
        "instead; the same as the first if not given",
    )


class PretrainSettings(Strict):
    """A training that others start from: of the same model, from fresh weights."""

    data: Data | None = Field(None, description="those of the training that starts from it, if not given")
    submodels: Literal[True] | None = Field(
        None,
        description="dual-path: train its paths first, each as a network with an output of its own; then merged",
    )
    augment: AugmentSettings = AugmentSettings()
    second_input: AugmentSettings | None = _second()
    optimiser: Optimiser
    schedule: Schedule = ScheduleSettings()
    epochs: Positive
    batch: Positive = 128
    label_smoothing: Fraction = 0.0
    stop: StopSettings | None = Field(None, description="early stopping")
    netaug: NetAugSettings | None = Field(None, description="as part of larger networks")
    distill: DistillSettings | None = Field(None, description="with a teacher")
    seeds: Literal["own"] | None = Field(
        None,
        description="`own`: one for each seed, so that intervals cover its chance too; if not given, once, with the "
        "first seed, for all trainings that start from it",
    )


class StartSettings(Strict):
    """Which weights a training starts from; its classifier is always new."""

    weights: str | None = Field(
        None,
        description="a checkpoint: `mbv2-w0.35`, … from EDGEBENCH_DATA, or `torchvision` for its own weights",
    )
    pretrain: PretrainSettings | None = Field(None, description="train the model on this first")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.weights is None) == (self.pretrain is None):
            raise ValueError("give either weights or pretrain")
        return self


class TrainSettings(Strict):
    """Train a classifier and test it (`kind: train`)."""

    model: Model
    data: Data
    augment: AugmentSettings = AugmentSettings()
    second_input: AugmentSettings | None = _second()
    optimiser: Optimiser
    schedule: Schedule = ScheduleSettings()
    epochs: Positive
    batch: Positive = 128
    label_smoothing: Fraction = 0.0
    stop: StopSettings | None = Field(None, description="early stopping, before all `epochs` are done")
    unfrozen: Positive | None = Field(
        None,
        description="only the last so many convolutions and linear layers train, with what follows them; all layers if "
        "not given",
    )
    then: Stages | None = Field(
        None, description="further stages of the training, each with an optimiser made anew"
    )
    precision: Literal["bf16", "fp16"] | None = Field(
        None, description="training steps in mixed precision; float32 if not given; fp16 on GPUs only"
    )
    start: StartSettings | None = Field(None, description="weights to start from; fresh ones if not given")
    method: Method | None = Field(None, description="fine-tuning strategy; everything trains if not given")
    netaug: NetAugSettings | None = Field(
        None, description="train as part of larger networks; tested alone (`{}` for the authors' factors)"
    )
    dropblock: DropBlockSettings | None = Field(None, description="drop squares of the maps in training")
    distill: DistillSettings | None = Field(None, description="train with a teacher")
    hooks: Hooks | None = Field(None, description="train with a method of another package: `package:name`")
    measure: Measures | None = Field(
        None, description="metrics of other packages, `package:name` each, of the trained network"
    )
    quantise: Quantise | None = Field(
        None,
        description="test the trained network in this form; the training is that of the arm without it, done once",
    )

    @property
    def planned_epochs(self) -> int:
        """Epochs of all stages, if none of them stops early."""
        return self.epochs + sum(stage.epochs for stage in self.then or ())


Scenes = Annotated[ScenesSettings, BeforeValidator(named)]


class DetectSettings(Strict):
    """Train an object detector on a backbone, and measure its average precision (`kind: detect`)."""

    model: Model
    data: Scenes
    head: Positive = Field(64, description="channels of the maps between backbone and predictions")
    augment: SceneAugmentSettings = SceneAugmentSettings()
    optimiser: Optimiser
    schedule: Schedule = ScheduleSettings()
    epochs: Positive
    batch: Positive = 32
    start: StartSettings | None = Field(
        None,
        description="weights that the backbone starts from, trained as a classifier; fresh ones if not given",
    )

    @property
    def planned_epochs(self) -> int:
        """Epochs of the training."""
        return self.epochs


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


class LatencySettings(Strict):
    """Time training steps and inference of untrained networks, all arms in turn in one process (`kind: latency`)."""

    model: Model
    input: Shape = Field(description="input shape, batch first, e.g. [8, 3, 224, 224]")
    method: Method | None = None
    classes: Positive | None = Field(None, description="outputs of a classifier (1000 if not given)")
    netaug: NetAugSettings | None = Field(
        None, description="a step trains as part of larger networks; inference is of the exported network"
    )
    rounds: Annotated[int, Field(ge=3, le=10_000)] = Field(
        20, description="times that each arm is timed, in turn with the others; equal for all arms"
    )
    threads: Annotated[int, Field(ge=1, le=1024)] = Field(
        1, description="threads that the operations of a CPU may use"
    )
    augment: AugmentSettings | None = Field(
        None,
        description="a step prepares its batch first, from bytes in memory, so augmented (`{}`: only gathered and "
        "normalised); if not given, the batch is there. All arms of a claim or none",
    )


class DatasetSettings(Strict):
    """Measure the training images of a dataset, without a network (`kind: dataset`)."""

    data: Data


class FileSettings(Strict):
    """Serialise an untrained network in several formats, and measure the files (`kind: file`)."""

    model: Model
    input: Shape = Field(
        description="input shape, batch first: images of one step of the optimiser, and of int8's calibration"
    )
    classes: Positive | None = Field(None, description="outputs of a classifier (1000 if not given)")
    optimiser: Optimiser | None = Field(
        None, description="whose state a checkpoint holds; nadam, with two moments, if not given"
    )


Kind = Literal["train", "detect", "profile", "property", "latency", "dataset", "file"]
Settings = (
    TrainSettings
    | DetectSettings
    | ProfileSettings
    | PropertySettings
    | LatencySettings
    | DatasetSettings
    | FileSettings
)
SETTINGS: dict[
    Kind,
    type[TrainSettings]
    | type[DetectSettings]
    | type[ProfileSettings]
    | type[PropertySettings]
    | type[LatencySettings]
    | type[DatasetSettings]
    | type[FileSettings],
] = {
    "train": TrainSettings,
    "detect": DetectSettings,
    "profile": ProfileSettings,
    "property": PropertySettings,
    "latency": LatencySettings,
    "dataset": DatasetSettings,
    "file": FileSettings,
}
