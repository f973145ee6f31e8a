"""A trial: one arm × one seed × one tier, fully resolved, identified by what can change its result."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

from edgebench import plugins
from edgebench.claim.claim import Claim, Effect, Tier
from edgebench.claim.folds import metric_of
from edgebench.claim.latency import LatencyGroup
from edgebench.claim.metrics import ADDED
from edgebench.claim.settings import (
    DatasetSettings,
    DataSettings,
    DetectSettings,
    DistillSettings,
    FileSettings,
    Kind,
    ModelSettings,
    PretrainSettings,
    Settings,
    StartSettings,
    TrainSettings,
)
from edgebench.methods.options import submodels_of
from edgebench.run.hashing import canonical, hash_of, version
from edgebench.run.inputs import HERE, UNREAD, Inputs

# The version of the hash's own form, and of what the harness does with the same settings. Raise SEMANTICS whenever a
# change of code can change a result: stored records of other semantics are then left alone, not served.
HASH_VERSION = 1
SEMANTICS = 1

ARTEFACT = "artefact"  # in `Trial.wanted`


@dataclass(frozen=True)
class Trial:
    """What one process runs.

    Attributes:
        seed: index in the public sequence of seeds; 0 for kinds whose values depend on none.
        data: digest of the dataset's content, None for kinds that use no data.
        weights: digest of the checkpoint that a training starts from.
        needs: the trial whose trained weights it starts from, or learns from.
        keeps: the trained weights are kept, for trials that need them.
        wanted: what its record has to have beyond what every one has: its `ARTEFACT`, or metrics that records of older
            versions lack. No part of what the trial is: two that differ by it alone are equal, and share a record.
    """

    kind: Kind
    settings: Settings | LatencyGroup
    seed: int
    data: str | None
    weights: str | None = None
    needs: Trial | None = None
    keeps: bool = False
    wanted: frozenset[str] = field(default=frozenset(), compare=False)

    @cached_property
    def hash(self) -> str:
        """Content hash, 32 hex digits: equal exactly when the results must be equal."""
        return hash_of(self.key)

    @property
    def key(self) -> dict[str, object]:
        """Everything that the hash is made of."""
        content: dict[str, object] = {
            "hash": HASH_VERSION,
            "semantics": SEMANTICS,
            "kind": self.kind,
            "settings": self._settings,
            "seed": self.seed,
            "data": self.data,
        }
        # Only where they apply, so that trials without them keep the hash under which they are stored.
        if self.weights is not None:
            content["weights"] = self.weights
        if self.needs is not None:
            content["needs"] = self.needs.hash
        if self.keeps:
            content["keeps"] = True
        if self.quantises:
            # Its arithmetic, which no environment's identity speaks of because no other trial uses it.
            content["onnxruntime"] = version("onnxruntime")
        if isinstance(self.settings, FileSettings):
            # They write the files; torch, which does too, is part of every environment's identity.
            content["libraries"] = {name: version(name) for name in ("onnx", "onnxruntime", "safetensors")}
        if self._packages:
            content["plugins"] = self._packages
        return content

    @cached_property
    def settings_json(self) -> str:
        """The settings as canonical JSON: equal for the seeds of one arm, and for equal arms of different claims."""
        return canonical(self._settings)

    @property
    def quantises(self) -> bool:
        """Whether it scores the network of the trial that it needs in another form, and trains nothing."""
        return isinstance(self.settings, TrainSettings) and self.settings.quantise is not None

    def at(self, seed: int) -> Trial:
        """The same at another seed; what it needs is then of that seed too, but for a pretraining of all seeds."""
        needs = self.needs.at(seed) if self.needs is not None and not self._shares_start else self.needs
        return self._like(replace(self, seed=seed, needs=needs))

    def wanting(self, wanted: Iterable[str]) -> Trial:
        """The same, of whose record more is wanted."""
        return self._like(replace(self, wanted=self.wanted | frozenset(wanted)))

    @property
    def is_versioned(self) -> bool:
        """Whether versions that no environment's identity speaks of are part of its hash."""
        return bool(self.quantises or self._packages)

    @property
    def is_read(self) -> bool:
        """Whether all files that it is computed from were read; without, its hash is that of nothing stored."""
        return UNREAD not in (self.data, self.weights) and (self.needs is None or self.needs.is_read)

    @property
    def alone(self) -> bool:
        """Whether nothing else may run meanwhile: times are taken on cores that are not busy."""
        return self.kind == "latency"

    @property
    def _shares_start(self) -> bool:
        start = self.settings.start if isinstance(self.settings, TrainSettings | DetectSettings) else None
        if start is None or start.pretrain is None or self.quantises:
            return False
        return start.pretrain.seeds is None

    @cached_property
    def _settings(self) -> dict[str, object]:
        return self.settings.model_dump(mode="json", exclude_none=True)

    @cached_property
    def _packages(self) -> dict[str, str]:
        return plugins.versions(self._settings)

    def _like(self, other: Trial) -> Trial:
        """Another trial of these settings, which need not be looked through again: most of the time of a hash."""
        other.__dict__.update(_settings=self._settings, _packages=self._packages)
        return other

    def describe(self) -> str:
        """A short name for progress displays and errors."""
        settings = self.settings
        if isinstance(settings, TrainSettings):
            how = f", {settings.method.name}" if settings.method is not None else ""
            how += "".join(
                f", {each}" for each in ("netaug", "dropblock", "distill") if getattr(settings, each)
            )
            how += f", {settings.hooks.name}" if settings.hooks is not None else ""
            form = f", {settings.quantise.name}" if settings.quantise is not None else ""
            if settings.data.fold is not None:
                form += f", fold {settings.data.fold} of {settings.data.folds}"
            return f"{settings.model.name} on {settings.data.name}{how}{form}, seed {self.seed}"
        if isinstance(settings, DetectSettings):
            return f"detector of {settings.model.name} on {settings.data.name}, seed {self.seed}"
        if isinstance(settings, LatencyGroup):
            return f"latency of {', '.join(settings.arms)}, repetition {self.seed}"
        if isinstance(settings, DatasetSettings):
            return f"dataset {settings.data.name}"
        return f"{self.kind} {settings.name if hasattr(settings, 'name') else settings.model.name}"


