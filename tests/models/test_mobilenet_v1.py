"""MobileNet v1 against the published counts and the paper's own table of layers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgebench.measure.profile import profile
from edgebench.models.mobilenet_v1 import MobileNetV1


def test_parameters_and_macs_are_the_published_ones() -> None:
    counted = profile(MobileNetV1(), (1, 3, 224, 224))
    assert counted.params == 4_231_976
    assert counted.macs == 568_740_352


def test_layers_follow_the_table() -> None:
    shapes: list[tuple[int, ...]] = []
    model = MobileNetV1().eval()
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _m, inputs, _o: shapes.append(tuple(inputs[0].shape[1:])))
    with torch.inference_mode():
        model(torch.zeros(1, 3, 224, 224))
    first = [(3, 224, 224), (32, 112, 112), (32, 112, 112), (64, 112, 112), (64, 56, 56), (128, 56, 56)]
    assert shapes[: len(first)] == first
    # The input sizes that the table gives from the five equal layers on; the last depthwise row keeps its 7×7 map.
    assert shapes[13:23] == [(512, 14, 14)] * 10
    assert shapes[23:] == [(512, 14, 14), (512, 7, 7), (1024, 7, 7), (1024, 7, 7)]


@pytest.mark.parametrize(("stem", "side"), [(None, 1), ("small", 2)])
def test_small_images_end_at_the_documented_map(stem: str | None, side: int) -> None:
    model = MobileNetV1(classes=10, width=0.25, stem=stem).eval()
    with torch.inference_mode():
        assert model.features(torch.zeros(1, 3, 32, 32)).shape[2:] == (side, side)
        assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_narrow_networks_keep_eight_channels() -> None:
    smallest = min(m.out_channels for m in MobileNetV1(width=0.01).modules() if isinstance(m, nn.Conv2d))
    assert smallest == 8
