"""A training method for `hooks: edgebench-example:weight-noise`."""

import torch
from torch import nn

from edgebench.methods.hooks import Method


class WeightNoise(Method):
    """Adds normal noise to all weights before every epoch but the first.

    Args:
        seed: of the noise.
        strength: its standard deviation.
    """

    def __init__(self, seed: int, strength: float) -> None:
        self._random = torch.Generator().manual_seed(seed)
        self._strength = strength

    @torch.no_grad()
    def before_epoch(self, model: nn.Module, epoch: int, epochs: int) -> None:
        """Draw anew, on the CPU, so that every device sees the same."""
        for weight in model.parameters() if epoch > 1 else ():
            noise = torch.randn(weight.shape, generator=self._random) * self._strength
            weight.add_(noise.to(weight.device))
