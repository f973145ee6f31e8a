"""Random resized crops of a whole batch: a box of each image, of random area and shape, enlarged to the image's size.

The meaning is that of torchvision's `RandomResizedCrop`, bilinear: the same distribution of boxes and the same bytes,
but for single pixels that are one level off. What torchvision does image by image is one `grid_sample` here.

Boxes are cut from images as they are stored, already brought to the size of the training. Published recipes cut them
from the original file, which has more detail; the enlarged box of a stored image is smoother.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

if TYPE_CHECKING:
    from edgebench.claim.augment import ResizedCropSettings

ATTEMPTS = 10
"""Boxes drawn for an image before the middle of it is taken, as in torchvision."""


def draw(
    settings: ResizedCropSettings, count: int, size: tuple[int, int], generator: torch.Generator
) -> Tensor:
    """Random boxes, one an image.

    Area and logarithm of width over height are uniform within the settings' ranges, and drawn again while the box does
    not fit; its place is uniform.

    Args:
        settings: ranges of area and shape.
        count: images.
        size: their height and width, pixels.
        generator: on the CPU.

    Returns:
        int64 [count, 4]: top, left, height and width of the boxes, pixels; all within the image.
    """
    height, width = size
    draws = torch.rand(count, 2 * ATTEMPTS + 2, generator=generator, dtype=torch.float64)
    shares, shapes = draws[:, :ATTEMPTS], draws[:, ATTEMPTS : 2 * ATTEMPTS]
    (least, most), ratios = settings.scale, torch.tensor(settings.ratio, dtype=torch.float64).log()
    area = height * width * (least + shares * (most - least))
    ratio = (ratios[0] + shapes * (ratios[1] - ratios[0])).exp()
    boxes = torch.stack([(area / ratio).sqrt(), (area * ratio).sqrt()], 2).round().long()
    fits = (boxes >= 1).all(2) & (boxes <= torch.tensor(size)).all(2)
    first = fits.int().argmax(1)  # of equal values, the first
    chosen = boxes[torch.arange(count), first]
    chosen = torch.where(fits.any(1)[:, None], chosen, torch.tensor(_largest(settings, size)))
    room = torch.tensor(size) - chosen
    # Floored in float64, whose product cannot round up to room + 1.
    corners = (draws[:, -2:] * (room + 1)).long()
    corners = torch.where(fits.any(1)[:, None], corners, room // 2)
    return torch.cat([corners, chosen], 1)


def _largest(settings: ResizedCropSettings, size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the largest box in the middle of the image whose shape is within the range."""
    height, width = size
    narrowest, widest = settings.ratio
    if width / height < narrowest:
        return round(width / narrowest), width
    if width / height > widest:
        return height, round(height * widest)
    return height, width


def resized(images: Tensor, boxes: Tensor) -> Tensor:
    """The box of each image, enlarged to the image's size.

    Args:
        images: uint8 [B, H, W, C], any device.
        boxes: int64 [B, 4], as from `draw`; on the CPU.

    Returns:
        uint8 [B, H, W, C], contiguous; torchvision's `resized_crop`, bilinear, with or without anti-aliasing, which
        acts on reductions alone.
    """
    height, width = images.shape[1:3]
    rows, columns = (
        _places(boxes[:, axis], boxes[:, axis + 2], extent).float().to(images.device)
        for axis, extent in enumerate((height, width))
    )
    grid = torch.stack([columns[:, None].expand(-1, height, -1), rows[:, :, None].expand(-1, -1, width)], 3)
    # Places are within the box, so that nothing beyond an image's border has a weight but for rounding.
    found = grid_sample(images.permute(0, 3, 1, 2).float(), grid, padding_mode="border", align_corners=False)
    return found.round_().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _places(start: Tensor, length: Tensor, extent: int) -> Tensor:
    """Where along an axis the pixels of the enlarged box lie, as `grid_sample` counts: float64 [B, extent], -1 to 1."""
    pixels = torch.arange(extent, dtype=torch.float64) + 0.5
    inside = pixels * length[:, None] / extent - 0.5
    inside = inside.clamp(min=0).minimum(length[:, None] - 1.0)
    return (2 * (start[:, None] + inside) + 1) / extent - 1
