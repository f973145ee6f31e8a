from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from edgebench.data.annotated import COUNTED, CROWD, DIFFICULT
from edgebench.data.scene_batches import Objects
from edgebench.detect.average_precision import average_precision
from edgebench.detect.detections import Detections
from tests.detect.fixtures import objects


def detections(*images: list[tuple[float, float, float, float, int, float]]) -> Detections:
    """Detections (left, top, right, bottom, label, score) of some images, best first, padded."""
    most = max(1, *map(len, images))
    boxes, labels, scores = torch.zeros(len(images), most, 4), torch.zeros(len(images), most).long(), None
    scores = torch.zeros(len(images), most)
    for index, found in enumerate(images):
        for rank, (*box, label, score) in enumerate(sorted(found, key=lambda each: -each[5])):
            boxes[index, rank], labels[index, rank], scores[index, rank] = torch.tensor(box), label, score
    return Detections(boxes, labels, scores)


THERE = objects([(0, 0, 10, 10, 0), (20, 20, 30, 30, 0)])


def test_by_hand() -> None:
    # Best first: right, wrong, right. Precision 1 up to recall 1/2 (51 of the 101 recalls), then 2/3.
    found = detections([(0, 0, 10, 10, 0, 0.9), (50, 50, 60, 60, 0, 0.8), (20, 20, 30, 29, 0, 0.7)])
    expected = 100 * (51 + 50 * 2 / 3) / 101
    assert average_precision([(found, THERE)], 1) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (detections([]), 0.0),
        (detections([(0, 0, 10, 10, 0, 0.2), (20, 20, 30, 30, 0, 0.1)]), 100.0),
        # An overlap of 1/2 exactly is enough; a little less is not.
        (detections([(0, 0, 10, 5, 0, 0.2), (20, 20, 30, 30, 0, 0.1)]), 100.0),
        (detections([(0, 0, 10, 4.99, 0, 0.2)]), 0.0),
        # The second of two on one object is wrong, but ranks last.
        (detections([(0, 0, 10, 10, 0, 0.9), (20, 20, 30, 30, 0, 0.8), (0, 0, 10, 10, 0, 0.7)]), 100.0),
        # The right place under another class.
        (detections([(0, 0, 10, 10, 1, 0.9)]), 0.0),
    ],
)
def test_single_cases(found: Detections, expected: float) -> None:
    assert average_precision([(found, THERE)], 2) == pytest.approx(expected)


def test_without_objects_it_is_nothing() -> None:
    assert average_precision([], 3) == 0.0
    assert average_precision([(detections([(0, 0, 1, 1, 0, 0.5)]), objects([]))], 3) == 0.0


def cocos(found: Detections, there: Objects, classes: int) -> float:
    """AP50 by COCO's own evaluation."""
    images: list[dict[str, Any]] = [{"id": index + 1} for index in range(len(there.labels))]
    annotations: list[dict[str, Any]] = []
    for index, slot in (there.labels >= 0).nonzero().tolist():
        left, top, right, bottom = there.boxes[index, slot].tolist()
        flag = int(there.flags[index, slot])
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": index + 1,
                "category_id": int(there.labels[index, slot]),
                "bbox": [left, top, right - left, bottom - top],
                "area": (right - left) * (bottom - top),
                "iscrowd": int(flag == CROWD),
                "ignore": int(flag != COUNTED),
            }
        )
    categories = [{"id": label} for label in range(classes)]
    results = [
        [index + 1, *boxes[:2], boxes[2] - boxes[0], boxes[3] - boxes[1], score, label]
        for index, rank in (found.scores > 0).nonzero().tolist()
        for boxes, score, label in [
            (
                found.boxes[index, rank].tolist(),
                float(found.scores[index, rank]),
                int(found.labels[index, rank]),
            )
        ]
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"images": images, "annotations": annotations, "categories": categories}
        truth.createIndex()
        if not results:
            return 0.0
        evaluation = COCOeval(truth, truth.loadRes(np.array(results)), "bbox")
        evaluation.params.iouThrs = np.array([0.5])
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.params.maxDets = [100]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"]
    precision = precision[precision > -1]
    return 100 * float(precision.mean()) if precision.size else 0.0


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.booleans())
def test_it_is_cocos(seed: int, classes: int, crowds: bool) -> None:
    """Scattered objects and detections near them; also crowds, and none of either."""
    draw = np.random.default_rng(seed)
    images, found = [], []
    for _ in range(3):
        there = []
        for _ in range(draw.integers(0, 5)):
            x, y, w, h = draw.uniform([0, 0, 4, 4], [40, 40, 20, 20])
            there.append((x, y, x + w, y + h, int(draw.integers(classes))))
        near = []
        for _ in range(draw.integers(0, 9)):
            base = there[draw.integers(len(there))] if there else (5.0, 5.0, 15.0, 15.0, 0)
            left, top, right, bottom = np.array(base[:4]) + draw.normal(0, 2.0, 4)
            label = int(draw.integers(classes)) if draw.random() < 0.3 else base[4]
            near.append((left, top, max(left + 1, right), max(top + 1, bottom), label, draw.uniform(0.01, 1)))
        images.append(there)
        found.append(near)
    truth = objects(*images)
    if crowds:
        chosen = torch.from_numpy(draw.random(truth.flags.shape) < 0.3) & (truth.labels >= 0)
        truth.flags[chosen] = CROWD
    ours = average_precision([(detections(*found), truth)], classes)
    assert ours == pytest.approx(cocos(detections(*found), truth, classes), abs=1e-4)


def test_difficult_objects_do_not_count() -> None:
    there = objects([(0, 0, 10, 10, 0), (20, 20, 30, 30, 0)])
    there.flags[0, 1] = DIFFICULT
    # Found or not, and found again: once it is forgiven, the second time it is wrong, as for any object.
    right = (0.0, 0.0, 10.0, 10.0, 0, 0.5)
    for extra in ([], [(20.0, 20.0, 30.0, 30.0, 0, 0.9)]):
        assert average_precision([(detections([right, *extra]), there)], 1) == 100.0
    twice = [(20.0, 20.0, 30.0, 30.0, 0, 0.9), (20.0, 20.0, 30.0, 29.0, 0, 0.8)]
    assert average_precision([(detections([right, *twice]), there)], 1) == pytest.approx(50.0)


def test_batches_are_one_set() -> None:
    one, other = (
        (detections([(0, 0, 10, 10, 0, 0.9)]), objects([(0, 0, 10, 10, 0)])),
        (detections([(0, 0, 10, 10, 0, 0.95)]), objects([(40, 40, 50, 50, 0)])),
    )
    # The better one is wrong: precision 1/2 up to recall 1/2.
    assert average_precision([one, other], 1) == pytest.approx(100 * 51 / 2 / 101)
