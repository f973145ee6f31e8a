"""The network of dual-path training's first stage: submodels side by side, each with an output of its own.

Two inputs and two outputs (dual-path, Method Summary): the submodels share nothing but the steps of the optimiser. With
one path it is an ordinary small network. 6,930 parameters a path on 28 × 28 × 1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from edgebench.models.paths import all_of, joinable, map_shape, maps_at_once, side_by_side, views


class DualInput(nn.Module):
    """Paths that each end in a dense layer to the classes.

    Args:
        in_channels: of an image.
        classes: outputs of each path.
        size: height and width of the images, at least 10.
        paths: how many.
        width: multiplies the channels of the convolutions.

    Attributes:
        shape: (C, h, w) of the map that a dense layer reads, flattened in this order.

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
    ) -> None:
        super().__init__()
        self.shape = map_shape(width, size, "dual-input")
        self.paths = side_by_side(
            paths, in_channels, width, lambda: nn.Linear(math.prod(self.shape), classes)
        )

    @property
    def parts(self) -> dict[str, nn.Module]:
        """The paths by name, images to logits, where there are two."""
        return dict(zip(("first", "second"), self.paths, strict=True)) if len(self.paths) == 2 else {}

    def forward(self, x: Tensor) -> Tensor:
        """Images [B, C, H, W], or with C channels for each path, to logits.

        In training [paths · B, classes], one path's after another's; in evaluation [B, classes], the logarithm of the
        mean of the paths' probabilities.
        """
        logits = self._logits(x)
        if len(logits) == 1:
            return logits[0]
        if self.training:
            return torch.cat(logits)
        return torch.stack(logits).log_softmax(2).logsumexp(0) - math.log(len(logits))

    def _logits(self, x: Tensor) -> list[Tensor]:
        paths = all_of(self.paths)
        if x.is_meta or not self.training or not joinable(paths):
            seen = views(x, len(paths), paths[0].first.in_channels)
            return [path(each) for path, each in zip(paths, seen, strict=True)]
        maps = maps_at_once(paths, x, self.shape[1:])
        return [
            linear(each.flatten(1), path.last.weight, path.last.bias)  # type: ignore[arg-type]
            for path, each in zip(paths, maps, strict=True)
        ]
