"""timm's networks, untrained; timm is an optional dependency (`edgebench[timm]`)."""

from __future__ import annotations

from typing import Any

from torch import nn

from edgebench.errors import ModelError, SettingsError, did_you_mean


def build(name: str, *, in_channels: int = 3, classes: int = 1000, dropout: float | None = None) -> nn.Module:
    """The timm network `name` with freshly initialised weights; (N, in_channels, H, W) to (N, classes).

    Raises:
        ModelError: timm is not installed.
        SettingsError: timm has no network of this name.
    """
    try:
        import timm
    except ImportError:
        raise ModelError(
            "timm is not installed", where=f"timm:{name}", hint='pip install "edgebench[timm]"'
        ) from None
    if not timm.is_model(name):
        raise SettingsError(
            f"timm has no model called '{name}'",
            expected="a name from timm.list_models()",
            hint=did_you_mean(name, timm.list_models()),
        )
    arguments: dict[str, Any] = {"pretrained": False, "in_chans": in_channels, "num_classes": classes}
    if dropout is not None:
        arguments["drop_rate"] = dropout
    model: nn.Module = timm.create_model(name, **arguments)
    return model
