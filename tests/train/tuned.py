"""Small fine-tunings, what they start from, and their datasets."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from edgebench.claim.augment import AugmentSettings
from edgebench.claim.settings import TrainSettings
from edgebench.data.prepared import Prepared
from edgebench.methods import strategy
from edgebench.train.trial import run_training, set_up
from tests.train.fixtures import settings

FEW = {"name": "digits", "classes": [0, 1, 2], "train": 64, "val": 50}
PRETRAIN = {"data": {"name": "digits", "train": 64}, "optimiser": {"name": "sgd", "lr": 0.1}, "epochs": 1}


def tuned(**change: Any) -> TrainSettings:
    """MobileTL on the last two blocks of micronet, from a short training, without augmentation."""
    base = {
        "data": FEW,
        "augment": {"crop": None, "flip": False},
        "method": {"name": "mobiletl", "blocks": 2},
        "start": {"pretrain": PRETRAIN},
    }
    return settings(**{**base, **change})


def weights(model: str = "micronet") -> bytes:
    """What a pretraining leaves."""
    first = settings(model={"name": model}, data={"train": 64}, epochs=1)
    artefact = run_training(first, 0, keeps=True).artefact
    assert artefact is not None
    return artefact


def part(arm: TrainSettings, data: Prepared, first: bytes) -> tuple[nn.Module, Prepared]:
    """The frozen part of an arm's network, and the dataset as it wants it."""
    whole = set_up(_cropped(arm), data, 0, torch.device("cpu"), first)
    cut = strategy.frozen_prefix(whole.whole or whole.model)
    assert cut is not None
    return cut[0], whole.data


def _cropped(arm: TrainSettings) -> TrainSettings:
    """With a crop, so that nothing is kept."""
    return arm.model_copy(update={"augment": AugmentSettings(crop=1)})
