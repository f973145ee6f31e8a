"""Dual-path: a dense layer over a flattened map and the convolution made of it give the same outputs.

Both compute the same products and add them up, each in an order of its own, so that float32 rounds them apart. How far
is known: a sum of n products in any order is off by at most about n · 6e-8 of the sum of their magnitudes, and in
practice by far less. An output is therefore compared relative to the sum of the magnitudes of its terms: relative to
the output itself, which may cancel to nothing, no tolerance would do.
"""

from __future__ import annotations

import random

import torch
from torch import Tensor, nn

from edgebench.measure.properties.tally import Tally
from edgebench.methods.dual_path import dense_to_conv

_TOLERANCE = 1e-6
# Largest magnitude of whole numbers: sums of up to 2,592 products of two are far below 2²⁴, so float32 holds them all.
_INTEGERS = 8


def check_cases(cases: int, seed: int) -> Tally:
    """Compare on maps of 1 to 32 channels of 1 to 9 × 1 to 9, and on maps flattened to 1 × 1 × N as the paper has them.

    A case is a dense layer with 1 to 40 outputs, with or without bias, and a batch of 1 to 8 maps in either memory
    order, all float32. It holds when the convolution has as many parameters, covers the whole map, and gives the same
    outputs: to 1e-6 of the sum of magnitudes with standard normal numbers, and bit for bit with whole ones, of which no
    sum is rounded. The error is the largest of the former.
    """
    source = random.Random(seed)
    tally = Tally()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        for _ in range(cases):
            torch.manual_seed(source.getrandbits(63))
            depth, height, width = source.randint(1, 32), source.randint(1, 9), source.randint(1, 9)
            dense = nn.Linear(depth * height * width, source.randint(1, 40), bias=source.random() < 0.8)
            maps = torch.empty(source.randint(1, 8), depth, height, width)
            if source.random() < 0.5:
                maps = maps.contiguous(memory_format=torch.channels_last)
            flattened = source.random() < 0.3
            for tensor in (*dense.parameters(), maps):
                tensor.normal_()
            holds, error = _compared(dense, maps, flattened=flattened)
            for tensor in (*dense.parameters(), maps):
                tensor.random_(-_INTEGERS, _INTEGERS + 1)
            whole, difference = _compared(dense, maps, flattened=flattened)
            tally.case(holds=holds and whole and difference == 0, error=error, tolerance=_TOLERANCE)
    return tally


def _compared(dense: nn.Linear, maps: Tensor, *, flattened: bool) -> tuple[bool, float]:
    """Whether the convolution has the layer's parameters and the map's size, and how far apart the outputs are."""
    rows = maps.flatten(1)
    seen = rows[:, :, None, None] if flattened else maps
    _, depth, height, width = seen.shape
    conv = dense_to_conv(dense, (depth, height, width))
    found, expected = conv(seen), dense(rows)
    if found.shape != (*expected.shape, 1, 1):
        return False, float("inf")
    counts = [sum(each.numel() for each in layer.parameters()) for layer in (conv, dense)]
    terms = rows.double().abs() @ dense.weight.double().abs().T
    if dense.bias is not None:
        terms = terms + dense.bias.double().abs()
    apart = (found.flatten(1).double() - expected.double()).abs()
    # Where all terms are zero, so must both outputs be.
    error = float((apart / terms.clamp_min(torch.finfo(torch.float64).tiny)).max())
    return counts[0] == counts[1] and conv.kernel_size == (height, width), error
