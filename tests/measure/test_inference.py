"""What a training records of inference, against the profiler, which counts on the meta device."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgebench.claim.settings import MethodSettings, ModelSettings
from edgebench.measure.inference import inference_costs
from edgebench.measure.profile import profile
from edgebench.methods import strategy
from edgebench.models import registry


@pytest.mark.parametrize("method", [None, MethodSettings(name="mobiletl", blocks=2, frozen_bits=8)])
@pytest.mark.parametrize(
    "settings", [ModelSettings(name="micronet", se=True), ModelSettings(name="mbv2-w0.35")]
)
def test_the_profilers_counts(settings: ModelSettings, method: MethodSettings | None) -> None:
    model = registry.build(settings, in_channels=3, classes=10, size=(32, 32))
    if method is not None:
        model = strategy.apply(model, method)
    before = {name: each.clone() for name, each in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    found = inference_costs(model, (3, 32, 32))
    # A profile counts in training mode, in which one image has no statistics once its map is a single value.
    assert 2 * found["macs"] == profile(model, (2, 3, 32, 32)).macs
    stored = (*model.parameters(), *model.buffers())
    assert found["model_bytes"] == sum(each.numel() * each.element_size() for each in stored)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_a_layer_without_a_rule_is_not_passed_over() -> None:
    model = nn.Sequential(nn.Flatten(), nn.LayerNorm(12), nn.Linear(12, 2))
    assert set(inference_costs(model, (3, 2, 2))) == {"model_bytes"}
