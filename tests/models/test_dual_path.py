"""The two paths as one network of two groups, against the same layers one after the other."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, relu

from edgebench.claim.settings import ModelSettings, ProfileSettings
from edgebench.errors import ModelError, SettingsError
from edgebench.measure.profile_trial import run_profile
from edgebench.models import registry
from edgebench.models.dual_path import DualPath

SIZES = [(1, (28, 28)), (3, (32, 32)), (1, (10, 13)), (2, (11, 12)), (1, (31, 29))]


def layer_by_layer(model: DualPath, x: Tensor) -> Tensor:
    features = [path(x) for path in model.paths]
    out: Tensor = model.classifier(relu(model.fusion(torch.cat(features, 1))))
    return out


@pytest.mark.parametrize(("channels", "size", "count"), [(1, (28, 28), 14_862), (3, (32, 32), 19_622)])
def test_parameters_are_the_published_ones(channels: int, size: tuple[int, int], count: int) -> None:
    model = registry.build(ModelSettings(name="dual-path"), in_channels=channels, classes=10, size=size)
    assert sum(parameter.numel() for parameter in model.parameters()) == count
    assert model(torch.zeros(2, channels, *size)).shape == (2, 10)


def test_a_profile_counts_the_layers_of_the_architecture() -> None:
    settings = ProfileSettings.model_validate({"model": "dual-path", "input": [1, 1, 28, 28], "classes": 10})
    metrics = run_profile(settings, 0).metrics
    path = 26 * 26 * 9 * 10 + 11 * 11 * 90 * 20 + 25 * 20 * 10
    assert metrics["params"] == 14_862
    assert metrics["macs"] == 2 * path + 20 * 32 + 32 * 10


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("channels", "size"), SIZES)
def test_equals_its_layers_one_after_the_other(
    channels: int, size: tuple[int, int], memory: torch.memory_format
) -> None:
    torch.manual_seed(0)
    model = DualPath(channels, 7, size).to(memory_format=memory, dtype=torch.float64)
    images = torch.randn(6, channels, *size, dtype=torch.float64)
    images = images.contiguous(memory_format=memory).requires_grad_()
    labels = torch.arange(6)
    found = []
    for run in (model, lambda x: layer_by_layer(model, x)):
        logits = run(images)
        wanted = [images, *model.parameters()]
        found.append([logits.detach(), *torch.autograd.grad(cross_entropy(logits, labels), wanted)])
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-12)
        assert one.abs().max() > 0


def test_images_that_leave_nothing_are_refused() -> None:
    with pytest.raises(ModelError, match="9 × 12 are too small"):
        DualPath(1, 10, (9, 12))


def test_an_option_of_another_network_is_refused() -> None:
    with pytest.raises(SettingsError, match="no option 'stem'"):
        registry.check(ModelSettings(name="dual-path", stem="small"))


def test_the_paths_start_from_different_weights() -> None:
    first, second = (path.first for path in DualPath().paths)
    assert isinstance(first, nn.Conv2d)
    assert isinstance(second, nn.Conv2d)
    assert not torch.equal(first.weight, second.weight)
