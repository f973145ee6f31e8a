from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from edgebench.errors import SettingsError
from edgebench.models import timm_models


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A stand-in for timm that records what it is asked to build."""
    asked: list[dict[str, Any]] = []

    def create_model(name: str, **arguments: Any) -> nn.Module:
        asked.append({"name": name, **arguments})
        return nn.Identity()

    known = ["mobilenetv2_035", "mobilenetv2_100"]
    fake = SimpleNamespace(
        create_model=create_model, is_model=lambda name: name in known, list_models=lambda: known
    )
    monkeypatch.setitem(sys.modules, "timm", fake)
    return asked


def test_passes_the_settings_on(timm: list[dict[str, Any]]) -> None:
    timm_models.build("mobilenetv2_035", in_channels=1, classes=10, dropout=0.2)
    assert timm == [
        {"name": "mobilenetv2_035", "pretrained": False, "in_chans": 1, "num_classes": 10, "drop_rate": 0.2}
    ]


def test_unknown_name_is_refused_with_the_nearest(timm: list[dict[str, Any]]) -> None:
    with pytest.raises(SettingsError, match="did you mean 'mobilenetv2_100'"):
        timm_models.build("mobilenetv2-100")
    assert not timm
