from __future__ import annotations

import torch

from edgebench.detect.boxes import encode, grid_of
from edgebench.detect.detections import KEPT, detect, detections
from tests.detect.fixtures import detector


def test_clear_predictions_become_detections_best_first_and_doubles_go() -> None:
    network = detector().eval()
    raw = [torch.full(each.shape, -20.0) for each in network(torch.zeros(2, 1, 32, 32))]
    grid = grid_of(network, raw)
    flat = [each.view(2, -1, each.shape[-1]) for each in raw]

    def put(image: int, at: int, box: list[float], label: int, logit: float) -> None:
        place = grid.corners[at], grid.strides[at], grid.anchors[at]
        flat[0][image, at, :4] = encode(torch.tensor(box), *place)
        flat[0][image, at, 4], flat[0][image, at, 5 + label] = logit, 20.0

    # Cell (x 2, y 1) of the finer scale, its three anchors; the second is the first again, a little worse.
    first = 1 * 8 + 2
    put(1, first, [8, 3, 12, 9], 1, 3.0)
    put(1, first + 64, [8, 3, 12, 10], 1, 2.0)
    put(1, first + 128, [8, 3, 12, 9], 2, 1.0)
    found = detections(network, raw, (32, 32))
    assert (found.scores[0] == 0).all()
    kept = found.scores[1] > 0
    assert found.labels[1][kept].tolist() == [1, 2]
    assert torch.allclose(found.boxes[1][kept], torch.tensor([[8.0, 3, 12, 9], [8, 3, 12, 9]]), atol=1e-4)
    assert torch.allclose(found.scores[1][kept], torch.tensor([3.0, 1.0]).sigmoid())


def test_boxes_stay_within_the_image_and_not_too_many_are_kept() -> None:
    torch.manual_seed(0)
    network = detector(classes=4).eval()
    raw = [torch.randn_like(each) * 3 for each in network(torch.zeros(2, 1, 32, 32))]
    found = detections(network, raw, (32, 32))
    assert found.boxes.shape == (2, KEPT, 4)
    assert found.boxes.min() >= 0
    assert found.boxes.max() <= 32
    assert (found.scores.diff(dim=1) <= 0).all()


def test_an_image_is_judged_alone() -> None:
    torch.manual_seed(0)
    network, images = detector().eval(), torch.randn(2, 1, 32, 32)
    for predictor in network.predictors:
        torch.nn.init.normal_(predictor.get_submodule("1").weight, std=0.5)
    with torch.inference_mode():
        both, alone = detect(network, images), detect(network, images[1:])
    assert torch.allclose(both.scores[1:], alone.scores, atol=1e-6)
    assert torch.allclose(both.boxes[1:], alone.boxes, atol=1e-4)
