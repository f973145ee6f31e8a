"""Progressive unfreezing: what trains, and that what is frozen computes as in evaluation."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgebench.errors import SettingsError
from edgebench.methods.unfreezing import Unfreezing


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.9), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4),
        nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 2),
    )  # fmt: skip


@pytest.mark.parametrize(("layers", "first"), [(1, "8."), (2, "6."), (3, "3."), (4, "0."), (None, "0.")])
def test_the_last_layers_train_with_what_follows_them(layers: int | None, first: str) -> None:
    model = network()
    Unfreezing(layers).wrap(model)
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert trained == [name for name, _ in model.named_parameters() if name >= first]


def test_frozen_layers_compute_as_in_evaluation() -> None:
    model = network()
    unfreezing = Unfreezing(2)
    unfreezing.wrap(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    prefix = model[:6]
    images = torch.randn(5, 1, 6, 6)
    expected = prefix.eval()(images)
    model.train()
    unfreezing.before_epoch(model, 1, 1)
    optimiser = torch.optim.SGD([each for each in model.parameters() if each.requires_grad], lr=0.1)
    for _ in range(3):
        assert torch.equal(prefix(images), expected)
        optimiser.zero_grad()
        model(images).square().sum().backward()
        optimiser.step()
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"6.weight", "6.bias", "8.weight", "8.bias"}
    assert model[7].training, "what is not frozen trains"


def test_what_was_frozen_can_train_again() -> None:
    model = network()
    Unfreezing(1).wrap(model)
    unfreezing = Unfreezing(None)
    unfreezing.wrap(model)
    model.train()
    unfreezing.before_epoch(model, 1, 1)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(module.training for module in model.modules())


def test_more_layers_than_there_are_are_refused() -> None:
    with pytest.raises(SettingsError, match="'unfrozen' is 5, and the network has 4 convolutions and linear"):
        Unfreezing(5).wrap(network())
