from __future__ import annotations

import pytest
import torch
from torch import nn

from edgebench.errors import SettingsError
from edgebench.models import torchvision_models


def _parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_known_parameter_numbers() -> None:
    assert _parameters(torchvision_models.build("mobilenet_v2")) == 3_504_872
    assert _parameters(torchvision_models.build("mobilenet_v2", width=0.35)) == 1_677_128
    assert _parameters(torchvision_models.build("mobilenet_v3_small")) == 2_542_856


@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v3_small", "resnet18", "shufflenet_v2_x0_5"])
def test_small_stem_keeps_the_resolution_of_small_images(name: str) -> None:
    model = torchvision_models.build(name, in_channels=1, classes=4, stem="small").eval()
    sides: list[int] = []
    first = next(m for m in model.modules() if isinstance(m, nn.Conv2d))
    first.register_forward_hook(lambda m, args, out: sides.append(out.shape[2]))
    assert model(torch.randn(2, 1, 32, 32)).shape == (2, 4)
    assert sides == [32]
    assert first.in_channels == 1
    assert not any(isinstance(m, nn.MaxPool2d) for m in model.modules())


def test_small_stem_of_a_residual_network_is_3x3() -> None:
    conv = torchvision_models.build("resnet18", stem="small").conv1
    assert (conv.kernel_size, conv.stride, conv.padding) == ((3, 3), (1, 1), (1, 1))


@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v3_small", "resnet18", "mnasnet0_5"])
def test_dropout_only_when_asked_for(name: str) -> None:
    def rates(model: nn.Module) -> list[float]:
        return [m.p for m in model.modules() if isinstance(m, nn.Dropout) and m.p > 0]

    assert rates(torchvision_models.build(name, classes=10)) == []
    assert rates(torchvision_models.build(name, classes=10, dropout=0.3)) == [0.3]


def test_a_dropout_layer_is_inserted_before_the_classifier() -> None:
    model = torchvision_models.build("resnet18", classes=10, dropout=0.5)
    assert [type(m) for m in model.fc] == [nn.Dropout, nn.Linear]
    assert model.eval()(torch.randn(1, 3, 32, 32)).shape == (1, 10)


def test_width_without_a_multiplier_is_refused() -> None:
    with pytest.raises(SettingsError, match="no channel multiplier"):
        torchvision_models.build("resnet18", width=0.5)
