"""MobileTL, Table 2: exact forward, backward = upstream · 1[a ≥ 0], one bit kept per element."""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
from torch import Tensor

from edgebench.measure.properties.tally import Tally
from edgebench.measure.properties.tensors import random_tensor, relative_error
from edgebench.methods.signed import SIGNED

_DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


def check_cases(cases: int, seed: int) -> Tally:
    """Compare random tensors of 1 to 5 dimensions, in four layouts and four dtypes, without any tolerance.

    A case holds when the output equals torch's own, the gradient equals the formula's, and what autograd
    keeps is exactly ⌈numel / 8⌉ bytes. The error is that of the gradient.
    """
    source = random.Random(seed)
    tally = Tally()
    for _ in range(cases):
        exact, signed = source.choice(list(SIGNED.items()))
        shape = tuple(source.randint(1, 7) for _ in range(source.randint(1, 5)))
        dtype = source.choice(_DTYPES)
        a = random_tensor(source, shape, dtype).requires_grad_()
        upstream = random_tensor(source, shape, dtype)
        kept: list[Tensor] = []
        with torch.autograd.graph.saved_tensors_hooks(_noting(kept), lambda t: t):
            out = signed()(a)
        (gradient,) = torch.autograd.grad(out, a, upstream)
        expected = upstream * (a >= 0)
        kept_bytes = sum(t.untyped_storage().nbytes() for t in kept)
        tally.case(
            holds=torch.equal(out, exact()(a)) and kept_bytes == -(-a.numel() // 8),
            error=relative_error(gradient, expected, upstream),
        )
    return tally


def _noting(kept: list[Tensor]) -> Callable[[Tensor], Tensor]:
    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    return pack
