from __future__ import annotations

from collections.abc import Callable

import pytest
import timm
import torch
import torchvision
from torch import nn

from edgebench.claim.settings import ModelSettings
from edgebench.methods.anatomy import anatomy
from edgebench.models import registry
from edgebench.models.irb import InvertedResidual

_BUILDERS: dict[str, Callable[[], nn.Module]] = {
    **{
        name: lambda name=name: registry.build(ModelSettings(name=name), in_channels=3, classes=7)  # type: ignore[misc]
        for name in ("micronet", "micro-resnet", "proxyless-mobile", "mobilenetv2-tiny", "mcunet")
    },
    **{
        name: lambda name=name: torchvision.models.get_model(name, weights=None)  # type: ignore[misc]
        for name in (
            "mobilenet_v2",
            "mobilenet_v3_small",
            "mobilenet_v3_large",
            "mnasnet0_5",
            "resnet18",
            "resnet50",
        )
    },
    **{
        f"timm:{name}": lambda name=name: timm.create_model(name, pretrained=False)  # type: ignore[misc]
        for name in ("mobilenetv2_050", "mobilenetv3_small_050", "resnet18")
    },
}


@pytest.mark.parametrize(
    ("name", "blocks", "excited", "kind"),
    [
        ("micronet", 5, 0, "inverted"),
        ("micro-resnet", 3, 0, "residual"),
        ("proxyless-mobile", 20, 0, "inverted"),
        ("mobilenetv2-tiny", 17, 0, "inverted"),
        ("mcunet", 18, 0, "inverted"),
        ("mobilenet_v2", 17, 0, "inverted"),
        ("mobilenet_v3_small", 11, 9, "inverted"),
        ("mobilenet_v3_large", 15, 8, "inverted"),
        ("mnasnet0_5", 16, 0, "inverted"),
        ("resnet18", 8, 0, "residual"),
        ("resnet50", 16, 0, "residual"),
        ("timm:mobilenetv2_050", 17, 0, "inverted"),
        ("timm:mobilenetv3_small_050", 11, 9, "inverted"),
        ("timm:resnet18", 8, 0, "residual"),
    ],
)
def test_networks(name: str, blocks: int, excited: int, kind: str) -> None:
    model = _BUILDERS[name]().eval()
    found = anatomy(model)
    assert len(found.blocks) == blocks
    assert {block.kind for block in found.blocks} == {kind}
    assert sum(block.se is not None for block in found.blocks) == excited
    assert not found.unmatched
    assert found.classifier is not None
    assert found.stem is not None
    assert (found.mix is None) == (kind == "residual" or name == "mcunet")
    # All parameters are of one part, and of one only.
    parts = [*(block.module for block in found.blocks), found.stem, found.mix, found.classifier]
    counted = [p for part in parts if part is not None for p in part.parameters()]
    assert len(counted) == len(set(counted)) == len(list(model.parameters()))
    assert (found.sequence is None) == (name.startswith(("timm", "mnasnet")))
    if found.sequence is not None:
        x = torch.randn(2, 3, 32, 32)
        assert torch.equal(nn.Sequential(*found.sequence)(x), model(x))


def test_shortcuts_and_shapes() -> None:
    ours = [b.shortcut for b in anatomy(_BUILDERS["proxyless-mobile"]()).blocks]
    assert (sum(ours), ours[0], ours[-1]) == (13, False, False)
    v2 = anatomy(_BUILDERS["mobilenet_v2"]()).blocks
    assert sum(block.shortcut for block in v2) == 10
    assert (v2[1].channels, v2[1].stride) == ((16, 24), 2)
    assert [stage.role for stage in v2[0].stages] == ["depthwise", "project"]
    wide = anatomy(_BUILDERS["resnet50"]()).blocks[0]
    assert (wide.channels, [stage.role for stage in wide.inner]) == ((64, 256), ["first", "second"])


class _Own(nn.Module):
    """A block as a user may write it: flat names, a gate of linear layers, dropout at its end."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.a, self.an, self.aa = nn.Conv2d(c, 2 * c, 1, bias=False), nn.BatchNorm2d(2 * c), nn.ReLU()
        self.b, self.bn = (
            nn.Conv2d(2 * c, 2 * c, 3, padding=1, groups=2 * c, bias=False),
            nn.BatchNorm2d(2 * c),
        )
        self.ba = nn.Hardswish()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * c, 4), nn.ReLU(), nn.Linear(4, 2 * c)
        )
        self.c, self.cn, self.drop = nn.Conv2d(2 * c, c, 1, bias=False), nn.BatchNorm2d(c), nn.Dropout(0.1)


def test_a_user_s_own_blocks() -> None:
    model = nn.ModuleDict({"head": nn.Linear(8, 3), "body": nn.Sequential(_Own(8), nn.Sequential(_Own(8)))})
    found = anatomy(model)
    assert [block.path for block in found.blocks] == ["body.0", "body.1.0"]
    block = found.blocks[0]
    assert block.se is not None
    assert block.se.module is block.module.gate
    assert [stage.act and stage.act.name for stage in block.stages] == ["aa", "ba", None]
    assert found.classifier is model["head"]


def test_what_is_no_block() -> None:
    assert anatomy(nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU())).blocks == []
    shuffle = anatomy(torchvision.models.shufflenet_v2_x0_5(weights=None))
    assert not shuffle.blocks
    assert len(shuffle.unmatched) == 16
    mobile_v1 = registry.build(ModelSettings(name="mobilenet-v1"), in_channels=3, classes=3)
    assert not anatomy(mobile_v1).blocks


def test_a_block_s_class_is_known_by_the_blocks_that_it_has() -> None:
    class Own(_Own):
        """Some have a projection on their shortcut, which makes them no block that is known here."""

        def __init__(self, c: int, *, projects: bool = False) -> None:
            super().__init__(c)
            self.shortcut = nn.Conv2d(c, c, 1) if projects else nn.Identity()

    found = anatomy(nn.Sequential(Own(8), Own(8, projects=True), Own(8)))
    assert [block.path for block in found.blocks] == ["0", "2"]
    assert [(before, path) for before, path, _ in found.unmatched] == [(1, "1")]


def test_a_block_alone() -> None:
    block = InvertedResidual(8, 8, se=True)
    (found,) = anatomy(block).blocks
    assert (found.path, found.name, found.module) == ("", "InvertedResidual", block)
