"""The network that dual-path training ends with: two small networks side by side, joined by dense layers.

Each path is a small convolutional network whose dense layers have become convolutions; both read the image. 14,862
parameters on 28 × 28 × 1, as in the paper (dual-path, stage 2), and 19,622 on 32 × 32 × 3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from edgebench.models.paths import all_of, joinable, map_shape, maps_at_once, side_by_side, views

FUSED = 32


class DualPath(nn.Module):
    """Paths of as many features as there are classes, joined: dense 32, dense to the classes.

    Args:
        in_channels: of an image.
        classes: outputs.
        size: height and width of the images, at least 10.
        paths: how many, 2 in the paper.
        width: multiplies the channels of the paths' convolutions.
        dropout: probability of dropping one of the 32 features.

    Raises:
        ModelError: smaller images.
    """

    def __init__(
        self,
        in_channels: int = 1,
        classes: int = 10,
        size: tuple[int, int] = (28, 28),
        paths: int = 2,
        width: float = 1.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.shape = map_shape(width, size, "dual-path")
        self.paths = side_by_side(
            paths, in_channels, width, lambda: nn.Conv2d(self.shape[0], classes, self.shape[1:])
        )
        self.fusion = nn.Linear(paths * classes, FUSED)
        self.activation = nn.ReLU()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(FUSED, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images [B, C, H, W], or with C channels for each path, to logits [B, classes]."""
        fused = self.activation(self.fusion(torch.cat(self._features(x), 1)))
        out: Tensor = self.classifier(self.dropout(fused))
        return out

    def _features(self, x: Tensor) -> list[Tensor]:
        """What the paths give, [B, classes] each."""
        paths = all_of(self.paths)
        # Without values there is nothing to save: a profile counts the layers of the architecture.
        if x.is_meta or not self.training or not joinable(paths):
            seen = views(x, len(paths), paths[0].first.in_channels)
            return [path(each) for path, each in zip(paths, seen, strict=True)]
        maps = maps_at_once(paths, x, self.shape[1:])
        # A convolution over the whole map is a dense layer, and faster as one.
        return [
            linear(each.flatten(1), path.last.weight.flatten(1), path.last.bias)  # type: ignore[operator, arg-type]
            for path, each in zip(paths, maps, strict=True)
        ]