def seed_value(index: int, purpose: str = "") -> int:
    """The `index`-th public seed, 63 bits, derived from the index alone; one independent stream per purpose.

    Purposes (`split`, `folds`, `order`, `augment`, `affine`, `randaugment`, `resized_crop`, `jitter`, `init`, `noise`,
    `netaug`, `netaug-init`, `hooks` and `calibration-…`) keep arms comparable: an arm that draws more augmentation
    noise still sees the same order of images and starts from the same weights.
    """
    name = f"edgebench seed {index} {purpose}".encode()
    return int.from_bytes(hashlib.sha256(name).digest()[:8], "big") >> 1


def trials_of(
    claim: Claim,
    tier: Tier,
    arms: tuple[str, ...],
    seeds: range,
    effects: Iterable[Effect] = (),
    inputs: Inputs = HERE,
) -> list[tuple[str, Trial]]:
    """The trials of some arms over some seeds, seeds interleaved: every arm of one seed before the next seed.

    Latency is measured for all arms of the tier in one trial, which is then the trial of each of them.

    Args:
        effects: those that read the records, by which they say what they want of them.
        inputs: finds the files that settings name.

    Raises:
        DataError: when a dataset is missing.
    """
    if claim.exact:
        seeds = range(1)
    if claim.kind == "latency":
        group = LatencyGroup.of(tier.arms)
        timed = [Trial(claim.kind, group, seed, None) for seed in seeds]
        return [(arm, trial) for trial in timed for arm in arms]
    first = {arm: resolve(claim.kind, tier.arms[arm], inputs) for arm in arms}
    if claim.kind == "train":
        read = [
            (part, metric_of(name))
            for effect in effects
            for arm, name in effect.value.references
            for part in tier.parts(arm)
        ]
        for arm in arms:
            first[arm] = first[arm].wanting(name for of, name in read if of == arm and name in ADDED)
    return [(arm, first[arm].at(seed)) for seed in seeds for arm in arms]


