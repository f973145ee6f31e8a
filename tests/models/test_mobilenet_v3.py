"""Counts are those of NetAug's Table 1, and of torchvision's network where the two agree."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from edgebench.measure.profile import profile
from edgebench.methods.netaug import augment
from edgebench.models.irb import InvertedResidual
from edgebench.models.mobilenet_v3 import MobileNetV3


def test_counts_at_width_035_are_those_of_table_1() -> None:
    with torch.device("meta"):
        model = MobileNetV3(width=0.35)
    counted = profile(model.eval(), (1, 3, 160, 160))
    assert counted.params == 2_109_840
    assert counted.macs == 19_495_688
    assert counted.macs + counted.scalings == 19_599_888
    norms = sum(2 * m.num_features for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    assert counted.params - norms == 2_101_264


def test_layers_at_width_1_are_torchvisions() -> None:
    with torch.device("meta"):
        ours, theirs = MobileNetV3(), torchvision.models.mobilenet_v3_large()

    def layers(model: nn.Module) -> list[tuple[object, ...]]:
        return [
            (m.weight.numel(), getattr(m, "kernel_size", None), getattr(m, "stride", None))
            for m in model.modules()
            if isinstance(m, nn.Conv2d | nn.Linear | nn.BatchNorm2d)
        ]

    assert layers(ours) == layers(theirs)
    for size in (224, 160):
        counted, expected = (profile(model.eval(), (1, 3, size, size)) for model in (ours, theirs))
        assert (counted.macs, counted.scalings) == (expected.macs, expected.scalings)
        assert counted.flops_forward == expected.flops_forward


@pytest.mark.parametrize("width", [0.1, 0.35, 1.0, 1.5])
def test_width_scales_all_but_the_hidden_layer_below_1(width: float) -> None:
    with torch.device("meta"):
        model = MobileNetV3(width=width, classes=7)
    assert model.classifier.in_features == (1920 if width == 1.5 else 1280)
    blocks = [block for block in model.blocks if isinstance(block, InvertedResidual)]
    assert [block.shortcut for block in blocks].count(True) == 10
    assert blocks[0].expand is None
    for block in blocks[1:]:
        assert block.expand is not None
        assert block.expand.conv.out_channels % 8 == 0
    narrowest = [block.se.reduce.out_channels for block in blocks if block.se is not None]
    assert len(narrowest) == 8
    assert min(narrowest) >= 16


def test_shapes_dropout_and_fresh_weights() -> None:
    torch.manual_seed(0)
    model = MobileNetV3(1, classes=5, width=0.35, dropout=0.5).eval()
    x = torch.randn(3, 1, 40, 40)
    assert model(x).shape == (3, 5)
    assert torch.equal(model(x), model(x))
    model.dropout.train()
    assert not torch.equal(model(x), model(x))
    assert model.hidden[0].weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert model.hidden[0].bias.abs().max() == 0


def test_netaug_covers_it() -> None:
    """Widths of stem (and the first block, which adds its input), five stages, mix and hidden layer."""
    model = MobileNetV3(width=0.35, classes=10)
    net = augment(model, (1.0, 1.2), (1.0, 1.3), torch.Generator().manual_seed(0))
    assert (len(net.dials.widths), len(net.dials.expansions), len(net.dials.reductions)) == (8, 14, 8)
    images = torch.randn(4, 3, 32, 32)
    assert torch.equal(net.eval()(images), model.eval()(images))
    net.train().backward(images, torch.arange(4), nn.functional.cross_entropy)
    net.recalibrate([images])
    assert torch.equal(net.export().eval()(images), net.eval()(images))
