"""One bit per element: which elements of a tensor are non-negative, packed eight to a byte.

Bits follow the tensor's memory, not its logical order, so that a channels-last map is packed and restored
without ever being copied to another layout.

On a CPU some of torch's kernels are vectorised and others, for the same result, are not: comparisons that
write bools, `torch.where` and products with a bool take one element at a time, 5 to 40 times slower than the
ways round them taken here (torch 2.15, AVX-512). Other devices take the direct way.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

# Eight bools are one int64 whose byte i is bit i of the result. Multiplying by 2^56 + 2^49 + ... + 2^7 moves
# byte i to bit 56 + i; the 64 partial products fall on different bits, so nothing carries into the top byte.
_GATHER = 0x0102040810204080


class PackedSigns(NamedTuple):
    """The mask `a >= 0` at one bit per element.

    Attributes:
        bits: uint8, ⌈numel / 8⌉ bytes, first element in the lowest bit, unused bits zero.
        shape: of the mask.
        strides: of the mask, dense.
    """

    bits: Tensor
    shape: torch.Size
    strides: tuple[int, ...]


def pack_signs(a: Tensor, *, overwrite: bool = False) -> PackedSigns:
    """Pack `a >= 0` (any shape, any real dtype, any strides; NaN counts as negative).

    Args:
        overwrite: nobody needs `a` any more, and its memory may be worked in.
    """
    mask = _non_negative(a.detach(), overwrite)
    # A comparison's result is dense in the memory order of its operand; reading it in that order copies
    # nothing.
    flat = mask.as_strided((mask.numel(),), (1,))
    if mask.numel() % 8:
        flat = functional.pad(flat, (0, -mask.numel() % 8))
    bits = (flat.view(torch.int64) * _GATHER).bitwise_right_shift_(56).to(torch.uint8)
    return PackedSigns(bits, mask.shape, mask.stride())


def unpack_signs(packed: PackedSigns) -> Tensor:
    """The bool mask, with the shape and strides that it was packed with."""
    table = _TABLE if packed.bits.device.type == "cpu" else _table_on(packed.bits.device)
    # `index_select` copies eight bytes an index; subscripting would take the general, ten times slower way.
    octets = table.index_select(0, packed.bits.to(torch.int32))
    return octets.view(torch.bool).as_strided(packed.shape, packed.strides)


def select(packed: PackedSigns, values: Tensor) -> Tensor:
    """A new tensor: `values` (the mask's shape, any strides, floating point) where the mask holds, 0 elsewhere.

    Selected, not multiplied: an infinite or undefined value behind a closed gate is 0. Differentiable in
    `values`.
    """
    mask = unpack_signs(packed)
    if values.device.type != "cpu":
        return torch.where(mask, values, 0.0)
    # ReLU's backward: the value where the second operand exceeds 0.
    opened = mask.view(torch.uint8).to(values.dtype)
    selected: Tensor = torch.ops.aten.threshold_backward.default(values, opened, 0)
    return selected


def _non_negative(a: Tensor, overwrite: bool) -> Tensor:
    if a.device.type != "cpu":
        return a >= 0
    # Compared within `a`'s own type, then narrowed: two vectorised passes.
    compared = a.ge_(0) if overwrite else torch.ge(a, 0, out=torch.empty_like(a))
    return compared.to(torch.bool)


def _spread() -> Tensor:
    """The eight bools of every byte, as one int64 each: a gather beats shifting bits out fourfold."""
    rows = torch.arange(256, device="cpu")
    patterns = (rows[:, None] >> torch.arange(8, device="cpu") & 1).to(torch.uint8)
    octets = patterns.view(torch.int64).flatten()
    # Placed by packing them, so that the two directions agree whatever the byte order of the machine.
    table = torch.empty_like(octets)
    table[(octets * _GATHER).bitwise_right_shift(56) & 255] = octets
    return table


# Made once and here: made on first use it could be a compiler's stand-in, and stay one.
_TABLE = _spread()


@functools.cache
def _table_on(device: torch.device) -> Tensor:
    return _TABLE.to(device)
