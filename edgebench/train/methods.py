"""From settings to the methods that act on a seed's training."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from edgebench import plugins
from edgebench.claim.settings import DistillSettings, HooksSettings, TrainSettings
from edgebench.data.batches import STREAMS, TrainBatches
from edgebench.data.prepared import Prepared
from edgebench.data.raw import Labels
from edgebench.errors import SettingsError, TrialError
from edgebench.methods.distillation import Distillation
from edgebench.methods.dropblock import DropBlock
from edgebench.methods.dual_path import OutputsOfPaths
from edgebench.methods.hooks import Method
from edgebench.methods.mixing import mixing_of
from edgebench.methods.netaug.method import NetAug
from edgebench.models import checkpoint
from edgebench.run.trial import seed_value, teaching
from edgebench.train.start import build_model


def methods_of(
    settings: TrainSettings,
    data: Prepared,
    train: Labels,
    seed: int,
    device: torch.device,
    weights: bytes | None = None,
) -> list[Method]:
    """The methods that the settings ask for, in the order in which they act.

    Args:
        train: indices of the seed's training images.
        weights: the teacher's artefact, where there is one.

    Raises:
        ModelError: the teacher's weights do not fit it.
        SettingsError: a method of another package cannot be made.
        TrialError: they are missing.
    """
    methods = mixing_of(settings.augment, data.classes)
    if settings.dropblock is not None:
        methods.append(DropBlock(settings.dropblock.keep, settings.dropblock.size))
    if settings.distill is not None:
        methods.append(_distillation(settings, settings.distill, data, seed, device, weights))
    if settings.netaug is not None:
        calibration = _Calibration(settings, data, train, seed, device, settings.netaug.calibration)
        streams = stream(seed, "netaug-init"), stream(seed, "netaug")
        methods.append(NetAug(settings.netaug, lambda: calibration, *streams))
    if settings.hooks is not None:
        methods.append(_of_package(settings.hooks, seed))
    if settings.model.name == "dual-input" and settings.model.paths != 1:
        methods.append(OutputsOfPaths(2))
    return methods


def _of_package(hooks: HooksSettings, seed: int) -> Method:
    """The method of another package, with its own options where nothing else is given."""
    given = dict(hooks.options or ())
    found = plugins.check_method(hooks.name, given)
    make = plugins.target(plugins.Method, hooks.name, found.target)
    method = make(seed=seed_value(seed, "hooks"), **{**found.options, **given})
    if not isinstance(method, Method):
        raise SettingsError(
            f"'{hooks.name}' makes a {type(method).__name__}", expected="an edgebench.methods.hooks.Method"
        )
    return method


def stream(seed: int, purpose: str) -> torch.Generator:
    """Random numbers for one purpose of a seed's training, from their beginning."""
    return torch.Generator().manual_seed(seed_value(seed, purpose))


class _Calibration:
    """Training images, augmented as in training, the same each time that this is iterated over."""

    def __init__(
        self,
        settings: TrainSettings,
        data: Prepared,
        train: Labels,
        seed: int,
        device: torch.device,
        images: int,
    ) -> None:
        self._settings, self._data, self._train, self._seed = settings, data, train, seed
        self._device = device
        self._batches = -(-images // min(settings.batch, len(train)))

    def __iter__(self) -> Iterator[Tensor]:
        order, augment = (stream(self._seed, f"calibration-{name}") for name in ("order", "augment"))
        batches = TrainBatches(
            self._data,
            self._train,
            self._settings.augment,
            self._settings.batch,
            order,
            augment,
            self._device,
            **{name: stream(self._seed, f"calibration-{name}") for name in STREAMS},
        )
        for images, _ in islice(batches, self._batches):
            yield images


def _distillation(
    settings: TrainSettings,
    distill: DistillSettings,
    data: Prepared,
    seed: int,
    device: torch.device,
    weights: bytes | None,
) -> Distillation:
    if weights is None:
        raise TrialError("the teacher's trained weights were not handed over")
    teacher = build_model(teaching(settings, distill), data, seed).requires_grad_(False)
    checkpoint.load_state(weights, teacher, "the teacher's weights", whole=True)
    return Distillation(teacher.to(device), distill.temperature, distill.weight)
