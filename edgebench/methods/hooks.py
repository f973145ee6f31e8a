"""Where a method plugs into training: wrap the model, transform a batch, act after an epoch."""

from __future__ import annotations

from torch import Tensor, nn


class Method:
    """A training method; every hook does nothing unless a subclass overrides it."""

    def wrap(self, model: nn.Module) -> nn.Module:
        """Called once, before the optimiser is made; returns the network to train."""
        return model

    def batch(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Transform a training batch.

        Args:
            images: float [B, C, H, W], normalised.
            labels: int64 [B]; float [B, classes] once a method has mixed them.
        """
        return images, labels

    def after_epoch(self, model: nn.Module, epoch: int) -> None:
        """Called after each training epoch (counting from 1), before validation."""
