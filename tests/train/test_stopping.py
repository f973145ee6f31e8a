"""Early stopping: after which epoch, and with whose weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from edgebench.claim.optimisation import StopSettings
from edgebench.train.stopping import EarlyStopping, Score


def watched(losses: list[float], hits: list[int] | None = None, **settings: Any) -> tuple[int, float, int]:
    """Epochs until it stopped, the weight that the network ends with (that of epoch i is i), and how old it is."""
    model = nn.Linear(1, 1)
    stopping = EarlyStopping(StopSettings(**settings) if settings else None)
    epoch = 0
    for epoch, loss in enumerate(losses, 1):
        nn.init.constant_(model.weight, epoch)
        correct = torch.arange(4) < (hits[epoch - 1] if hits else 0)
        if stopping.stops(model, Score(loss, correct)):
            break
    ago = stopping.finish(model)
    return epoch, model.weight.item(), ago


@pytest.mark.parametrize(
    ("losses", "settings", "expected"),
    [
        ([3, 2, 1, 1, 1, 1], {"patience": 2}, (5, 3, 2)),  # a tie is no improvement
        ([3, 2, 2.5, 1, 5, 5, 5], {"patience": 2}, (6, 4, 2)),  # patience starts anew with every best
        ([3, 2, 2.5, 1, 5, 5, 5], {"patience": 1}, (3, 2, 1)),
        ([3, 2, 2.5, 1, 5, 5, 5], {"patience": 2, "keep": "last"}, (6, 6, 0)),
        ([3, 2, 1], {"patience": 2}, (3, 3, 0)),  # the epochs were over before
        ([3, 1, 2], {"patience": 2}, (3, 2, 1)),
        ([3, 4, 5], {}, (3, 3, 0)),
    ],
)
def test_by_the_loss(losses: list[float], settings: dict[str, Any], expected: tuple[int, float, int]) -> None:
    assert watched(losses, **settings) == expected


def test_by_the_accuracy() -> None:
    found = watched([1, 2, 3, 4], hits=[1, 3, 2, 2], patience=2, metric="val_top1")
    assert found == (4, 2, 2)
