"""A small arm to train, and changes of it."""

from __future__ import annotations

from typing import Any

from edgebench.claim.settings import TrainSettings

BASE: dict[str, Any] = {
    "model": {"name": "micronet"},
    "data": {"name": "digits", "train": 64, "val": 50},
    "augment": {"crop": 1, "flip": True},
    "optimiser": {"name": "sgd", "lr": 0.05, "momentum": 0.9},
    "epochs": 2,
    "batch": 16,
}


def settings(**change: Any) -> TrainSettings:
    """The base with some keys changed; of a changed group, the other keys stay."""
    merged = {
        key: {**BASE.get(key, {}), **value} if isinstance(value, dict) else value
        for key, value in change.items()
    }
    return TrainSettings.model_validate(BASE | merged)
