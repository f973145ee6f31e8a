"""From raw predictions to detections: scores, non-maximum suppression, the best of each image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import batched_nms

from edgebench.detect.boxes import decode, flatten, grid_of
from edgebench.detect.network import Detector

LEAST_SCORE = 0.01
CANDIDATES = 300  # of an image, before suppression
KEPT = 100  # of an image, as COCO counts them
SUPPRESS = 0.45  # overlap with a better one of the same class, as in YOLOv3


@dataclass(frozen=True, eq=False)
class Detections:
    """What was found in B images, D boxes at most in each, best first.

    Attributes:
        boxes: float32 [B, D, 4]: left, top, right, bottom, pixels, within the image.
        labels: int64 [B, D].
        scores: float32 [B, D]; 0 where there is none.
    """

    boxes: Tensor
    labels: Tensor
    scores: Tensor


def detect(detector: Detector, images: Tensor) -> Detections:
    """Run a detector, in the mode that it is in; score: objectness times class, as in YOLOv3."""
    raw = detector(images)
    return detections(detector, raw, (images.shape[2], images.shape[3]))


def detections(detector: Detector, raw: list[Tensor], size: tuple[int, int]) -> Detections:
    """What raw predictions amount to, in images of that height and width."""
    grid, predictions = grid_of(detector, raw), flatten(raw)
    boxes = decode(predictions[..., :4], grid.corners, grid.strides, grid.anchors)
    limits = boxes.new_tensor([size[1], size[0], size[1], size[0]])
    boxes = torch.minimum(boxes.clamp(min=0), limits)
    scores = predictions[..., 4:5].sigmoid() * predictions[..., 5:].sigmoid()
    classes = scores.shape[2]
    best, chosen = scores.flatten(1).topk(min(CANDIDATES, scores[0].numel()), dim=1)
    labels = chosen % classes
    boxes = boxes.gather(1, (chosen // classes)[:, :, None].expand(-1, -1, 4))
    image, at = (best > LEAST_SCORE).nonzero(as_tuple=True)
    kept = batched_nms(boxes[image, at], best[image, at], image * classes + labels[image, at], SUPPRESS)
    survivors = torch.zeros_like(best)
    survivors[image[kept], at[kept]] = best[image[kept], at[kept]]
    found, order = survivors.sort(dim=1, descending=True, stable=True)
    found, order = found[:, :KEPT], order[:, :KEPT]
    return Detections(boxes.gather(1, order[:, :, None].expand(-1, -1, 4)), labels.gather(1, order), found)
