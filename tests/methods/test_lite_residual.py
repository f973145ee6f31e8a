from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from edgebench.measure.activations import measured_activation_bytes
from edgebench.methods.lite_residual import (
    LiteResidual,
    Patched,
    StandardisedConv2d,
    kernel_for,
    standardised,
)
from edgebench.models.irb import InvertedResidual


def test_standardised_weights_have_mean_0_and_deviation_1() -> None:
    weight = standardised(3 + 2 * torch.randn(6, 4, 3, 3))
    torch.testing.assert_close(weight.mean(dim=(1, 2, 3)), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(weight.flatten(1).std(dim=1), torch.ones(6), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("kernel", "stride", "groups"), [(3, 2, 2), (1, 1, 1), (5, 1, 2)])
def test_gradients_equal_autograd_s_and_only_the_input_is_kept(kernel: int, stride: int, groups: int) -> None:
    layer = StandardisedConv2d(4, 6, kernel, stride=stride, groups=groups).double()
    x = torch.randn(2, 4, 5, 5, dtype=torch.float64, requires_grad=True)
    weight = layer.weight
    plain = functional.conv2d(x, standardised(weight), None, stride, kernel // 2, 1, groups)
    out = layer(x)
    torch.testing.assert_close(out, plain)
    upstream = torch.randn_like(out)
    ours = torch.autograd.grad(out, (x, weight), upstream)
    theirs = torch.autograd.grad(plain, (x, weight), upstream)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)
    assert measured_activation_bytes(layer, x) == 8 * x.numel()


def test_half_precision_under_autocast() -> None:
    layer = StandardisedConv2d(4, 6, 3)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(torch.randn(2, 4, 5, 5))
    out.float().sum().backward()
    assert (out.dtype, layer.weight.grad.dtype) == (torch.bfloat16, torch.float32)  # type: ignore[union-attr]


@pytest.mark.parametrize(("side", "stride"), [(1, 1), (2, 1), (3, 2), (7, 1), (14, 2)])
def test_a_patch_adds_nothing_at_first_and_learns(side: int, stride: int) -> None:
    block = InvertedResidual(8, 12 if stride == 2 else 8, stride=stride).eval()
    lite = LiteResidual(8, 12 if stride == 2 else 8, kernel=kernel_for(side), stride=stride)
    x = torch.randn(2, 8, side, side)
    patched = Patched(block, lite)
    out = patched(x)
    assert torch.equal(out, block(x))
    out.square().sum().backward()
    assert lite.last_norm.weight.grad is not None
    nn.init.ones_(lite.last_norm.weight)
    # A map of one pixel is its own mean in every group of equal channels, but not across eight of them.
    assert not torch.equal(patched(x), block(x))


def test_kernels_fit_half_the_map() -> None:
    sides = (112, 28, 14, 10, 8, 7, 6, 5, 4, 3, 2, 1)
    assert [kernel_for(side) for side in sides] == [5, 5, 5, 5, 3, 3, 3, 1, 1, 1, 1, 1]
