"""MobileTL's inner normalisation: stored statistics, frozen scale, trained shift; no activation is kept.

MobileTL (Chiang et al., AAAI 2023), equations 1 and 2: with frozen μ, σ and γ the layer is affine in its
input, so dL/dx = dL/dout · γ/σ and dL/dβ = Σ dL/dout need nothing that depends on x. Torch's own batch_norm
in evaluation mode saves x nevertheless, whether or not the scale trains.
"""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgebench.errors import ModelError


class _ShiftOnly(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, shift: Tensor, scale: Tensor, mean: Tensor, var: Tensor, eps: float
    ) -> Tensor:
        # Parameters and buffers only: they exist anyway. The factor γ/σ is computed again in backward.
        ctx.save_for_backward(scale, var)
        ctx.eps = eps
        ctx.shift_dtype = shift.dtype
        return functional.batch_norm(x, mean, var, scale, shift, training=False, eps=eps)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None, None]:
        scale, var = ctx.saved_tensors
        grad = upstream[0]
        grad_x = grad_shift = None
        if ctx.needs_input_grad[0]:
            # In the gradient's dtype at the end only: under autocast it is a half, the factor a float.
            grad_x = (grad * factor(scale, var, ctx.eps)).to(grad.dtype)
        if ctx.needs_input_grad[1]:
            grad_shift = channel_sums(grad, ctx.shift_dtype)
        return grad_x, grad_shift, None, None, None, None


def factor(scale: Tensor, var: Tensor, eps: float) -> Tensor:
    """γ/σ, what the layer multiplies by; (C,) and (C,) to (1, C, 1, 1)."""
    return (scale * torch.rsqrt(var + eps)).view(1, -1, 1, 1)


def channel_sums(grad: Tensor, dtype: torch.dtype) -> Tensor:
    """Sums over images and positions, (N, C, H, W) to (C,), added up in `dtype`."""
    if grad.is_contiguous():
        # Whole images first: at once, torch would go through every map of a few pixels by itself.
        return grad.sum(dim=0, dtype=dtype).sum(dim=(1, 2))
    return grad.sum(dim=(0, 2, 3), dtype=dtype)


class ShiftOnlyBatchNorm2d(nn.BatchNorm2d):
    """A trained `nn.BatchNorm2d` of which only the shift (`bias`) still trains.

    Always normalises with the stored mean and variance, in `train()` as in `eval()`, and never updates them.
    Has the state-dict keys of `nn.BatchNorm2d`. Made by `from_batch_norm`; (N, C, H, W) in and out.
    """

    @classmethod
    def from_batch_norm(cls, norm: nn.BatchNorm2d) -> Self:
        """A layer that shares the parameters and statistics of `norm`, whose scale is frozen.

        Raises:
            ModelError: `norm` has no stored statistics or no scale and shift.
        """
        if norm.running_mean is None or norm.running_var is None or not norm.affine:
            raise ModelError(
                f"{norm} cannot train its shift on stored statistics",
                expected="a BatchNorm2d with affine=True and track_running_stats=True",
            )
        made = cls(norm.num_features, eps=norm.eps, momentum=norm.momentum, device="meta")
        made.weight, made.bias = norm.weight, norm.bias
        made.running_mean, made.running_var = norm.running_mean, norm.running_var
        made.num_batches_tracked = norm.num_batches_tracked
        made.weight.requires_grad_(False)
        return made.train(norm.training)

    def forward(self, x: Tensor) -> Tensor:
        self._check_input_dim(x)
        out: Tensor = _ShiftOnly.apply(
            x, self.bias, self.weight, self.running_mean, self.running_var, self.eps
        )
        return out
