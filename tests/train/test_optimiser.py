"""Optimisers: options that reach torch, options that are refused, one step against its formula."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from edgebench.claim.settings import OptimiserSettings
from edgebench.errors import SettingsError
from edgebench.train.optimiser import build_optimiser, trainable_parameters


def weight(value: float = 2.0) -> nn.Linear:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, value)
    return model


def stepped(gradients: list[float], **settings: Any) -> float:
    model = weight()
    optimiser = build_optimiser(OptimiserSettings(**settings), model)
    for gradient in gradients:
        model.weight.grad = torch.full_like(model.weight, gradient)
        optimiser.step()
    return model.weight.item()


def test_sgd() -> None:
    assert stepped([1.0], name="sgd", lr=0.1) == pytest.approx(1.9)
    assert stepped([1.0, 1.0], name="sgd", lr=0.1, momentum=0.5) == pytest.approx(2 - 0.1 - 0.15)
    assert stepped([1.0], name="sgd", lr=0.1, momentum=0.5, nesterov=True) == pytest.approx(2 - 0.15)
    assert stepped([0.0], name="sgd", lr=0.1, weight_decay=0.5) == pytest.approx(2 - 0.1)


def test_adam_moves_by_its_rate_whatever_the_gradient() -> None:
    for name in ("adam", "adamw"):
        assert stepped([1000.0], name=name, lr=0.1) == pytest.approx(1.9)
        assert stepped([-1e-3], name=name, lr=0.1) == pytest.approx(2.1, abs=1e-4)


def test_decay_is_coupled_in_adam_and_decoupled_in_adamw() -> None:
    assert stepped([0.0], name="adamw", lr=0.1, weight_decay=0.5) == pytest.approx(2 * (1 - 0.05))
    assert stepped([0.0], name="adam", lr=0.1, weight_decay=0.5) == pytest.approx(1.9)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "nadam"])
@pytest.mark.parametrize("decay", [None, "weights"])
def test_biases_and_normalisations_decay_unless_only_weights_do(name: str, decay: str | None) -> None:
    model = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, 2))
    for parameter in model.parameters():
        nn.init.constant_(parameter, 2.0)
        parameter.grad = torch.zeros_like(parameter)
    settings = OptimiserSettings.model_validate(
        {"name": name, "lr": 0.1, "weight_decay": 0.5, "decay": decay}
    )
    optimiser = build_optimiser(settings, model)
    optimiser.step()
    assert len({id(each) for group in optimiser.param_groups for each in group["params"]}) == 6
    for path, parameter in model.named_parameters():
        decays = decay is None or path in ("0.weight", "3.weight")
        assert bool((parameter < 1.95).all()) is decays, path
        assert bool((parameter == 2.0).all()) is not decays, path


def test_a_stack_tells_weights_by_their_own_dimensions() -> None:
    vectors, weights = nn.Parameter(torch.full((5, 3), 2.0)), nn.Parameter(torch.full((5, 2, 3), 2.0))
    stack = nn.ParameterList([vectors, weights])
    settings = OptimiserSettings(name="sgd", lr=0.1, weight_decay=0.5, decay="weights")
    optimiser = build_optimiser(settings, stack, stacked=1)
    assert [(len(group["params"]), group["weight_decay"]) for group in optimiser.param_groups] == [
        (1, 0.5),
        (1, 0.0),
    ]
    assert optimiser.param_groups[0]["params"][0] is weights


def test_where_everything_is_of_one_kind_there_is_one_group() -> None:
    settings = OptimiserSettings(name="sgd", lr=0.1, weight_decay=0.5, decay="weights")
    assert len(build_optimiser(settings, weight()).param_groups) == 1


def test_nadam_moves_against_the_gradient() -> None:
    assert 1.8 < stepped([5.0], name="nadam", lr=0.1) < 2.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "sgd", "nesterov": True}, "nesterov without momentum"),
        ({"name": "adam", "momentum": 0.9}, "optimiser 'adam' has no 'momentum'"),
        ({"name": "adamw", "nesterov": False}, "optimiser 'adamw' has no 'nesterov'"),
        ({"name": "nadam", "momentum": 0.0}, "optimiser 'nadam' has no 'momentum'"),
    ],
)
def test_options_that_do_not_fit(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        build_optimiser(OptimiserSettings(lr=0.1, **settings), weight())


def test_frozen_parameters_are_left_out() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    optimiser = build_optimiser(OptimiserSettings(name="sgd", lr=0.1), model)
    assert sum(each.numel() for group in optimiser.param_groups for each in group["params"]) == 10
    assert trainable_parameters(model) == 10
