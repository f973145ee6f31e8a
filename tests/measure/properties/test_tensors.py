from __future__ import annotations

import random

import torch

from edgebench.measure.properties.tensors import random_tensor, relative_error


def test_tensors_have_their_shape_and_all_layouts_occur() -> None:
    source = random.Random(0)
    tensors = [random_tensor(source, (3, 4, 5, 6), torch.float32) for _ in range(40)]
    assert all(t.shape == (3, 4, 5, 6) and t.is_leaf for t in tensors)
    assert len({t.stride() for t in tensors}) == 4


def test_corners_occur_exactly() -> None:
    x = random_tensor(random.Random(1), (1000,), torch.bfloat16)
    for corner in (0.0, 3.0, -3.0, 6.0):
        assert (x == corner).any()
    assert ((x == 0) & torch.signbit(x)).any()


def test_relative_error_is_of_the_scale() -> None:
    found, expected = torch.tensor([1.0, 2.5]), torch.tensor([1.0, 2.0])
    assert relative_error(found, expected, torch.tensor([-5.0])) == 0.1
    assert relative_error(torch.zeros(1), torch.zeros(1), torch.zeros(1)) == 0
