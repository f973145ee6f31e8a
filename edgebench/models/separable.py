"""An ordinary convolution and its separable replacement, alone, for counting what separation saves.

A K×K convolution with C input and output channels costs K²C² multiply-accumulates per position; depthwise
followed by pointwise costs K²C + C², a ratio of 1/C + 1/K² (Howard et al. 2017, section 3.1).
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from edgebench.errors import SettingsError


def full_conv(channels: int, kernel: int = 3) -> nn.Conv2d:
    """A bias-free K×K convolution, (N, channels, H, W) in and out; `kernel` is odd."""
    return nn.Conv2d(channels, channels, kernel, padding=_padding(kernel), bias=False)


def separable_conv(channels: int, kernel: int = 3) -> nn.Sequential:
    """A bias-free K×K `depthwise` and a 1×1 `pointwise` convolution; same shapes as `full_conv`."""
    depthwise = nn.Conv2d(channels, channels, kernel, padding=_padding(kernel), groups=channels, bias=False)
    pointwise = nn.Conv2d(channels, channels, 1, bias=False)
    return nn.Sequential(OrderedDict(depthwise=depthwise, pointwise=pointwise))


def _padding(kernel: int) -> int:
    if kernel % 2 == 0:
        raise SettingsError(
            f"the kernel size is {kernel}", expected="an odd number, so that padding is symmetric"
        )
    return kernel // 2
