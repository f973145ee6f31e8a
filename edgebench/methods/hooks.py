"""Where a method plugs into training: the network, the epochs, the batches, the passes of a step and their loss."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn


class Method:
    """A training method; every hook does nothing unless a subclass overrides it."""

    def wrap(self, model: nn.Module) -> nn.Module:
        """Called once, before the optimiser is made; returns the network to train."""
        return model

    def before_epoch(self, model: nn.Module, epoch: int, epochs: int) -> None:
        """Called before each training epoch (counting from 1) of `epochs`."""

    def batch(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Transform a training batch.

        Args:
            images: float [B, C, H, W], normalised.
            labels: int64 [B]; float [B, classes] once a method has mixed them.
        """
        return images, labels

    def passes(self, model: nn.Module) -> Iterable[float] | None:
        """The forward and backward passes of one step, as the weights of their losses; None for one pass, of weight 1.

        Called once a step. What a pass computes with may change whenever the next weight is asked for. At most one
        method of a training has passes of its own. The loss that curves show is the first one's.
        """
        return None

    def loss(self, logits: Tensor, loss: Tensor) -> Tensor:
        """Transform the loss of a pass.

        Args:
            logits: float [B, classes], of the images that `batch` was called with last.
            loss: scalar, nats.
        """
        return loss

    def after_epoch(self, model: nn.Module, epoch: int) -> None:
        """Called after each training epoch (counting from 1), before validation."""

    def finished(self, model: nn.Module) -> nn.Module:
        """Called once, after the last epoch; returns the network to test and to keep."""
        return model

    def abandoned(self, model: nn.Module) -> nn.Module:
        """Called once instead, when the training diverged; returns the network whose size and cost are recorded."""
        return model
