"""From raw predictions to boxes and back: YOLOv3's parametrisation (Redmon & Farhadi 2018, section 2.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from edgebench.detect.network import ANCHORS, Detector

# A box is at most e⁴ ≈ 55 times as large as its anchor, so that no early step overflows.
_LARGEST = 4.0


@dataclass(frozen=True, eq=False)
class Grid:
    """Where each of the P predictions of an image starts from, in the order in which `flatten` puts them.

    Attributes:
        corners: float [P, 2], left and top of its cell, pixels.
        strides: float [P], side of its cell, pixels.
        anchors: float [P, 2], width and height, pixels.
        firsts: index of the first prediction of each scale.
        cells: cells across and down, of each scale.
    """

    corners: Tensor
    strides: Tensor
    anchors: Tensor
    firsts: tuple[int, ...]
    cells: tuple[tuple[int, int], ...]


def flatten(raw: list[Tensor]) -> Tensor:
    """Predictions of all scales, [B, ANCHORS, h, w, 5 + K] each, as one [B, P, 5 + K]."""
    return torch.cat([each.flatten(1, 3) for each in raw], 1)


def grid_of(detector: Detector, raw: list[Tensor]) -> Grid:
    """The grid of a detector's predictions."""
    corners, strides, anchors, firsts, cells = [], [], [], [], []
    first, sizes = 0, detector.anchors
    device = sizes.device
    for index, (each, stride) in enumerate(zip(raw, detector.strides, strict=True)):
        height, width = each.shape[2:4]
        y, x = torch.meshgrid(
            torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij"
        )
        count = ANCHORS * height * width
        corners.append(
            (stride * torch.stack([x, y], -1).float()).view(1, -1, 2).expand(ANCHORS, -1, 2).reshape(-1, 2)
        )
        strides.append(torch.full((count,), float(stride), device=device))
        own = sizes[index * ANCHORS : (index + 1) * ANCHORS]
        anchors.append(own.repeat_interleave(height * width, 0))
        firsts.append(first)
        cells.append((width, height))
        first += count
    return Grid(torch.cat(corners), torch.cat(strides), torch.cat(anchors), tuple(firsts), tuple(cells))


def decode(offsets: Tensor, corners: Tensor, strides: Tensor, anchors: Tensor) -> Tensor:
    """Boxes [..., 4] (left, top, right, bottom, pixels) of raw predictions [..., 4].

    Centre: the cell's corner plus σ(t) strides; size: the anchor's times eᵗ.
    """
    centres = corners + offsets[..., :2].sigmoid() * strides[..., None]
    halves = anchors * offsets[..., 2:4].clamp(max=_LARGEST).exp() / 2
    return torch.cat([centres - halves, centres + halves], -1)


def encode(boxes: Tensor, corners: Tensor, strides: Tensor, anchors: Tensor) -> Tensor:
    """The raw predictions [..., 4] that decode to boxes whose centres lie within their cells."""
    centres = (boxes[..., :2] + boxes[..., 2:]) / 2
    sizes = boxes[..., 2:] - boxes[..., :2]
    return torch.cat([((centres - corners) / strides[..., None]).logit(), (sizes / anchors).log()], -1)
