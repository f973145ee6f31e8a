"""The loss of a detector, after YOLOv3: which predictions answer for which objects, and how far off they are.

An object is the matter of the anchors whose shape overlaps its own by more than `MATCH`, and of the best one in any
case, each in the cell that holds the object's centre. (YOLOv3 has the best one alone; more of them learn faster in
short trainings.) Other predictions should find nothing, unless they overlap an object by more than `IGNORE`. Classes
are binary each, as in YOLOv3. In place of its squared errors of the box there is the complete IoU loss (Zheng et al.
2020), which needs no weighting by size.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot
from torchvision.ops import complete_box_iou_loss

from edgebench.data.annotated import COUNTED
from edgebench.data.scene_batches import Objects
from edgebench.detect.boxes import Grid, decode, flatten, grid_of
from edgebench.detect.network import ANCHORS, Detector

MATCH = 0.5
IGNORE = 0.6
BOX_WEIGHT = 2.0


@dataclass(frozen=True, eq=False)
class Assignment:
    """Which of the B × P predictions answers for what.

    Attributes:
        owner: int64 [B, P], index of the object within its image, -1 for none.
        ignored: bool [B, P]: without an object, but too near to one to count as wrong.
    """

    owner: Tensor
    ignored: Tensor


def detection_loss(detector: Detector, raw: list[Tensor], objects: Objects) -> Tensor:
    """Objectness, class and box losses, each a sum over its predictions divided by the batch's weight of matches.

    The losses of a match count by its object's weight; where there is no object, 1.

    Args:
        raw: what the detector returned.
        objects: of the images.

    Returns:
        A scalar.
    """
    grid, predictions = grid_of(detector, raw), flatten(raw)
    boxes = decode(predictions[..., :4], grid.corners, grid.strides, grid.anchors)
    found = assign(grid, boxes.detach(), objects, detector.anchors)
    image, at = (found.owner >= 0).nonzero(as_tuple=True)
    owner = found.owner[image, at]
    weights = objects.weights[image, owner]
    total = weights.sum().clamp(min=1.0)

    matched = found.owner >= 0
    asked = torch.ones_like(found.owner, dtype=predictions.dtype)
    asked[image, at] = weights
    asked[found.ignored] = 0.0
    objectness = binary_cross_entropy_with_logits(
        predictions[..., 4], matched.to(predictions.dtype), weight=asked, reduction="sum"
    )
    classes = one_hot(objects.labels[image, owner], predictions.shape[2] - 5).to(predictions.dtype)
    wrong = binary_cross_entropy_with_logits(predictions[image, at, 5:], classes, reduction="none").sum(1)
    off = complete_box_iou_loss(boxes[image, at], objects.boxes[image, owner])
    found_objects = (weights * (wrong + BOX_WEIGHT * off)).sum()
    loss: Tensor = (objectness + found_objects) / total
    return loss


def assign(grid: Grid, boxes: Tensor, objects: Objects, anchors: Tensor) -> Assignment:
    """Match objects and predictions.

    Where two objects claim one prediction, the later one has it.

    Args:
        grid: of P predictions.
        boxes: predicted, float [B, P, 4].
        objects: of the images.
        anchors: float [S * ANCHORS, 2].
    """
    count, predictions = boxes.shape[:2]
    image, slot = (objects.flags == COUNTED).nonzero(as_tuple=True)
    own = objects.boxes[image, slot]
    sizes = own[:, 2:] - own[:, :2]
    common = torch.minimum(sizes[:, None], anchors).prod(2)
    overlap = common / (sizes.prod(1)[:, None] + anchors.prod(1) - common)
    chosen = overlap > MATCH
    chosen |= overlap == overlap.amax(1, keepdim=True)
    match, anchor = chosen.nonzero(as_tuple=True)

    firsts, across, down, strides = (
        torch.tensor(values, device=boxes.device)[anchor // ANCHORS]
        for values in (
            grid.firsts,
            [width for width, _ in grid.cells],
            [height for _, height in grid.cells],
            [int(grid.strides[first]) for first in grid.firsts],
        )
    )
    centres = (own[match, :2] + own[match, 2:]) / 2
    x = (centres[:, 0] / strides).long().minimum(across - 1)
    y = (centres[:, 1] / strides).long().minimum(down - 1)
    at = firsts + ((anchor % ANCHORS) * down + y) * across + x
    owner = torch.full((count * predictions,), -1, device=boxes.device)
    owner.scatter_reduce_(0, image[match] * predictions + at, slot[match], "amax")
    owner = owner.view(count, predictions)
    ignored = (best_overlap(boxes, objects.boxes) > IGNORE) & (owner < 0)
    return Assignment(owner, ignored)


def best_overlap(boxes: Tensor, objects: Tensor) -> Tensor:
    """The largest IoU [B, P] of each predicted box [B, P, 4] with any of its image's objects [B, G, 4]."""
    best = boxes.new_zeros(boxes.shape[:2])
    areas = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    # An object at a time: [B, P, G] would be the largest tensor of a training step.
    for each in objects.unbind(1):
        low = torch.maximum(boxes[..., :2], each[:, None, :2])
        high = torch.minimum(boxes[..., 2:], each[:, None, 2:])
        common = (high - low).clamp(min=0).prod(2)
        area = ((each[:, 2] - each[:, 0]) * (each[:, 3] - each[:, 1]))[:, None]
        best = torch.maximum(best, common / (areas + area - common).clamp(min=1e-9))
    return best
