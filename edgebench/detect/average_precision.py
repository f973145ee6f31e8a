"""Average precision of detections at one overlap: AP50, as COCO's evaluation defines it (Lin et al. 2014).

For each class, all images' detections by falling score. A detection is right when it overlaps, by at least the
threshold, an object of its class in its image that no better one has taken; of several, it takes the one it overlaps
most. Precision is made non-increasing in recall and averaged over 101 recalls from 0 to 1; classes without an object
do not count. Difficult objects and crowds are neither asked for nor held against a detection of them.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from edgebench.data.annotated import COUNTED, CROWD, DIFFICULT
from edgebench.data.scene_batches import Objects
from edgebench.detect.detections import Detections

RECALLS = 101


def average_precision(
    batches: Iterable[tuple[Detections, Objects]], classes: int, overlap: float = 0.5
) -> float:
    """The mean over classes, in per cent; 0 without any object.

    Args:
        batches: what was found, best first, and the objects of the same images.
        classes: K.
        overlap: least IoU of a right detection.
    """
    asked = torch.zeros(classes, dtype=torch.int64)
    kept: list[tuple[Tensor, Tensor, Tensor]] = []
    for found, objects in batches:
        right, ignored = _match(found, objects, overlap)
        counts = (found.scores > 0) & ~ignored
        kept.append((found.scores[counts], found.labels[counts], right[counts]))
        wanted = objects.labels[objects.flags == COUNTED]
        asked += torch.bincount(wanted, minlength=classes).cpu()
    if not kept:
        return 0.0
    scores, labels, right = (torch.cat(each) for each in zip(*kept, strict=True))
    order = scores.argsort(descending=True, stable=True)
    labels, right = labels[order], right[order]
    each = [_area(right[labels == label], count) for label, count in enumerate(asked.tolist()) if count]
    return 100.0 * sum(each) / len(each) if each else 0.0


def _match(found: Detections, objects: Objects, least: float) -> tuple[Tensor, Tensor]:
    """Which detections are right, and which count for nothing: bool [B, D] each."""
    labels, flags = objects.labels, objects.flags
    overlap = _overlaps(found.boxes, objects.boxes, flags)
    # One of another class is as far away as one that is not there.
    overlap = overlap.masked_fill(found.labels[:, :, None] != labels[:, None], -1.0)
    free, crowd = flags == COUNTED, flags == CROWD
    spare = crowd | (flags == DIFFICULT)
    right, ignored = (torch.zeros_like(found.scores, dtype=torch.bool) for _ in range(2))
    images = torch.arange(len(labels), device=labels.device)
    # One rank at a time, all images at once: whom a better one has taken is known then.
    for rank in range(found.scores.shape[1]):
        there = found.scores[:, rank] > 0
        here = overlap[:, rank]
        best, which = here.masked_fill(~free, -1.0).max(1)
        right[:, rank] = there & (best >= least)
        free[images, which] &= ~right[:, rank]
        # As COCO does: an object that is not asked for is taken once, a crowd as often as it is found.
        best, which = here.masked_fill(~spare, -1.0).max(1)
        ignored[:, rank] = there & ~right[:, rank] & (best >= least)
        spare[images, which] &= ~ignored[:, rank] | crowd[images, which]
    return right, ignored


def _overlaps(found: Tensor, objects: Tensor, flags: Tensor) -> Tensor:
    """IoU [B, D, G]; with a crowd, the share of the detection that lies within it."""
    low = torch.maximum(found[:, :, None, :2], objects[:, None, :, :2])
    high = torch.minimum(found[:, :, None, 2:], objects[:, None, :, 2:])
    common = (high - low).clamp(min=0).prod(3)
    own, theirs = ((each[..., 2:] - each[..., :2]).prod(-1) for each in (found, objects))
    union = torch.where(
        (flags == CROWD)[:, None], own[:, :, None], own[:, :, None] + theirs[:, None] - common
    )
    return common / union.clamp(min=1e-9)


def _area(right: Tensor, asked: int) -> float:
    """Average precision of one class from its detections, best first; `asked` objects were to be found."""
    if not len(right):
        return 0.0
    hits = right.double().cumsum(0)
    precision = hits / torch.arange(1, len(right) + 1, device=right.device)
    precision = precision.flip(0).cummax(0).values.flip(0)
    recalls = torch.linspace(0, 1, RECALLS, dtype=torch.float64, device=right.device)
    first = torch.searchsorted(hits / asked, recalls)
    return float(torch.where(first < len(right), precision[first.clamp(max=len(right) - 1)], 0.0).mean())
