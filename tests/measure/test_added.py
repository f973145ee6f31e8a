"""Metrics of other packages: by their names in effects, and with a diverged network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgebench import plugins
from edgebench.measure.added import added

METRICS = {
    "pack-age:seen": plugins.Metric("pack.code:images", "", "test images"),
    "pack-age:mode": plugins.Metric("pack.code:training", "", "whether it trains", worst=1.0),
}
CODE = {
    "pack.code:images": lambda model, test: sum(len(images) for images, _ in test),
    "pack.code:training": lambda model, test: model.training,
}


@pytest.fixture(autouse=True)
def _package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "entry", lambda kind, name: METRICS[name])
    monkeypatch.setattr(plugins, "target", lambda kind, name, path: CODE[path])


def test_the_network_is_measured_in_evaluation_mode() -> None:
    model, test = (
        nn.Linear(2, 2).train(),
        [(torch.zeros(3, 2), torch.zeros(3)), (torch.zeros(1, 2), torch.zeros(1))],
    )
    assert added(list(METRICS), model, test, diverged=False) == {"pack_age.seen": 4.0, "pack_age.mode": 0.0}


def test_of_a_diverged_network_only_what_divergence_cannot_change() -> None:
    test = [(torch.zeros(3, 2), torch.zeros(3))]
    assert added(list(METRICS), nn.Linear(2, 2), test, diverged=True) == {"pack_age.seen": 3.0}
