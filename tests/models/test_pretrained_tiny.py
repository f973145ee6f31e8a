from __future__ import annotations

import pytest
import torch

from edgebench.claim.settings import ModelSettings
from edgebench.measure.profile.trace import profile
from edgebench.models import registry
from edgebench.models.irb import InvertedResidual
from edgebench.models.mobile import MobileNet
from edgebench.models.weights import NAMED
from tests.models.pretrained import needs_real, real


def _build(name: str) -> MobileNet:
    with torch.device("meta"):
        model = registry.build(ModelSettings(name=name), in_channels=3, classes=1000)
    assert isinstance(model, MobileNet)
    return model


@pytest.mark.parametrize(
    ("name", "folded", "scales"),
    [("mbv2-w0.35", 357_448, 5_760), ("proxyless-w0.3", 423_232, 5_416), ("mcunet-5fps", 630_224, 6_008)],
)
def test_parameters_are_those_of_the_release_and_the_scales(name: str, folded: int, scales: int) -> None:
    assert profile(_build(name).eval(), (1, 3, 128, 128)).params == folded + scales


@needs_real
@pytest.mark.parametrize("name", NAMED)
def test_every_layer_is_as_the_release_lists_it(name: str) -> None:
    listed = real(name)[1]["architecture"]
    model = _build(name)
    assert model.stem.conv.out_channels == listed["first_conv"]["out_channels"]
    assert model.mix is None
    assert listed["feature_mix"] is None
    ours, theirs = [], []
    for block in model.blocks:
        assert isinstance(block, InvertedResidual)
        stages = [block.depthwise, block.project] if block.expand is None else list(block.children())[:3]
        convolutions = [stage.conv for stage in stages]  # type: ignore[union-attr]
        shapes = [(c.in_channels, c.out_channels, c.kernel_size[0], c.stride[0]) for c in convolutions]
        ours.append((shapes, block.shortcut))
    for entry in listed["blocks"]:
        keys = ("in_channels", "out_channels", "kernel", "stride")
        shapes = [tuple(conv[key] for key in keys) for conv in entry["convs"]]
        theirs.append((shapes, entry["residual"] == "identity"))
    assert ours == theirs
