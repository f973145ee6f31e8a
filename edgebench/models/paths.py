"""Paths: small convolutional networks side by side, of which dual-path training makes one network.

All of them are computed as one network of groups, with the same results up to rounding. What pooling drops is not
computed, and the activation comes after the pooling, with which it commutes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, max_pool2d, relu

from edgebench.errors import ModelError

_KERNEL, _POOL = 3, 2
_CHANNELS = (10, 20)


class Path(nn.Module):
    """Convolution, pooling, convolution, pooling: images [B, C, H, W] to maps [B, 20 · width, h, w].

    Args:
        in_channels: of the image.
        width: multiplies the channels, 10 and 20.

    Attributes:
        last: what follows, a layer over all that is left of the map; None until it is set.
    """

    last: nn.Module

    def __init__(self, in_channels: int, width: float = 1.0) -> None:
        super().__init__()
        one, two = channels(width)
        self.first = nn.Conv2d(in_channels, one, _KERNEL)
        self.second = nn.Conv2d(one, two, _KERNEL)
        self.activation = nn.ReLU()
        self.pool = nn.MaxPool2d(_POOL)

    def forward(self, x: Tensor) -> Tensor:
        """Images to what the last layer makes of them, [B, F], layer by layer."""
        maps = self.pool(self.activation(self.first(x)))
        maps = self.pool(self.activation(self.second(maps)))
        features: Tensor = self.last(maps if isinstance(self.last, nn.Conv2d) else maps.flatten(1))
        return features.flatten(1)


def side_by_side(count: int, in_channels: int, width: float, last: Callable[[], nn.Module]) -> nn.ModuleList:
    """So many paths, each with a last layer of its own.

    One whole path is made after another, so that the first starts from the same weights whatever stands beside it.
    """
    paths = nn.ModuleList()
    for _ in range(count):
        path = Path(in_channels, width)
        path.last = last()
        paths.append(path)
    return paths


def channels(width: float) -> tuple[int, int]:
    """Channels of the two convolutions of a path, at least 1."""
    one, two = (max(1, round(width * count)) for count in _CHANNELS)
    return one, two


def map_shape(width: float, size: tuple[int, int], name: str) -> tuple[int, int, int]:
    """(C, h, w) of a path's last map, for images of `size` (H, W).

    Raises:
        ModelError: nothing is left of such images; `name` is the network's, for the message.
    """
    if min(size) < 10:
        raise ModelError(
            f"images of {size[0]} × {size[1]} are too small for '{name}'",
            expected="at least 10 × 10, so that something is left after two poolings",
        )
    height, wide = (((side - 2) // _POOL - 2) // _POOL for side in size)
    return channels(width)[1], height, wide


def views(x: Tensor, count: int, in_channels: int) -> Sequence[Tensor]:
    """What each of `count` paths is shown of images [B, C, H, W]: the same, or of C · count channels each its own.

    Raises:
        ModelError: another number of channels.
    """
    if x.shape[1] == in_channels:
        return [x] * count
    if x.shape[1] != in_channels * count:
        raise ModelError(
            f"images of {x.shape[1]} channels for {count} paths of {in_channels}",
            expected=f"{in_channels}, or {in_channels * count}",
        )
    return x.chunk(count, 1)


def maps_at_once(paths: Sequence[Path], x: Tensor, left: tuple[int, int]) -> Sequence[Tensor]:
    """The paths' last maps [B, C, h, w], computed together.

    Args:
        paths: of equal shapes, none of their layers pruned.
        x: images [B, C, H, W], for all paths, or with C channels for each of them.
        left: height and width of the last maps.
    """
    # The pixels that reach the last map; the others only feed rows and columns that pooling drops.
    tall, wide = ((_POOL * side + 2) * _POOL + 2 for side in left)
    seen = x[:, :, :tall, :wide].contiguous(memory_format=torch.channels_last)
    own = x.shape[1] // paths[0].first.in_channels
    maps = relu(max_pool2d(conv2d(seen, *_joined([path.first for path in paths]), groups=own), _POOL))
    maps = relu(max_pool2d(conv2d(maps, *_joined([path.second for path in paths]), groups=len(paths)), _POOL))
    return maps.chunk(len(paths), 1)


def all_of(paths: nn.ModuleList) -> list[Path]:
    """The paths of a network."""
    return [cast("Path", path) for path in paths]


def joinable(paths: Sequence[Path]) -> bool:
    """Whether all weights are parameters, to be read as they are: a pruned layer makes its own when it runs."""
    layers = [layer for path in paths for layer in (path.first, path.second, path.last)]
    return all(isinstance(layer.weight, nn.Parameter) for layer in layers)


def _joined(layers: Sequence[nn.Conv2d]) -> tuple[Tensor, Tensor]:
    """Weight and bias of a layer of all paths, one path's channels after another's."""
    weight, bias = (torch.cat([getattr(each, name) for each in layers]) for name in ("weight", "bias"))
    return weight, bias
