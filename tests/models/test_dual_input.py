"""Submodels side by side, against the same submodels one by one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils import prune

from edgebench.claim.settings import ModelSettings
from edgebench.errors import ModelError
from edgebench.models import registry
from edgebench.models.dual_input import DualInput
from edgebench.models.dual_path import DualPath
from edgebench.models.paths import all_of


@pytest.mark.parametrize(
    ("options", "channels", "size", "count"),
    [
        ({}, 1, (28, 28), 13_860),
        ({"paths": 1}, 1, (28, 28), 6_930),
        ({}, 3, (32, 32), 2 * (280 + 1_820 + 7_210)),
        ({"paths": 1, "width": 2.0}, 1, (28, 28), 20 * 10 + 40 * 181 + 10 * 1_001),
    ],
)
def test_parameters(options: dict[str, float], channels: int, size: tuple[int, int], count: int) -> None:
    settings = ModelSettings.model_validate({"name": "dual-input", **options})
    model = registry.build(settings, in_channels=channels, classes=10, size=size)
    assert sum(parameter.numel() for parameter in model.parameters()) == count


@pytest.mark.parametrize("own", [False, True], ids=["one image for both", "an image for each"])
@pytest.mark.parametrize(("channels", "size"), [(1, (28, 28)), (3, (32, 32)), (2, (11, 13))])
def test_equals_its_paths_one_by_one(channels: int, size: tuple[int, int], own: bool) -> None:
    torch.manual_seed(0)
    model = DualInput(channels, 7, size).to(dtype=torch.float64, memory_format=torch.channels_last)
    images = torch.randn(6, channels * (2 if own else 1), *size, dtype=torch.float64)
    shown = images.chunk(2, 1) if own else (images, images)
    labels = torch.arange(6)
    wanted = list(model.parameters())
    together = model(images)
    apart = torch.cat([path(each) for path, each in zip(model.paths, shown, strict=True)])
    assert together.shape == (12, 7)
    found = [
        torch.autograd.grad(cross_entropy(logits, labels.repeat(2)), wanted) for logits in (together, apart)
    ]
    assert torch.allclose(together, apart, rtol=1e-9, atol=1e-12)
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-12)
        assert one.abs().max() > 0


def test_in_evaluation_it_has_the_mean_of_the_probabilities() -> None:
    torch.manual_seed(0)
    model = DualInput().eval()
    images = torch.randn(3, 1, 28, 28)
    parts = list(model.parts.values())
    mean = torch.stack([part(images).softmax(1) for part in parts]).mean(0)
    assert torch.allclose(model(images).softmax(1), mean, atol=1e-6)
    assert torch.allclose(model(images).exp().sum(1), torch.ones(3), atol=1e-6), "log-probabilities"
    assert list(model.parts) == ["first", "second"]


def test_one_path_is_an_ordinary_network() -> None:
    model = DualInput(paths=1)
    images = torch.randn(3, 1, 28, 28)
    assert torch.allclose(model(images), model.eval()(images), atol=1e-6)
    assert model(images).shape == (3, 10)
    assert model.parts == {}


@pytest.mark.parametrize("network", [DualInput, DualPath])
def test_a_pruned_layer_is_seen_pruned(network: type[DualInput] | type[DualPath]) -> None:
    torch.manual_seed(0)
    model = network()
    layer = all_of(model.paths)[1].second
    prune.random_unstructured(layer, "weight", 0.5)  # type: ignore[no-untyped-call]
    images = torch.randn(3, 1, 28, 28)

    def by_hand(x: Tensor) -> list[Tensor]:
        return [path(x) for path in model.paths]

    model.train()
    out = model(images)
    out.square().sum().backward()
    mask = layer.weight_mask
    assert torch.all(layer.weight_orig.grad[mask == 0] == 0)  # type: ignore[index]
    assert torch.any(layer.weight_orig.grad[mask == 1] != 0)  # type: ignore[index]
    if isinstance(model, DualInput):
        assert torch.allclose(out, torch.cat(by_hand(images)))


def test_images_of_other_channels_are_refused() -> None:
    with pytest.raises(ModelError, match="images of 3 channels for 2 paths of 1; expected 1, or 2"):
        DualInput().eval()(torch.zeros(1, 3, 28, 28))
