"""Knowledge distillation: the predictions of a trained network, softened, as a second target (Hinton et al. 2015)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax

from edgebench.methods.hooks import Method


class Distillation(Method):
    """The loss of a pass becomes (1 - w) L + w T² KL(teacher ‖ student), both softened by the temperature T.

    T² keeps the size of the second term's gradients, which are smaller by that. The teacher sees the very images that
    the student sees, augmented and mixed, in evaluation mode, once a step however many passes it has.

    Args:
        teacher: images [B, C, H, W], normalised as the student's, to logits [B, classes]; it is left as it is.
        temperature: T.
        weight: w, from 0 to 1.
    """

    def __init__(self, teacher: nn.Module, temperature: float, weight: float) -> None:
        self._teacher = teacher.eval()
        self._temperature = temperature
        self._weight = weight
        self._target = torch.empty(0)

    @torch.no_grad()
    def batch(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        self._target = log_softmax(self._teacher(images) / self._temperature, 1)
        return images, labels

    def loss(self, logits: Tensor, loss: Tensor) -> Tensor:
        """The divergence is the mean over the batch, nats."""
        softened = log_softmax(logits / self._temperature, 1)
        divergence = kl_div(softened, self._target, log_target=True, reduction="batchmean")
        return (1 - self._weight) * loss + self._weight * self._temperature**2 * divergence
