"""Dual-path's conversion of dense layers into convolutions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgebench.errors import ModelError
from edgebench.methods.dual_path import dense_to_conv

_side = st.integers(1, 9)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), _side, _side),
    outputs=st.integers(1, 40),
    batch=st.integers(1, 8),
    bias=st.booleans(),
    channels_last=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_a_dense_layer_as_a_convolution_is_the_same_to_1e6_in_float32(
    shape: tuple[int, int, int], outputs: int, batch: int, bias: bool, channels_last: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    dense = nn.Linear(int(np.prod(shape)), outputs, bias=bias)
    maps = torch.randn(batch, *shape)
    if channels_last:
        maps = maps.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        conv = dense_to_conv(dense, shape)
        found, flat = conv(maps), dense_to_conv(dense, (dense.in_features, 1, 1))
        # Of the sum of the magnitudes of an output's terms, against which float32 rounds a sum.
        scale = maps.flatten(1).double().abs() @ dense.weight.double().abs().T + 1e-30
        if bias:
            scale = scale + dense.bias.double().abs()
        exact = maps.flatten(1).double() @ dense.weight.double().T + (dense.bias.double() if bias else 0)
        assert found.shape == (batch, outputs, 1, 1)
        for each in (found, flat(maps.flatten(1)[:, :, None, None])):
            assert float(((each.flatten(1) - dense(maps.flatten(1))).abs() / scale).max()) <= 1e-6
            assert float(((each.flatten(1).double() - exact).abs() / scale).max()) <= 1e-6


def test_weights_are_the_same_numbers_and_copies() -> None:
    dense = nn.Linear(24, 3)
    conv = dense_to_conv(dense, (2, 3, 4))
    assert conv.bias is not None
    assert torch.equal(conv.weight.flatten(1), dense.weight)
    assert torch.equal(conv.bias, dense.bias)
    with torch.no_grad():
        conv.weight.zero_()
    assert bool(dense.weight.any())
    assert dense_to_conv(nn.Linear(24, 3, bias=False), (2, 3, 4)).bias is None


def test_one_output_at_one_place_is_the_number_at_that_place() -> None:
    maps = torch.arange(24.0).view(1, 2, 3, 4)
    dense = nn.Linear(24, 24, bias=False)
    with torch.no_grad():
        dense.weight.copy_(torch.eye(24))
        assert torch.equal(dense_to_conv(dense, (2, 3, 4))(maps).flatten(), torch.arange(24.0))


def test_a_map_of_another_size_is_refused() -> None:
    with pytest.raises(ModelError, match="24 inputs over a map of 2 × 3 × 5"):
        dense_to_conv(nn.Linear(24, 3), (2, 3, 5))
