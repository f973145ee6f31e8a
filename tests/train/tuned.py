"""Small fine-tunings, what they start from, and their datasets."""

from __future__ import annotations

from typing import Any

from edgebench.claim.settings import TrainSettings
from edgebench.train.trial import run_training
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
