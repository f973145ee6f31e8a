from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebench.detect.anchors import anchors_of, shape_overlap

SIZES = st.lists(st.tuples(st.floats(1, 200), st.floats(1, 200)), min_size=1, max_size=40)


def test_overlap_of_shapes_by_hand() -> None:
    # Common 2 × 3; areas 8 and 9.
    assert shape_overlap(np.array([[2.0, 4.0]]), np.array([[3.0, 3.0]])).item() == 6 / (8 + 9 - 6)


def test_as_many_sizes_as_anchors_are_the_anchors() -> None:
    sizes = np.array([[30.0, 30], [2, 2], [10, 9]])
    assert np.array_equal(anchors_of(sizes, 3), sizes[[1, 2, 0]])


def test_two_clusters_have_their_means() -> None:
    sizes = [(4, 4), (4, 6), (6, 4), (40, 44), (44, 40)]
    assert np.allclose(anchors_of(sizes, 2), [(14 / 3, 14 / 3), (42, 42)])


def test_no_boxes_at_all() -> None:
    assert np.array_equal(anchors_of(np.empty((0, 2)), 6), np.ones((6, 2)))


@settings(deadline=None, max_examples=30)
@given(SIZES, st.integers(1, 9))
def test_anchors_are_sorted_within_the_range_and_the_same_again(
    sizes: list[tuple[float, float]], count: int
) -> None:
    found = anchors_of(sizes, count)
    assert found.shape == (count, 2)
    assert (np.diff(found.prod(1)) >= 0).all()
    low, high = np.min(sizes, axis=0), np.max(sizes, axis=0)
    assert ((found >= low - 1e-9) & (found <= high + 1e-9)).all()
    assert np.array_equal(found, anchors_of(sizes, count))
