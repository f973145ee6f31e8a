"""Mean and deviation per channel, in exact integers: the same on every platform, in any order of chunks."""

from __future__ import annotations

import math

import numpy as np

from edgebench.data.raw import Images


class ChannelSums:
    """Adds up pixels and their squares per channel."""

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.sums = [0] * channels
        self.squares = [0] * channels

    def add(self, images: Images) -> None:
        """Add uint8 [n, H, W, C] images."""
        flat = images.reshape(-1, images.shape[3])
        self.count += len(flat)
        for channel in range(images.shape[3]):
            # Whole numbers below 2**53 (a chunk has far fewer than 2**37 pixels) are exact in float64.
            column = flat[:, channel].astype(np.float64)
            self.sums[channel] += int(column.sum())
            self.squares[channel] += int(column @ column)

    def mean(self) -> tuple[float, ...]:
        """Mean per channel, for pixels scaled to 0..1."""
        return tuple(total / (255 * self.count) for total in self.sums)

    def std(self) -> tuple[float, ...]:
        """Population deviation per channel, for pixels scaled to 0..1; 1.0 where nothing varies."""
        variances = (self.count * s2 - s1 * s1 for s1, s2 in zip(self.sums, self.squares, strict=True))
        # Dividing by 1 leaves a constant channel at zero, where dividing by 0 would fill it with NaN.
        return tuple(math.sqrt(v) / (255 * self.count) if v else 1.0 for v in variances)