def resolve(kind: Kind, settings: Settings, inputs: Inputs = HERE) -> Trial:
    """The trial of the first seed: settings with the digests of all files that they name.

    Raises:
        DataError: when a dataset or checkpoint is missing.
    """
    if isinstance(settings, DatasetSettings):
        return Trial(kind, settings, 0, inputs.data(settings.data))
    if isinstance(settings, DetectSettings):
        data = inputs.scenes(settings)
        return Trial(kind, settings, 0, data, *_starting(settings.model, settings.start, None, inputs))
    if not isinstance(settings, TrainSettings):
        return Trial(kind, settings, 0, None)
    if settings.quantise is not None:
        # The metrics too, because the quantised network's record takes them over.
        training = resolve(kind, _training(settings), inputs).wanting({ARTEFACT, *ADDED})
        return Trial(kind, settings, 0, training.data, training.weights, training)
    weights, needs = _starting(settings.model, settings.start, settings.data, inputs)
    if settings.distill is not None:
        needs = resolve(kind, teaching(settings, settings.distill), inputs).wanting([ARTEFACT])
    return Trial(kind, settings, 0, inputs.data(settings.data), weights, needs)


def _starting(
    model: ModelSettings, start: StartSettings | None, data: DataSettings | None, inputs: Inputs
) -> tuple[str | None, Trial | None]:
    """The digest of the checkpoint that a network starts from, or the training that it needs; `data`: its own."""
    if start is None:
        return None, None
    if start.pretrain is not None:
        return None, pretraining(model, start.pretrain, data, inputs)
    return inputs.weights(start.weights or "", model), None


def teaching(settings: TrainSettings, distill: DistillSettings) -> TrainSettings:
    """The training of a teacher: as that of its student, where nothing else is said."""
    own = {name: value for name, value in distill.teacher if value is not None}
    shared = ("data", "augment", "optimiser", "schedule", "epochs", "batch", "label_smoothing", "precision")
    return TrainSettings(**{name: getattr(settings, name) for name in shared} | own)


def pretraining(
    model: ModelSettings,
    settings: PretrainSettings,
    data: DataSettings | None = None,
    inputs: Inputs = HERE,
) -> Trial:
    """The training, at the first seed, whose weights others of the model start from.

    Args:
        model: of the training that starts from it.
        data: what it is trained on, where the settings name nothing else.

    Raises:
        DataError: its dataset is missing.
    """
    given = {name: value for name, value in settings if name not in ("seeds", "submodels")}
    given["data"] = settings.data or data
    if settings.submodels:
        model = submodels_of(model)
    trial = resolve("train", TrainSettings(model=model, **given), inputs)
    # One for all seeds, as a published checkpoint is, or the ordinary training of each seed, which arms may share.
    return (trial if settings.seeds == "own" else replace(trial, keeps=True)).wanting([ARTEFACT])


def quantised(tier: Tier) -> set[str]:
    """`Trial.settings_json` of the trainings whose networks arms of a tier quantise."""
    arms = [settings for settings in tier.arms.values() if isinstance(settings, TrainSettings)]
    trainings = [_training(settings) for settings in arms if settings.quantise is not None]
    return {Trial("train", settings, 0, None).settings_json for settings in trainings}


def _training(settings: TrainSettings) -> TrainSettings:
    """The training whose network the settings quantise."""
    return settings.model_copy(update={"quantise": None})
