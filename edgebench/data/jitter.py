"""Random brightness, contrast and saturation of a whole batch, each image by its own factors in its own order.

Factors, orders and operations are those of torchvision's `ColorJitter`, which draws and acts image by image; its hue is
left out. Operations act on bytes and cut off fractions, as torchvision's, and give the same bytes, but for single
pixels of a blend that are one level off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional

if TYPE_CHECKING:
    from edgebench.claim.augment import JitterSettings


def draw(settings: JitterSettings, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Orders and factors, for each image its own.

    All are drawn whether or not the settings use them, so that one range does not shift the others' draws.

    Args:
        settings: ranges of the factors.
        count: images.
        generator: on the CPU.

    Returns:
        int64 [count, 3]: operations by their place in `OPERATIONS`, in the order in which they act.
        float64 [count, 3]: the factor of each of `OPERATIONS`; NaN for those that the settings leave out.
    """
    draws = torch.rand(count, 2, len(OPERATIONS), generator=generator, dtype=torch.float64)
    nothing = (float("nan"), float("nan"))
    ranges = torch.tensor([getattr(settings, name) or nothing for name in OPERATIONS], dtype=torch.float64)
    return draws[:, 0].argsort(1), ranges[:, 0] + draws[:, 1] * (ranges[:, 1] - ranges[:, 0])


def jitter(images: Tensor, orders: Tensor, factors: Tensor) -> Tensor:
    """Change each image by its own factors.

    Args:
        images: uint8 [B, H, W, C] with 1 or 3 channels, any device.
        orders, factors: [B, 3], as from `draw`; on the CPU.

    Returns:
        uint8 [B, H, W, C], contiguous. Saturation leaves images of one channel as they are.
    """
    images = images.permute(0, 3, 1, 2).clone(memory_format=torch.contiguous_format)
    acts = list(OPERATIONS.values())
    acting = [number for number in range(len(OPERATIONS)) if not factors[:, number].isnan().any()]
    for turn in orders.T:
        for number in acting:
            chosen = (turn == number).nonzero().view(-1)
            there = chosen.to(images.device)
            changed = acts[number](images.index_select(0, there), factors[chosen, number].view(-1, 1, 1, 1))
            images.index_copy_(0, there, changed)
    return images.permute(0, 2, 3, 1).contiguous()


def _blended(images: Tensor, other: Tensor | None, factors: Tensor) -> Tensor:
    """factor · image + (1 - factor) · other, within 0 to 255; black where there is no other.

    Args:
        images: uint8 [B, C, H, W].
        other: float32, broadcast to the images.
        factors: float64 [B, 1, 1, 1], on the CPU.
    """
    blend = images * factors.float().to(images.device)
    if other is not None:
        # 1 - factor in float64, as torchvision has it.
        blend += other * (1 - factors).float().to(images.device)
    return blend.clamp_(0, 255).to(torch.uint8)


def _grey(images: Tensor) -> Tensor:
    """Luminance, whole levels, float32 [B, 1, H, W]."""
    grey: Tensor = functional.rgb_to_grayscale(images) if images.shape[1] == 3 else images
    return grey.float()


def _brightness(images: Tensor, factors: Tensor) -> Tensor:
    return _blended(images, None, factors)


def _contrast(images: Tensor, factors: Tensor) -> Tensor:
    return _blended(images, _grey(images).mean((1, 2, 3), keepdim=True), factors)


def _saturation(images: Tensor, factors: Tensor) -> Tensor:
    return images if images.shape[1] == 1 else _blended(images, _grey(images), factors)


OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "brightness": _brightness,
    "contrast": _contrast,
    "saturation": _saturation,
}
"""From uint8 [B, C, H, W] and factors, float64 [B, 1, 1, 1] on the CPU, to uint8 of the same shape; in torchvision's
numbering."""
