from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.ops import box_iou

from edgebench.data.annotated import DIFFICULT
from edgebench.data.scene_batches import Objects
from edgebench.detect.boxes import Grid, encode, flatten, grid_of
from edgebench.detect.loss import IGNORE, MATCH, assign, best_overlap, detection_loss
from edgebench.detect.network import Detector
from tests.detect.fixtures import detector, objects

BOX = st.tuples(
    st.floats(0, 27), st.floats(0, 27), st.floats(2, 28), st.floats(2, 28), st.integers(0, 2)
).map(lambda b: (b[0], b[1], min(32.0, b[0] + b[2]), min(32.0, b[1] + b[3]), b[4]))
IMAGES = st.lists(st.lists(BOX, max_size=4), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def network() -> Detector:
    torch.manual_seed(0)
    return detector().eval()


def raw_of(network: Detector, images: int) -> list[Tensor]:
    return [each.detach() for each in network(torch.zeros(images, 1, 32, 32))]


def slow_owner(network: Detector, grid: Grid, found: Objects) -> list[dict[int, int]]:
    """Object by object, as YOLOv3 describes it: which prediction answers for which of each image's objects."""
    owners: list[dict[int, int]] = [{} for _ in found.labels]
    for image, labels in enumerate(found.labels.tolist()):
        for slot, label in enumerate(labels):
            if label < 0:
                continue
            left, top, right, bottom = found.boxes[image, slot].tolist()
            sizes = [[0.0, 0.0, float(w), float(h)] for w, h in network.anchors.tolist()]
            shape = torch.tensor([[0.0, 0, right - left, bottom - top]])
            overlaps = box_iou(shape, torch.tensor(sizes))[0]
            for anchor, overlap in enumerate(overlaps.tolist()):
                if overlap > MATCH or overlap == float(overlaps.max()):
                    scale = anchor // 3
                    stride, (across, down) = network.strides[scale], grid.cells[scale]
                    x = min(int((left + right) / 2 / stride), across - 1)
                    y = min(int((top + bottom) / 2 / stride), down - 1)
                    at = grid.firsts[scale] + (anchor % 3) * across * down + y * across + x
                    owners[image][at] = slot
    return owners


@settings(deadline=None, max_examples=40)
@given(IMAGES)
def test_assignment_is_that_of_a_slow_one(images: list[list[tuple[float, float, float, float, int]]]) -> None:
    torch.manual_seed(0)
    network = detector().eval()
    found, raw = objects(*images), raw_of(network, len(images))
    grid = grid_of(network, raw)
    boxes = torch.rand(len(images), len(grid.strides), 4) * 16
    boxes[..., 2:] += boxes[..., :2]
    assignment = assign(grid, boxes, found, network.anchors)
    for image, owners in enumerate(slow_owner(network, grid, found)):
        expected = torch.full((len(grid.strides),), -1)
        for at, slot in owners.items():
            expected[at] = slot
        assert torch.equal(assignment.owner[image], expected)
        there = found.boxes[image][found.labels[image] >= 0]
        near = box_iou(boxes[image], there).amax(1) > IGNORE if len(there) else torch.zeros(len(expected)) > 0
        assert torch.equal(assignment.ignored[image], near & (expected < 0))


def test_best_overlap_is_torchvisions() -> None:
    torch.manual_seed(1)
    boxes, there = torch.rand(2, 7, 4) * 10, torch.rand(2, 3, 4) * 10
    for each in (boxes, there):
        each[..., 2:] += each[..., :2] + 1
    expected = torch.stack([box_iou(a, b).amax(1) for a, b in zip(boxes, there, strict=True)])
    assert torch.allclose(best_overlap(boxes, there), expected, atol=1e-6)


def perfect(network: Detector, found: Objects) -> list[Tensor]:
    """Raw predictions that are right about everything."""
    raw = raw_of(network, len(found.labels))
    grid = grid_of(network, raw)
    blank = torch.full_like(flatten(raw), -20.0)
    owner = assign(grid, torch.zeros(*blank.shape[:2], 4), found, network.anchors).owner
    for image, at in (owner >= 0).nonzero().tolist():
        slot = owner[image, at]
        place = grid.corners[at], grid.strides[at], grid.anchors[at]
        blank[image, at, :4] = encode(found.boxes[image, slot], *place)
        blank[image, at, 4] = 20.0
        blank[image, at, 5 + found.labels[image, slot]] = 20.0
    shaped, first = [], 0
    for each in raw:
        count = each[0, ..., 0].numel()
        shaped.append(blank[:, first : first + count].reshape(each.shape))
        first += count
    return shaped


SCENE = objects([(3, 3, 11, 9, 0), (17, 14, 30, 30, 2)], [(5, 9, 12, 17, 1)])


def test_a_perfect_prediction_loses_nothing_and_a_fresh_one_much(network: Detector) -> None:
    right = detection_loss(network, perfect(network, SCENE), SCENE).item()
    assert right == pytest.approx(0, abs=1e-3)
    assert detection_loss(network, raw_of(network, 2), SCENE).item() > 3


@pytest.mark.parametrize(("index", "least"), [(0, 0.01), (2, 0.01), (4, 5.0), (5, 5.0)])
def test_every_part_of_a_prediction_counts(network: Detector, index: int, least: float) -> None:
    """The centre, the size, whether there is an object, and its class."""
    raw = perfect(network, SCENE)
    for each in raw:
        objectness = each[..., 4] > 0
        each[..., index] = torch.where(objectness, -each[..., index] - 3.0 * (index < 4), each[..., index])
    assert detection_loss(network, raw, SCENE).item() > least


def test_objects_count_by_their_weight(network: Detector) -> None:
    """Two images with one object each: a mistake about an object of weight 3/4 loses three times that of 1/4."""
    found = objects([(3, 3, 11, 9, 0)], [(3, 3, 11, 9, 0)])
    raw = perfect(network, found)
    for each in raw:
        each[0, ..., 5:] = -each[0, ..., 5:]  # wrong about the first image
    found.weights[:, 0] = torch.tensor([0.75, 0.25])
    heavy = detection_loss(network, raw, found).item()
    found.weights[:, 0] = torch.tensor([0.25, 0.75])
    light = detection_loss(network, raw, found).item()
    assert heavy == pytest.approx(3 * light, rel=1e-3)


def test_difficult_objects_are_not_learnt_but_finding_them_is_no_mistake(network: Detector) -> None:
    found = objects([(3, 3, 11, 9, 0)])
    raw = perfect(network, found)
    found.flags[0, 0] = DIFFICULT
    assert detection_loss(network, raw, found).item() == pytest.approx(0, abs=1e-3)
    nothing = objects([])
    assert detection_loss(network, raw, nothing).item() > 10


def test_scenes_without_objects_have_a_loss_and_gradients() -> None:
    network = detector()
    loss = detection_loss(network, network(torch.zeros(2, 1, 32, 32)), objects([], []))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() > 0
    assert all(each.grad is None or each.grad.isfinite().all() for each in network.parameters())
