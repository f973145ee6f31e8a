"""The property of dual-path's conversion holds, and every broken conversion violates it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from edgebench.measure.properties import dense_to_conv as module
from edgebench.methods.dual_path import dense_to_conv

Shape = tuple[int, int, int]


def test_holds_for_other_seeds_on_other_cases() -> None:
    one, other = module.check_cases(24, 1), module.check_cases(24, 2)
    assert (one.violations, other.violations) == (0, 0)
    assert one == module.check_cases(24, 1) != other
    # Not the same sum twice: the two layers round differently, as they do for users.
    assert 0 < one.max_error < 1e-6


def _channels_last(dense: nn.Linear, shape: Shape) -> nn.Conv2d:
    depth, height, width = shape
    return _with(dense, shape, dense.weight.view(-1, height, width, depth).permute(0, 3, 1, 2))


def _turned(dense: nn.Linear, shape: Shape) -> nn.Conv2d:
    depth, height, width = shape
    return _with(dense, shape, dense.weight.view(-1, depth, width, height).transpose(2, 3))


def _flipped(dense: nn.Linear, shape: Shape) -> nn.Conv2d:
    return _with(dense, shape, dense_to_conv(dense, shape).weight.flip(2, 3))


def _scaled(dense: nn.Linear, shape: Shape) -> nn.Conv2d:
    return _with(dense, shape, dense_to_conv(dense, shape).weight * (1 + 1e-5))


def _one_bit(dense: nn.Linear, shape: Shape) -> nn.Conv2d:
    return _with(dense, shape, dense_to_conv(dense, shape).weight * (1 + 2.0**-23))


def _unbiased(dense: nn.Linear, shape: Shape) -> nn.Conv2d:
    conv = dense_to_conv(dense, shape)
    if conv.bias is not None:
        conv.bias.zero_()
    return conv


def _padded(dense: nn.Linear, shape: Shape) -> nn.Conv2d:
    conv = dense_to_conv(dense, shape)
    conv.padding = (1, 1)
    return conv


def _with(dense: nn.Linear, shape: Shape, weight: Tensor) -> nn.Conv2d:
    conv = dense_to_conv(dense, shape)
    conv.weight.copy_(weight)
    return conv


@pytest.mark.parametrize("broken", [_channels_last, _turned, _flipped, _scaled, _one_bit, _unbiased, _padded])
def test_notices(monkeypatch: pytest.MonkeyPatch, broken: Callable[[nn.Linear, Shape], nn.Conv2d]) -> None:
    monkeypatch.setattr(module, "dense_to_conv", broken)
    assert module.check_cases(24, 0).violations > 8


def test_an_output_that_cancels_is_no_violation() -> None:
    dense = nn.Linear(500, 1, bias=False)
    with torch.no_grad():
        dense.weight[:, :250] = torch.randn(1, 250, generator=torch.Generator().manual_seed(0))
        dense.weight[:, 250:] = -dense.weight[:, :250].flip(1)
        maps = torch.ones(1, 20, 5, 5)
        holds, error = module._compared(dense, maps, flattened=False)
    assert holds
    assert error < 1e-6
