"""Counts are those of NetAug's Table 1 and MobileTL's Table 3; see the modules of the networks."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgebench.claim.settings import ModelSettings
from edgebench.measure.profile.trace import profile
from edgebench.models import proxyless, registry
from edgebench.models.irb import InvertedResidual
from edgebench.models.mobile import Layout, MobileNet, Stage


@pytest.mark.parametrize(
    ("name", "width", "classes", "size", "parameters", "macs"),
    [
        ("proxyless-mobile", None, 100, 224, 2_927_612, None),
        ("proxyless-mobile", None, 1000, 160, 4_080_512, 164_110_400),
        ("proxyless-mobile", 0.35, 1000, 160, 1_781_344, 35_716_800),
        ("mobilenetv2-tiny", None, 1000, 144, 750_280, 23_499_152),
        ("mcunet", None, 1000, 176, 737_408, 81_785_520),
        ("torchvision:mobilenet_v2", 0.35, 1000, 160, 1_677_128, 30_874_800),
        ("torchvision:mobilenet_v2", None, 1000, 160, 3_504_872, 154_083_200),
        ("torchvision:mobilenet_v3_small", None, 1000, 224, 2_542_856, 56_510_400),
        ("torchvision:resnet50", None, 1000, 224, 25_557_032, 4_089_184_256),
    ],
)
def test_parameters_and_macs_are_the_published_ones(
    name: str, width: float | None, classes: int, size: int, parameters: int, macs: int | None
) -> None:
    with torch.device("meta"):
        model = registry.build(ModelSettings(name=name, width=width), in_channels=3, classes=classes)
    counted = profile(model.eval(), (1, 3, size, size))
    assert counted.params == parameters
    assert macs is None or counted.macs == macs


def test_proxyless_has_the_normalisations_and_shortcuts_of_table_3() -> None:
    with torch.device("meta"):
        model = proxyless.proxyless_mobile(classes=100)
    affine = sum(2 * m.num_features for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    assert affine == 34_496
    blocks = [block for block in model.blocks if isinstance(block, InvertedResidual)]
    assert len(blocks) == 20
    assert sum(block.shortcut for block in blocks) == 13
    last = [sum(p.numel() for p in block.parameters()) for block in blocks[-3:]]
    assert last == [252_096, 252_096, 651_520]


def test_the_first_block_of_a_stage_has_no_shortcut_even_where_shapes_agree() -> None:
    layout = Layout(8, 8, (Stage(8, 1, (3, 3), (3, 5)),), mix=None)
    model = MobileNet(layout, classes=4)
    assert [block.shortcut for block in model.blocks] == [False, False, True]
    assert [block.depthwise.conv.kernel_size[0] for block in model.blocks] == [3, 3, 5]  # type: ignore[union-attr]
    assert model.blocks[0].expand is None


@pytest.mark.parametrize("width", [0.1, 0.35, 1.0, 1.4])
def test_width_scales_all_channels_but_never_shrinks_the_mix_layer(width: float) -> None:
    scaled = proxyless.LAYOUT.scaled(width)
    channels = [scaled.stem, scaled.first, *(stage.channels for stage in scaled.stages)]
    full = [32, 16, 32, 40, 80, 96, 192, 320]
    assert all(c % 8 == 0 and c >= 8 and c >= 0.9 * width * f for c, f in zip(channels, full, strict=True))
    assert scaled.mix == max(1280, 1792 if width == 1.4 else 0)
    assert [stage.kernels for stage in scaled.stages] == [stage.kernels for stage in proxyless.LAYOUT.stages]


@pytest.mark.parametrize("mix", [None, 24])
def test_shapes_and_dropout(mix: int | None) -> None:
    layout = Layout(8, 8, (Stage(16, 2, (3,), (3,)),), mix)
    model = MobileNet(layout, in_channels=2, classes=5, dropout=0.5).eval()
    x = torch.randn(3, 2, 20, 20)
    assert model(x).shape == (3, 5)
    assert torch.equal(model(x), model(x))
    model.dropout.train()
    assert not torch.equal(model(x), model(x))


def test_weights_start_as_those_of_mobilenet_v2() -> None:
    torch.manual_seed(0)
    model = proxyless.proxyless_mobile(classes=100)
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 10_000:
            fan_out = module.out_channels * module.kernel_size[0] ** 2
            assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)
    assert model.classifier.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert model.classifier.bias.abs().max() == 0
