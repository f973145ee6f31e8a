"""The network that dual-path training ends with: two small networks side by side, joined by dense layers.

Each path is a small convolutional network whose dense layers have become convolutions; both read the image. 14,862
parameters on 28 × 28 × 1, as in the paper (dual-path, stage 2), and 19,622 on 32 × 32 × 3.

The two paths are computed as one network of two groups, with the same results up to rounding. What pooling drops is
not computed, and the activation comes after the pooling, with which it commutes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear, max_pool2d, relu

from edgebench.errors import ModelError

_KERNEL, _POOL = 3, 2


class Path(nn.Module):
    """Convolution, pooling, convolution, pooling, and a convolution over all that is left.

    Args:
        in_channels: of the image.
        features: outputs.
        left: height and width after the second pooling.
    """

    def __init__(self, in_channels: int, features: int, left: tuple[int, int]) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, 10, _KERNEL)
        self.second = nn.Conv2d(10, 20, _KERNEL)
        self.last = nn.Conv2d(20, features, left)
        self.activation = nn.ReLU()
        self.pool = nn.MaxPool2d(_POOL)

    def forward(self, x: Tensor) -> Tensor:
        """Images [B, C, H, W] to features [B, F, 1, 1], layer by layer."""
        maps = self.pool(self.activation(self.first(x)))
        maps = self.pool(self.activation(self.second(maps)))
        features: Tensor = self.last(maps)
        return features


class DualPath(nn.Module):
    """Two paths of 10 features each, joined: dense 32, dense to the classes.

    Args:
        in_channels: of the images.
        classes: outputs.
        size: height and width of the images, at least 10.

    Raises:
        ModelError: smaller images.
    """

    def __init__(self, in_channels: int = 1, classes: int = 10, size: tuple[int, int] = (28, 28)) -> None:
        super().__init__()
        if min(size) < 10:
            raise ModelError(
                f"images of {size[0]} × {size[1]} are too small for 'dual-path'",
                expected="at least 10 × 10, so that something is left after two poolings",
            )
        left = tuple(((side - 2) // _POOL - 2) // _POOL for side in size)
        self.paths = nn.ModuleList(Path(in_channels, 10, (left[0], left[1])) for _ in range(2))
        self.fusion = nn.Linear(20, 32)
        self.activation = nn.ReLU()
        self.classifier = nn.Linear(32, classes)
        # The pixels that reach the last map; the others only feed rows and columns that pooling drops.
        self._seen = [(_POOL * side + 2) * _POOL + 2 for side in left]

    def forward(self, x: Tensor) -> Tensor:
        """Images [B, C, H, W] to logits [B, classes]."""
        # Without values there is nothing to save: a profile counts the layers of the architecture.
        features = [path(x).flatten(1) for path in self.paths] if x.is_meta else self._at_once(x)
        out: Tensor = self.classifier(self.activation(self.fusion(torch.cat(features, 1))))
        return out

    def _at_once(self, x: Tensor) -> list[Tensor]:
        """What the paths give, [B, 10] each."""
        seen = x[:, :, : self._seen[0], : self._seen[1]].contiguous(memory_format=torch.channels_last)
        maps = relu(max_pool2d(conv2d(seen, *self._both("first")), _POOL))
        maps = relu(max_pool2d(conv2d(maps, *self._both("second"), groups=2), _POOL))
        # A convolution over the whole map is a dense layer, and faster as one.
        return [
            linear(half.flatten(1), last.weight.flatten(1), last.bias)
            for last, half in zip(self._layers("last"), maps.chunk(2, 1), strict=True)
        ]

    def _both(self, layer: str) -> tuple[Tensor, Tensor]:
        """Weight and bias of a layer of both paths, one path's channels after the other's."""
        layers = self._layers(layer)
        weight, bias = (torch.cat([getattr(each, name) for each in layers]) for name in ("weight", "bias"))
        return weight, bias

    def _layers(self, name: str) -> list[nn.Conv2d]:
        return [getattr(path, name) for path in self.paths]
