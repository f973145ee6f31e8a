"""One bit per element: which elements of a tensor are non-negative, packed eight to a byte.

Bits follow the tensor's memory, not its logical order, so that a channels-last map is packed and restored
without ever being copied to another layout.
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


def pack_signs(a: Tensor) -> PackedSigns:
    """Pack `a >= 0` (any shape, any real dtype, any strides; NaN counts as negative)."""
    mask = a >= 0
    # A comparison's result is dense in the memory order of its operand; reading it in that order copies
    # nothing.
    flat = mask.as_strided((mask.numel(),), (1,)).view(torch.uint8)
    flat = functional.pad(flat, (0, -mask.numel() % 8))
    bits = (flat.view(torch.int64) * _GATHER).bitwise_right_shift_(56).to(torch.uint8)
    return PackedSigns(bits, mask.shape, mask.stride())


def unpack_signs(packed: PackedSigns) -> Tensor:
    """The bool mask, with the shape and strides that it was packed with."""
    octets = _octets(packed.bits.device)[packed.bits.to(torch.int32)]
    return octets.view(torch.bool).as_strided(packed.shape, packed.strides)


@functools.cache
def _octets(device: torch.device) -> Tensor:
    """The eight bools of every byte, as one int64 each: a gather beats shifting bits out fourfold."""
    rows = torch.arange(256, device=device)
    patterns = (rows[:, None] >> torch.arange(8, device=device) & 1).to(torch.uint8)
    octets = patterns.view(torch.int64).flatten()
    # Placed by packing them, so that the two directions agree whatever the byte order of the machine.
    table = torch.empty_like(octets)
    table[(octets * _GATHER).bitwise_right_shift(56) & 255] = octets
    return table
