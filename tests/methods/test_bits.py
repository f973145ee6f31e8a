from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebench.methods.bits import pack_signs, select, unpack_signs

_FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
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


@settings(deadline=None)
@given(
    _SHAPES,
    st.sampled_from(_FLOATS),
    st.sampled_from(_FLOATS),
    st.sampled_from(["dense", "sliced", "flipped", "expanded"]),
    st.integers(0, 2**32),
    st.randoms(use_true_random=False),
)
def test_selects_exactly_where_not_negative(
    shape: tuple[int, ...],
    dtype: torch.dtype,
    other: torch.dtype,
    layout: str,
    seed: int,
    random: object,
) -> None:
    """Any shape, strides and type, with zeros of both signs, infinities and NaN on either side."""
    generator = torch.Generator().manual_seed(seed)
    special = torch.tensor([0.0, -0.0, float("nan"), -float("nan"), float("inf"), -float("inf"), 1e-8, -1e-8])

    def drawn(dtype: torch.dtype) -> torch.Tensor:
        large = [2 * n for n in shape] if layout == "sliced" else list(shape)
        if layout == "expanded" and large:
            large[0] = 1
        a = torch.randn(large, generator=generator)
        odd = special[torch.randint(len(special), large, generator=generator)]
        a = torch.where(torch.rand(large, generator=generator) < 0.3, odd, a).to(dtype)
        if layout == "sliced":
            a = a[tuple(slice(None, None, 2) for _ in shape)]
        order = list(range(len(shape)))
        random.shuffle(order)  # type: ignore[attr-defined]
        inverse = [order.index(i) for i in range(len(shape))]
        a = a.permute(order).clone(memory_format=torch.preserve_format).permute(inverse)
        if layout == "flipped":
            a = a.flip(list(range(len(shape))))
        return a.expand(shape)

    a, values = drawn(dtype), drawn(other)
    before = values.clone()
    packed = pack_signs(a)
    assert packed.bits.untyped_storage().nbytes() == -(-a.numel() // 8)
    selected = select(packed, values)
    assert selected.dtype == other
    expected = torch.where(a >= 0, values, torch.zeros((), dtype=other))
    assert torch.equal(selected.isnan(), expected.isnan())
    assert torch.equal(selected.nan_to_num(7.0), expected.nan_to_num(7.0))
    assert torch.equal(values.isnan(), before.isnan())


def test_shapes_alone_on_the_meta_device() -> None:
    a, values = torch.randn(3, 5, 7), torch.randn(3, 5, 7)
    packed = pack_signs(a.to("meta"))
    assert (packed.bits.shape, packed.shape, packed.strides) == ((14,), a.shape, a.stride())
    assert select(packed, values.to("meta")).shape == a.shape


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_cuda_device() -> None:
    a = torch.randn(4, 9, 5, 5).contiguous(memory_format=torch.channels_last)
    values = torch.randn(4, 9, 5, 5)
    packed, expected = pack_signs(a.cuda()), pack_signs(a)
    assert torch.equal(packed.bits.cpu(), expected.bits)
    assert torch.equal(select(packed, values.cuda()).cpu(), select(expected, values))


@pytest.mark.parametrize("dtype", _FLOATS)
def test_working_in_the_packed_tensors_memory_changes_nothing_but_it(dtype: torch.dtype) -> None:
    a = torch.randn(2, 8, 5, 3).to(dtype).contiguous(memory_format=torch.channels_last)
    expected = pack_signs(a)
    packed = pack_signs(a, overwrite=True)
    assert torch.equal(packed.bits, expected.bits)
    assert packed[1:] == expected[1:]


def test_packing_is_no_part_of_the_graph() -> None:
    a = torch.randn(20, requires_grad=True)
    packed = pack_signs(a)
    assert not packed.bits.requires_grad
    values = torch.randn(20, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: select(packed, v), (values,))
    assert torch.autograd.gradgradcheck(lambda v: select(packed, v), (values,))


def test_sliced_and_expanded_tensors() -> None:
    for a in (
        torch.randn(6, 10)[::2, 1::3],
        torch.randn(4, 1, 3).expand(4, 5, 3),
        torch.randn(30)[7:],
        torch.randn(2, 3, 4).flip(0),
    ):
        assert torch.equal(unpack_signs(pack_signs(a)), a >= 0)
