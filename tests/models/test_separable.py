from __future__ import annotations

import pytest
import torch

from edgebench.errors import SettingsError
from edgebench.models.separable import full_conv, separable_conv


@pytest.mark.parametrize(("channels", "kernel"), [(512, 3), (32, 5)])
def test_weights_have_the_published_ratio(channels: int, kernel: int) -> None:
    full = sum(p.numel() for p in full_conv(channels, kernel).parameters())
    separable = sum(p.numel() for p in separable_conv(channels, kernel).parameters())
    assert separable / full == pytest.approx(1 / channels + 1 / kernel**2)


def test_shapes_agree() -> None:
    x = torch.randn(2, 8, 5, 6)
    assert full_conv(8)(x).shape == separable_conv(8, 5)(x).shape == x.shape


def test_even_kernels_are_refused() -> None:
    with pytest.raises(SettingsError, match="kernel size is 2"):
        separable_conv(8, 2)
