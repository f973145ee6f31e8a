from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from edgebench.claim.settings import ModelSettings
from edgebench.errors import ModelError, SettingsError
from edgebench.models import registry


def test_importing_and_checking_needs_no_torch() -> None:
    code = (
        "import sys; from edgebench.models import registry;"
        "from edgebench.claim.settings import ModelSettings;"
        "registry.check(ModelSettings(name='torchvision:resnet18', stem='small'));"
        "print([m for m in ('torch', 'torchvision', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match="did you mean 'torchvision:mobilenet_v2'"):
        registry.check(ModelSettings(name="torchvision:mobilenetv2"))
    for name in ("timm:", "unheard-of", "torchvision:"):
        with pytest.raises(SettingsError, match="no model is called"):
            registry.check(ModelSettings(name=name))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ModelSettings(name="torchvision:resnet18", width=0.5), "no option 'width'.*stem, dropout"),
        (ModelSettings(name="relu6", channels=8), "no option 'channels'.*no options"),
        (ModelSettings(name="conv-block", expansion=6), "no option 'expansion'"),
        (ModelSettings(name="full-conv", kernel=4), "kernel is 4"),
        (ModelSettings(name="timm:any", width=0.5), "no option 'width'"),
    ],
)
def test_options_a_model_lacks_are_refused(settings: ModelSettings, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        registry.check(settings)


@pytest.mark.parametrize("name", [n for n in registry.names() if not n.startswith("torchvision:")])
def test_every_own_model_can_be_built_and_run(name: str) -> None:
    size = 8 if registry.is_block(name) else 32
    model = registry.build(ModelSettings(name=name), in_channels=8, classes=5, size=(size, size))
    out = model.eval()(torch.randn(2, 8, size, size))
    assert out.shape == ((2, 8, 8, 8) if registry.is_block(name) else (2, 5))


@pytest.mark.parametrize("name", [n for n in registry.names() if n.startswith("torchvision:")])
def test_every_torchvision_name_can_be_built(name: str) -> None:
    with torch.device("meta"):
        model = registry.build(ModelSettings(name=name), in_channels=3, classes=10)
    assert any(isinstance(m, nn.Conv2d) for m in model.modules())


def test_only_single_blocks_are_blocks() -> None:
    assert registry.is_block("mbv2-block")
    assert registry.is_block("hardswish")
    assert not registry.is_block("micronet")
    assert not registry.is_block("torchvision:resnet18")


def test_channels_must_agree_with_the_input() -> None:
    registry.build(ModelSettings(name="conv-block", channels=16), in_channels=16, classes=1)
    with pytest.raises(SettingsError, match="has channels 16, its input has 3"):
        registry.build(ModelSettings(name="conv-block", channels=16), in_channels=3, classes=1)


def test_timm_names_need_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    settings = ModelSettings(name="timm:mobilenetv2_100", dropout=0.1)
    registry.check(settings)
    with pytest.raises(ModelError, match=r"edgebench\[timm\]"):
        registry.build(settings, in_channels=3, classes=10)
