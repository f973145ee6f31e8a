"""What a stack leaves: the trained weights of every seed, as its training alone would have left them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from edgebench.data.prepared import prepare
from edgebench.models import checkpoint
from edgebench.run.record import Measured
from edgebench.train import stacked
from edgebench.train.stacked import Stack, run_stacked
from edgebench.train.start import build_model
from edgebench.train.trial import run_training
from tests.train.fixtures import settings

# Few and small steps, so that rounding does not grow.
ARM = settings(epochs=1, batch=32, optimiser={"lr": 0.01})
SEEDS = (3, 1)


def loaded(found: Measured) -> dict[str, Tensor]:
    """The kept network's parameters and statistics."""
    assert found.artefact is not None
    model = build_model(ARM, prepare(ARM.data), 0)
    checkpoint.load_state(found.artefact, model, "the trained weights", whole=True)
    return model.state_dict()


def distance(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    assert one.keys() == other.keys()
    return max(float((value.double() - other[name].double()).abs().max()) for name, value in one.items())


@pytest.fixture(scope="module")
def alone() -> list[dict[str, Tensor]]:
    return [loaded(run_training(ARM, seed, keeps=True)) for seed in SEEDS]


def test_each_seed_keeps_the_weights_of_its_training_alone(alone: list[dict[str, Tensor]]) -> None:
    together = [loaded(each) for each in run_stacked(ARM, SEEDS, keeps=True)]
    for found, expected in zip(together, alone, strict=True):
        assert distance(found, expected) < 1e-4
    assert distance(*alone) > 0.1, "the seeds do differ"


def test_weights_are_kept_only_when_asked_for_and_not_of_a_seed_that_diverged(
    alone: list[dict[str, Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [each.artefact for each in run_stacked(ARM, SEEDS)] == [None, None]
    fit = stacked._fit

    def first_diverges(*arguments: Any) -> list[bool]:
        return [False, *fit(*arguments)[1:]]

    monkeypatch.setattr(stacked, "_fit", first_diverges)
    lost, kept = run_stacked(ARM, SEEDS, keeps=True)
    assert lost.diverged
    assert lost.artefact is None
    assert distance(loaded(kept), alone[1]) < 1e-4


def test_networks_get_their_values_back_bit_for_bit() -> None:
    def network() -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))

    torch.manual_seed(0)
    trained = [network().train() for _ in range(3)]
    images = torch.randn(3, 4, 1, 5, 5)
    stack = Stack(trained).train()
    blank = [network() for _ in range(3)]
    stack(images)  # moves the statistics of the stack, and not those of the networks that it was made of
    stack.hand_back(blank)
    for index, each in enumerate(trained):
        with torch.no_grad():
            each(images[index])
        expected, found = each.state_dict(), blank[index].state_dict()
        for name in ("0.weight", "0.bias", "1.weight", "1.bias", "1.num_batches_tracked"):
            assert torch.equal(found[name], expected[name]), name
        for name in ("1.running_mean", "1.running_var"):
            assert torch.allclose(found[name], expected[name], rtol=1e-5), name
