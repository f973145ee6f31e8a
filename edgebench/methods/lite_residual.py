"""TinyTL's lite residual modules (Cai et al. 2020), the model patches of MobileTL's Table 5.

A small branch beside a block whose own weights need not train: it works at half the resolution, on grouped
convolutions with standardised weights and group normalisation, so that it keeps little and needs no batch
statistics.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgebench.models.irb import make_divisible

_EPS = 1e-5
_GROUP_CHANNELS = 8
_GROUPS = 2


def standardised(weight: Tensor) -> Tensor:
    """Each output channel's weights less their mean, over their standard deviation (n - 1) plus 1e-5."""
    centred = weight - weight.mean(dim=(1, 2, 3), keepdim=True)
    return centred / (weight.std(dim=(1, 2, 3), keepdim=True) + _EPS)


class _StandardisedConv(torch.autograd.Function):
    """Convolution with standardised weights; they are computed again in backward, never kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int, groups: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.layout = (stride, padding, groups)
        return functional.conv2d(x, standardised(weight), None, stride, padding, 1, groups)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        x, weight = ctx.saved_tensors
        stride, padding, groups = ctx.layout
        grad = upstream[0]
        needed = [*ctx.needs_input_grad[:2], False]
        # Under autocast the gradient is a half, as the convolution was; what it reaches is not.
        grad_x, grad_w, _ = torch.ops.aten.convolution_backward(
            grad,
            x.to(grad.dtype),
            standardised(weight).to(grad.dtype),
            None,
            [stride, stride],
            [padding, padding],
            [1, 1],
            False,
            [0, 0],
            groups,
            needed,
        )
        if grad_w is not None:
            grad_w = _through_standardisation(grad_w.to(weight.dtype), weight)
        return (None if grad_x is None else grad_x.to(x.dtype)), grad_w, None, None, None


def _through_standardisation(grad: Tensor, weight: Tensor) -> Tensor:
    axes = (1, 2, 3)
    centred = weight - weight.mean(dim=axes, keepdim=True)
    std: Tensor = weight.std(dim=axes, keepdim=True)
    # d std / d w = centred / ((n - 1) std); the mean's part is what centring the gradient takes away.
    slope: Tensor = (grad * centred).sum(dim=axes, keepdim=True) / (
        (weight[0].numel() - 1) * std * (std + _EPS) ** 2
    )
    through: Tensor = (grad - grad.mean(dim=axes, keepdim=True)) / (std + _EPS) - centred * slope
    return through


class StandardisedConv2d(nn.Conv2d):
    """Bias-free convolution whose weights are standardised per output channel before use (padding kernel // 2)."""

    def __init__(self, c_in: int, c_out: int, kernel: int = 1, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
        nn.init.kaiming_normal_(self.weight, mode="fan_out")

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = _StandardisedConv.apply(
            x, self.weight, self.stride[0], self.kernel_size[0] // 2, self.groups
        )
        return out


class LiteResidual(nn.Module):
    """2×2 mean pooling, grouped k×k convolution, ReLU, 1×1 convolution, bilinear upsampling.

    Both convolutions are `StandardisedConv2d` with group normalisation of 8 channels a group (of their
    greatest common divisor with 8, for other channel numbers); the last scale starts at 0, so that the module
    adds nothing at first.

    Args:
        c_in: input channels; the k×k convolution keeps them, rounded to a multiple of 8.
        c_out: output channels; (N, c_in, H, W) and an output size (h, w) to (N, c_out, h, w).
        kernel: k, odd.
        stride: of the k×k convolution.
    """

    def __init__(self, c_in: int, c_out: int, *, kernel: int, stride: int = 1) -> None:
        super().__init__()
        middle = make_divisible(c_in)
        groups = math.gcd(_GROUPS, c_in)
        self.reduce = StandardisedConv2d(c_in, middle, kernel, stride=stride, groups=groups)
        self.norm = _group_norm(middle)
        self.act = nn.ReLU(inplace=True)
        self.restore = StandardisedConv2d(middle, c_out)
        self.last_norm = _group_norm(c_out)
        nn.init.zeros_(self.last_norm.weight)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        tiny = min(x.shape[-2:]) < 4
        x = functional.adaptive_avg_pool2d(x, 1) if tiny else functional.avg_pool2d(x, 2)
        out: Tensor = self.last_norm(self.restore(self.act(self.norm(self.reduce(x)))))
        return functional.interpolate(out, size, mode="bilinear", align_corners=False)


class Patched(nn.Module):
    """A block (`main`) with a lite residual module (`lite`) added to its output."""

    def __init__(self, main: nn.Module, lite: LiteResidual) -> None:
        super().__init__()
        self.main = main
        self.lite = lite

    def forward(self, x: Tensor) -> Tensor:
        main: Tensor = self.main(x)
        out: Tensor = main + self.lite(x, (main.shape[-2], main.shape[-1]))
        return out


def kernel_for(resolution: int) -> int:
    """TinyTL's kernel for maps of `resolution` pixels: 5, and smaller where that exceeds half of them."""
    if resolution < 4:
        return 1  # pooled to one pixel
    half = resolution // 2
    return min(5, half if half % 2 else half - 1)


def _group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(channels // math.gcd(channels, _GROUP_CHANNELS), channels)
