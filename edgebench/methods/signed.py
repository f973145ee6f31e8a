"""Activations with MobileTL's signed backward: the forward is exact, the backward needs one bit per element.

MobileTL (Chiang et al., AAAI 2023), Table 2: dL/da = dL/dout · 1[a ≥ 0] instead of the true derivative.
Compared with the true one this ignores ReLU6's upper clip, and everything of Hard-Swish but its sign.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgebench.methods import bits
from edgebench.methods.bits import PackedSigns


class _SignedBackward(torch.autograd.Function):
    """Any elementwise activation, backward replaced by the mask; the packed mask is all that is saved."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, activation: Any) -> Tensor:
        if ctx.needs_input_grad[0]:
            packed = bits.pack_signs(a)
            ctx.save_for_backward(packed.bits)
            ctx.layout = (packed.shape, packed.strides)
        out: Tensor = activation(a)
        return out

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        (packed,) = ctx.saved_tensors
        return bits.select(PackedSigns(packed, *ctx.layout), upstream[0]), None


def signed_relu(a: Tensor) -> Tensor:
    """max(a, 0); any shape. Differs from ReLU's own backward at a = 0 alone."""
    out: Tensor = _SignedBackward.apply(a, functional.relu)
    return out


def signed_relu6(a: Tensor) -> Tensor:
    """min(max(a, 0), 6); any shape."""
    out: Tensor = _SignedBackward.apply(a, functional.relu6)
    return out


def signed_hardswish(a: Tensor) -> Tensor:
    """a · min(max(a + 3, 0), 6) / 6; any shape."""
    out: Tensor = _SignedBackward.apply(a, functional.hardswish)
    return out


class SignedActivation(nn.Module):
    """Base of the signed activation layers: one bit per element of the input is kept for backward.

    Attributes:
        exact: the activation itself, with its own backward.
    """

    exact: ClassVar[Callable[..., Tensor]]

    def forward(self, a: Tensor) -> Tensor:
        out: Tensor = _SignedBackward.apply(a, self.exact)
        return out


class SignedReLU(SignedActivation):
    """Layer of `signed_relu`."""

    exact = staticmethod(functional.relu)


class SignedReLU6(SignedActivation):
    """Layer of `signed_relu6`."""

    exact = staticmethod(functional.relu6)


class SignedHardswish(SignedActivation):
    """Layer of `signed_hardswish`."""

    exact = staticmethod(functional.hardswish)


# ReLU6 is not a ReLU for torch (it derives from Hardtanh); exact types, because a subclass may compute
# anything.
SIGNED: dict[type[nn.Module], type[SignedActivation]] = {
    nn.ReLU: SignedReLU,
    nn.ReLU6: SignedReLU6,
    nn.Hardswish: SignedHardswish,
}
