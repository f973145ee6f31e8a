from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebench.detect.boxes import decode, encode, flatten, grid_of
from tests.detect.fixtures import detector


def test_a_prediction_of_zeros_is_its_anchor_in_the_middle_of_its_cell() -> None:
    corners, strides, anchors = torch.tensor([[8.0, 16]]), torch.tensor([8.0]), torch.tensor([[6.0, 10]])
    assert decode(torch.zeros(1, 4), corners, strides, anchors).tolist() == [[9, 15, 15, 25]]


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(st.floats(0.02, 0.98), st.floats(0.02, 0.98)),
    st.tuples(st.floats(0.05, 20), st.floats(0.05, 20)),
    st.tuples(st.integers(0, 12), st.integers(0, 12)),
    st.sampled_from([4.0, 8.0, 32.0]),
)
def test_decoding_undoes_encoding(
    within: tuple[float, float], size: tuple[float, float], cell: tuple[int, int], stride: float
) -> None:
    corners = torch.tensor([cell], dtype=torch.float64) * stride
    strides, anchors = torch.tensor([stride], dtype=torch.float64), torch.tensor([[12.0, 9.0]])
    centre = corners + stride * torch.tensor([within])
    half = anchors * torch.tensor([size]) / 2
    boxes = torch.cat([centre - half, centre + half], 1)
    again = decode(encode(boxes, corners, strides, anchors), corners, strides, anchors)
    assert torch.allclose(again, boxes, rtol=1e-5, atol=1e-6)


def test_a_box_stays_finite_however_far_off_its_prediction_is() -> None:
    raw = torch.tensor([[0.0, 0, 1e4, 1e4]])
    assert decode(raw, torch.zeros(1, 2), torch.ones(1), torch.ones(1, 2)).isfinite().all()


def test_grid_and_predictions_are_in_one_order() -> None:
    network = detector(size=32).eval()
    raw = network(torch.zeros(2, 1, 32, 32))
    assert [tuple(each.shape) for each in raw] == [(2, 3, 8, 8, 8), (2, 3, 4, 4, 8)]
    assert network.strides == [4, 8]
    grid = grid_of(network, raw)
    # Mark one prediction of each scale by where it is.
    for scale, (anchor, y, x) in enumerate([(2, 5, 3), (1, 3, 2)]):
        marked = [torch.zeros_like(each) for each in raw]
        marked[scale][1, anchor, y, x, 0] = 1
        at = flatten(marked)[1, :, 0].nonzero().item()
        stride = network.strides[scale]
        assert grid.corners[at].tolist() == [x * stride, y * stride]
        assert grid.strides[at] == stride
        assert torch.equal(grid.anchors[at], network.anchors[3 * scale + anchor])
    assert (grid.firsts, grid.cells) == ((0, 192), ((8, 8), (4, 4)))
    assert len(grid.corners) == 192 + 48
