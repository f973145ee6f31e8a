"""From settings to the network that a seed trains: fresh weights, given ones, and a strategy that fine-tunes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from edgebench.claim.settings import ModelSettings, StartSettings, TrainSettings
from edgebench.data.batches import evaluation_batches
from edgebench.data.prepared import Prepared
from edgebench.errors import ModelError, TrialError
from edgebench.methods import strategy
from edgebench.methods.dual_path import merge
from edgebench.methods.options import submodels_of
from edgebench.models import checkpoint, registry
from edgebench.models.dual_input import DualInput
from edgebench.models.dual_path import DualPath
from edgebench.run.trial import seed_value

CALIBRATION = 256  # images; enough for statistics of maps, and a second's work


def build_model(settings: TrainSettings, data: Prepared, seed: int) -> nn.Module:
    """The network for a dataset, with the seed's initial weights, in channels-last memory order."""
    torch.manual_seed(seed_value(seed, "init"))
    model = registry.build(
        settings.model, in_channels=data.shape[0], classes=data.classes, size=data.shape[1:]
    )
    return laid_out(model)


def laid_out(model: nn.Module) -> nn.Module:
    """The model (changed in place) in the form in which a training step takes the least time, for the same numbers."""
    for module in model.modules():
        # Their gradients need their input, so in place they copy it first: more work for the same bits.
        if isinstance(module, nn.Hardtanh | nn.Hardswish):
            module.inplace = False
    return model.to(memory_format=torch.channels_last)


def started(
    settings: TrainSettings, data: Prepared, model: nn.Module, weights: bytes | None
) -> tuple[nn.Module, Prepared]:
    """Load the weights that the settings start from, and apply their strategy.

    Args:
        model: freshly built; its classifier stays as it is.
        weights: the artefact of the pretraining, where the settings ask for one.

    Returns:
        The network, and the dataset with the normalisation that the weights expect.

    Raises:
        DataError, ModelError, SettingsError: weights or strategy do not fit the network.
        TrialError: the artefact is missing.
    """
    if settings.start is not None:
        pretrain = settings.start.pretrain
        if pretrain is not None and pretrain.submodels:
            wanted = _merged(model, settings.model, data, weights)
        else:
            wanted = loaded(
                settings.start, model, settings.model, data.shape[0], lambda: _calibration(data), weights
            )
        data = replace(data, mean=wanted.mean, std=wanted.std)
    if settings.method is not None:
        model = laid_out(strategy.apply(model, settings.method, size=data.shape[1:]))
    return model, data


def loaded(
    start: StartSettings,
    model: nn.Module,
    settings: ModelSettings,
    channels: int,
    calibration: Callable[[], Tensor],
    weights: bytes | None,
) -> checkpoint.Normalisation:
    """Fill a freshly built network with the weights that a training starts from; its classifier stays as it is.

    Args:
        settings: the model's.
        channels: of the training images.
        calibration: gives some of them, [N, C, H, W], for checkpoints whose normalisations are folded.
        weights: the artefact of the pretraining, where there is one.

    Returns:
        What the weights expect of their input.

    Raises:
        DataError, ModelError, SettingsError: the weights cannot be had, or do not fit the network or the images.
        TrialError: the artefact is missing.
    """
    if start.weights is not None:
        images = calibration() if len(checkpoint.HALF.mean) == channels else None
        wanted = checkpoint.load(start.weights, model, settings, images)
    elif weights is not None:
        wanted = checkpoint.load_state(weights, model)
    else:
        raise TrialError("the trained weights that it starts from were not handed over")
    if len(wanted.mean) != channels:
        raise ModelError(
            f"the weights expect images of {len(wanted.mean)} channels, the dataset's have {channels}",
            expected="weights of a network for images of the same kind",
        )
    return wanted


def _merged(
    model: nn.Module, settings: ModelSettings, data: Prepared, weights: bytes | None
) -> checkpoint.Normalisation:
    """Fill the paths of a network with those that were trained first."""
    if weights is None:
        raise TrialError("the trained submodels that it is merged from were not handed over")
    submodels = registry.build(
        submodels_of(settings), in_channels=data.shape[0], classes=data.classes, size=data.shape[1:]
    )
    wanted = checkpoint.load_state(weights, submodels, "the trained submodels", whole=True)
    merge(cast("DualInput", submodels), cast("DualPath", model))
    return wanted


def _calibration(data: Prepared) -> Tensor:
    """Images from all over the training set, the same for every seed, as folded checkpoints want them."""
    chosen = np.linspace(0, len(data.train_images) - 1, min(CALIBRATION, len(data.train_images))).astype(int)
    half = replace(data, mean=checkpoint.HALF.mean, std=checkpoint.HALF.std)
    return torch.cat([images for images, _ in evaluation_batches(half, "train", chosen, batch=32)])
