"""MobileNetV2 at dual-path's numbers of parameters."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgebench.claim.settings import ModelSettings
from edgebench.models import registry
from edgebench.models.irb import InvertedResidual
from edgebench.models.mobile import MobileNet


def build(name: str, channels: int, size: int) -> MobileNet:
    model = registry.build(ModelSettings(name=name), in_channels=channels, classes=10, size=(size, size))
    assert isinstance(model, MobileNet)
    return model


CASES = [("mobilenetv2-15k", 1, 28, 14_858), ("mobilenetv2-20k", 3, 32, 19_498)]


@pytest.mark.parametrize(("name", "channels", "size", "count"), CASES)
def test_parameters_are_just_below_those_of_dual_path(
    name: str, channels: int, size: int, count: int
) -> None:
    model = build(name, channels, size)
    dual = registry.build(
        ModelSettings(name="dual-path"), in_channels=channels, classes=10, size=(size, size)
    )
    budget = sum(each.numel() for each in dual.parameters())
    assert sum(each.numel() for each in model.parameters()) == count
    assert 0.97 * budget <= count <= budget
    assert model(torch.zeros(2, channels, size, size)).shape == (2, 10)


@pytest.mark.parametrize(("name", "channels", "size", "count"), CASES)
def test_it_is_built_as_mobilenet_v2_is(name: str, channels: int, size: int, count: int) -> None:
    model = build(name, channels, size)
    table = registry.build(
        ModelSettings(name="torchvision:mobilenet_v2", width=0.25), in_channels=channels, classes=10
    )
    first_of_stages = [table.features[index] for index in (1, 2, 4, 7, 11)]  # type: ignore[index, union-attr]
    blocks = list(model.blocks)
    assert all(isinstance(block, InvertedResidual) for block in blocks)
    starts = [block for block in blocks if not block.shortcut]
    assert [block.project.conv.out_channels for block in starts] == [
        block.out_channels for block in first_of_stages
    ]
    for block in blocks[1:]:
        assert block.depthwise.conv.groups == 6 * block.expand.conv.in_channels  # type: ignore[union-attr]
        assert [type(layer) for layer in block.project] == [nn.Conv2d, nn.BatchNorm2d]  # type: ignore[union-attr]
    assert {type(m) for m in model.modules() if "ReLU" in type(m).__name__} == {nn.ReLU6}
    maps = model.blocks(model.stem(torch.zeros(2, channels, size, size)))
    assert maps.shape[2:] == (4, 4)
