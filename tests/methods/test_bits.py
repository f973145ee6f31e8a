from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebench.methods.bits import pack_signs, unpack_signs

_SHAPES = st.lists(st.integers(0, 9), min_size=0, max_size=5).map(tuple)


@settings(deadline=None)
@given(_SHAPES, st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_round_trip_at_one_bit_per_element(shape: tuple[int, ...], seed: int, random: object) -> None:
    a = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    order = list(range(len(shape)))
    random.shuffle(order)  # type: ignore[attr-defined]
    a = a.permute(order)
    packed = pack_signs(a)
    assert packed.bits.dtype == torch.uint8
    assert packed.bits.untyped_storage().nbytes() == packed.bits.numel() == -(-a.numel() // 8)
    assert torch.equal(unpack_signs(packed), a >= 0)


def test_first_element_is_the_lowest_bit_and_the_rest_is_zero() -> None:
    bits = pack_signs(torch.tensor([1.0, -1.0, 1.0, 1.0, -1, -1, -1, -1, 1.0])).bits
    assert bits.tolist() == [0b1101, 0b1]


def test_zeros_count_as_non_negative_and_nan_does_not() -> None:
    values = torch.tensor([0.0, -0.0, float("nan"), float("inf"), -float("inf")])
    assert unpack_signs(pack_signs(values)).tolist() == [True, True, False, True, False]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int8])
def test_dtypes(dtype: torch.dtype) -> None:
    a = torch.arange(-7, 8).to(dtype)
    assert torch.equal(unpack_signs(pack_signs(a)), a >= 0)


def test_channels_last_is_restored_as_channels_last() -> None:
    a = torch.randn(2, 5, 3, 7).contiguous(memory_format=torch.channels_last)
    mask = unpack_signs(pack_signs(a))
    assert torch.equal(mask, a >= 0)
    assert mask.is_contiguous(memory_format=torch.channels_last)


def test_sliced_and_expanded_tensors() -> None:
    for a in (
        torch.randn(6, 10)[::2, 1::3],
        torch.randn(4, 1, 3).expand(4, 5, 3),
        torch.randn(30)[7:],
        torch.randn(2, 3, 4).flip(0),
    ):
        assert torch.equal(unpack_signs(pack_signs(a)), a >= 0)
