"""Batch transforms that blend images and labels, from torchvision.

Their randomness comes from torch's global generator, which a trial seeds for exactly this kind of noise.
"""

from __future__ import annotations

from torch import Tensor
from torchvision.transforms import v2

from edgebench.methods.hooks import Method


class Mixup(Method):
    """Mixup (Zhang et al. 2018): x̃ = λ xᵢ + (1 - λ) xⱼ, ỹ likewise, with λ ~ Beta(α, α) drawn once a batch.

    Args:
        alpha: concentration α of the Beta distribution.
        classes: number of classes; mixed labels are float [B, classes].
    """

    def __init__(self, alpha: float, classes: int) -> None:
        self._transform = v2.MixUp(alpha=alpha, num_classes=classes)

    def batch(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        mixed: tuple[Tensor, Tensor] = self._transform(images, labels)
        return mixed
