"""Random tensors for properties: memory layouts, and the corners of piecewise functions."""

from __future__ import annotations

import random

import torch
from torch import Tensor

# The corners of ReLU, ReLU6 and Hard-Swish, both zeros among them.
_CORNERS = (0.0, -0.0, 3.0, -3.0, 6.0)


def random_tensor(source: random.Random, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A leaf of `shape` with values around all corners of the activations, in a random memory layout.

    Layouts: contiguous; channels-last (four dimensions only); dimensions reversed in memory; every second
        element of a
    larger tensor.
    """
    generator = torch.Generator().manual_seed(source.getrandbits(63))
    layout = source.choice(["contiguous", "channels_last", "reversed", "strided"])
    if layout == "reversed":
        x = _values(generator, shape[::-1], dtype).permute(*range(len(shape) - 1, -1, -1))
    elif layout == "strided":
        x = _values(generator, (*shape[:-1], 2 * shape[-1]), dtype)[..., ::2]
    else:
        x = _values(generator, shape, dtype)
        if layout == "channels_last" and len(shape) == 4:
            x = x.contiguous(memory_format=torch.channels_last)
    return x


def _values(generator: torch.Generator, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    x = torch.randn(shape, generator=generator) * 4
    corners = torch.tensor(_CORNERS)[torch.randint(len(_CORNERS), shape, generator=generator)]
    at_corner = torch.rand(shape, generator=generator) < 0.2
    return torch.where(at_corner, corners, x).to(dtype)


def relative_error(found: Tensor, expected: Tensor, scale: Tensor) -> float:
    """Largest deviation over the largest magnitude of `scale`; in float64."""
    deviation = (found.detach().double() - expected.detach().double()).abs().max()
    return float(deviation / scale.detach().double().abs().max().clamp_min(torch.finfo(torch.float64).tiny))
