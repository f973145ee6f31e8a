"""Anchors: the sizes of boxes that predictions start from, by k-means as in YOLOv2 and v3 (Redmon & Farhadi)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_ROUNDS = 100


def anchors_of(sizes: npt.ArrayLike, count: int) -> Floats:
    """`count` sizes that overlap given ones well, by k-means with the distance 1 - IoU of boxes that share a corner.

    Deterministic: it starts from quantiles of the area. A size that no box is nearest to stays where it is.

    Args:
        sizes: widths and heights [M, 2], positive; with none, all anchors are of one pixel.
        count: of anchors.

    Returns:
        float64 [count, 2], by rising area.
    """
    boxes = np.asarray(sizes, np.float64).reshape(-1, 2)
    if not len(boxes):
        return np.ones((count, 2))
    by_area = boxes[np.argsort(boxes.prod(1), kind="stable")]
    centres = by_area[((np.arange(count) + 0.5) / count * len(boxes)).astype(int)]
    nearest = np.full(len(boxes), -1)
    for _ in range(_ROUNDS):
        before, nearest = nearest, shape_overlap(boxes, centres).argmax(1)
        if (before == nearest).all():
            break
        for index in range(count):
            if (members := nearest == index).any():
                centres[index] = boxes[members].mean(0)
    return np.asarray(centres[np.argsort(centres.prod(1), kind="stable")])


def shape_overlap(sizes: Floats, anchors: Floats) -> Floats:
    """IoU [M, A] of boxes with widths and heights [M, 2] and [A, 2] that share a corner."""
    common = np.minimum(sizes[:, None], anchors).prod(2)
    return np.asarray(common / (sizes.prod(1)[:, None] + anchors.prod(1) - common))
