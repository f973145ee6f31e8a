"""MobileTL's inner normalisation and activation as one layer: what the two keep, in fewer passes over the map.

The gradients are those of `shift_only` followed by `signed` (MobileTL, Chiang et al., AAAI 2023, equations 1
and 2, Table 2): with m = 1[a ≥ 0], one bit an element, of the normalised map a, dL/dβ = Σ m · dL/dout and
dL/dx = m · dL/dout · γ/σ. As one layer, the normalised map is working memory for its signs, and the gated
gradient is scaled in place.
"""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgebench.methods import bits
from edgebench.methods.bits import PackedSigns
from edgebench.methods.shift_only import ShiftOnlyBatchNorm2d, channel_sums, factor
from edgebench.methods.signed import SignedActivation

_Gradients = tuple[Tensor | None, Tensor | None, None, None, None, None, None]


class _ShiftOnlySigned(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, shift: Tensor, scale: Tensor, mean: Tensor, var: Tensor, eps: float, exact: Any
    ) -> Tensor:
        a = functional.batch_norm(x, mean, var, scale, shift, training=False, eps=eps)
        out: Tensor = exact(a)
        if any(ctx.needs_input_grad[:2]):
            packed = bits.pack_signs(a, overwrite=True)
            # The mask, and parameters and buffers, which exist anyway.
            ctx.save_for_backward(packed.bits, scale, var)
            ctx.layout = (packed.shape, packed.strides)
            ctx.eps = eps
            ctx.shift_dtype = shift.dtype
        return out

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> _Gradients:
        packed, scale, var = ctx.saved_tensors
        grad = bits.select(PackedSigns(packed, *ctx.layout), upstream[0])
        grad_shift = channel_sums(grad, ctx.shift_dtype) if ctx.needs_input_grad[1] else None
        # Under autocast the gradient is a half and the factor a float: multiplied as floats, kept as halves.
        grad_x = grad.mul_(factor(scale, var, ctx.eps)) if ctx.needs_input_grad[0] else None
        return grad_x, grad_shift, None, None, None, None, None


class ShiftOnlyActivation(ShiftOnlyBatchNorm2d):
    """`ShiftOnlyBatchNorm2d` and the signed activation that follows it, as one layer; (N, C, H, W) in and out.

    Keeps one bit per element for backward, nothing else. Has the state-dict keys of `nn.BatchNorm2d`. Made by
    `fuse`.

    Attributes:
        activation: class of the signed activation.
    """

    activation: type[SignedActivation]

    @classmethod
    def fuse(cls, norm: nn.BatchNorm2d, activation: type[SignedActivation]) -> Self:
        """A layer that shares the parameters and statistics of `norm`, whose scale is frozen.

        Raises:
            ModelError: `norm` has no stored statistics or no scale and shift.
        """
        made = cls.from_batch_norm(norm)
        made.activation = activation
        return made

    def forward(self, x: Tensor) -> Tensor:
        self._check_input_dim(x)
        out: Tensor = _ShiftOnlySigned.apply(
            x,
            self.bias,
            self.weight,
            self.running_mean,
            self.running_var,
            self.eps,
            self.activation.exact,
        )
        return out

    def extra_repr(self) -> str:
        own: str = super().extra_repr()  # type: ignore[no-untyped-call]
        return f"{own}, activation={self.activation.__name__}"
