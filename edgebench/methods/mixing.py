"""Batch transforms that blend images and labels, from torchvision.

Their randomness comes from torch's global generator, which a trial seeds for exactly this kind of noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torchvision.transforms import v2

from edgebench.methods.hooks import Method

if TYPE_CHECKING:
    from edgebench.claim.augment import AugmentSettings


class _Mixing(Method):
    """A batch transform of torchvision as a method; mixed labels are float [B, classes]."""

    def __init__(self, transform: v2.Transform) -> None:
        self._transform = transform

    def batch(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        mixed: tuple[Tensor, Tensor] = self._transform(images, labels)
        return mixed


class Mixup(_Mixing):
    """Mixup (Zhang et al. 2018): x̃ = λ xᵢ + (1 - λ) xⱼ, ỹ likewise, with λ ~ Beta(α, α) drawn once a batch.

    Args:
        alpha: concentration α of the Beta distribution.
        classes: number of classes; mixed labels are float [B, classes].
    """

    def __init__(self, alpha: float, classes: int) -> None:
        super().__init__(v2.MixUp(alpha=alpha, num_classes=classes))


class CutMix(_Mixing):
    """CutMix (Yun et al. 2019): a box of xⱼ in the place of xᵢ's; ỹ = λ yᵢ + (1 - λ) yⱼ, 1 - λ the box's share.

    The box is drawn once a batch, with a centre anywhere in the image and the share 1 - λ', λ' ~ Beta(α, α). It is
    clipped at the border and its sides are whole pixels; λ is that of the pixels that were really replaced.

    Args:
        alpha: concentration α of the Beta distribution.
        classes: number of classes; mixed labels are float [B, classes].
    """

    def __init__(self, alpha: float, classes: int) -> None:
        super().__init__(v2.CutMix(alpha=alpha, num_classes=classes))


class OneOf(Method):
    """One of several batch transforms, drawn for each batch with equal probability."""

    def __init__(self, *methods: Method) -> None:
        self._methods = methods

    def batch(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        drawn = self._methods[int(torch.randint(len(self._methods), ()))]
        return drawn.batch(images, labels)


def mixing_of(augment: AugmentSettings, classes: int) -> list[Method]:
    """The batch transforms that the settings ask for, of both one drawn for each batch; empty for none."""
    mixing: list[Method] = []
    if augment.mixup is not None:
        mixing.append(Mixup(augment.mixup.alpha, classes))
    if augment.cutmix is not None:
        mixing.append(CutMix(augment.cutmix.alpha, classes))
    return [OneOf(*mixing)] if len(mixing) > 1 else mixing
