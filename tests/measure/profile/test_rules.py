"""Layers against numbers worked out by hand from MobileTL's published totals."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgebench.measure.profile import Cost, profile
from edgebench.methods.freezing import FrozenBatchNorm2d, QuantisedConv2d, QuantisedLinear
from edgebench.methods.fused import ShiftOnlyActivation
from edgebench.methods.shift_only import ShiftOnlyBatchNorm2d
from edgebench.methods.signed import SignedHardswish, SignedReLU6

_SHAPE = (2, 4, 5, 5)
_E = 200


def _cost(module: nn.Module, *, input_grad: bool = True, shape: tuple[int, ...] = _SHAPE) -> Cost:
    (layer,) = profile(module, shape, input_grad=input_grad).layers
    return layer.cost


def test_convolution() -> None:
    conv = nn.Conv2d(4, 6, 3, padding=1)
    macs = 2 * 25 * 9 * 4 * 6
    to_weight, to_input = 2 * macs - 9 * 4 * 6, 2 * 25 * (9 * 4) * (2 * 6 - 1)
    assert _cost(conv) == Cost(macs, 2 * macs, to_weight + to_input, 32 * _E)
    assert _cost(conv, input_grad=False) == Cost(macs, 2 * macs, to_weight, 32 * _E)
    conv.weight.requires_grad_(False)
    assert _cost(conv) == Cost(macs, 2 * macs, to_input, 0)


@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_convolution(stride: int) -> None:
    positions = 2 * (-(-5 // stride)) ** 2
    macs = positions * 9 * 4
    backward = (2 * macs - 36) + (2 * macs - 2 * 4 * 7 * 7)
    conv = nn.Conv2d(4, 4, 3, stride, 1, groups=4, bias=False)
    assert _cost(conv) == Cost(macs, 2 * macs, backward, 32 * _E)


def test_linear_layer() -> None:
    macs = 3 * 5 * 7
    expected = Cost(macs, 2 * macs, (2 * macs - 35) + 3 * 5 * 13, 32 * 15)
    assert _cost(nn.Linear(5, 7), shape=(3, 5)) == expected


def test_batch_normalisation() -> None:
    norm = nn.BatchNorm2d(4)
    assert _cost(norm) == Cost(0, 7 * _E + 8, 15 * _E, 32 * _E)
    norm.weight.requires_grad_(False)
    # Batch statistics tie the input's gradient to the input itself.
    assert _cost(norm) == Cost(0, 7 * _E + 8, 12 * _E, 32 * _E)
    assert _cost(norm.eval()) == Cost(0, 4 * _E, 3 * _E, 0)
    assert _cost(norm.train(), input_grad=False) == Cost(0, 7 * _E + 8, _E, 0)
    norm.requires_grad_(False)
    assert _cost(norm.eval(), input_grad=False) == Cost(0, 4 * _E, 0, 0)


@pytest.mark.parametrize(
    ("module", "forward", "backward", "bits"),
    [
        (nn.ReLU(), 1, 2, 1),
        (nn.ReLU6(), 1, 3, 2),
        (nn.Hardswish(), 4, 10, 32),
        (SignedReLU6(), 1, 2, 1),
        (SignedHardswish(), 4, 2, 1),
        (nn.AdaptiveAvgPool2d(1), 0, 3, 0),
        (nn.AvgPool2d(2), 0, 3, 0),
        (nn.Dropout(0.5), 1, 1, 1),
        (nn.Dropout(0.0), 0, 0, 0),
        (nn.Identity(), 0, 0, 0),
        (nn.Flatten(), 0, 0, 0),
    ],
)
def test_elementwise_layers(module: nn.Module, forward: int, backward: int, bits: int) -> None:
    assert _cost(module) == Cost(0, forward * _E, backward * _E, bits * _E)
    # Where no gradient passes, nothing is kept and nothing computed backward.
    assert _cost(module, input_grad=False) == Cost(0, forward * _E, 0, 0)


def test_max_pooling() -> None:
    # 2·4·2·2 outputs; a winner among nine takes four bits.
    assert _cost(nn.MaxPool2d(3, 2)) == Cost(0, 8 * 32, 32, 4 * 32)


def test_shift_only_normalisation_keeps_nothing() -> None:
    layer = ShiftOnlyBatchNorm2d.from_batch_norm(nn.BatchNorm2d(4))
    assert _cost(layer) == Cost(0, 4 * _E, 3 * _E, 0)


def test_a_fused_layer_costs_what_its_two_layers_cost() -> None:
    norm = nn.BatchNorm2d(4)
    fused = ShiftOnlyActivation.fuse(norm, SignedHardswish)
    chain = nn.Sequential(ShiftOnlyBatchNorm2d.from_batch_norm(norm), SignedHardswish())
    for input_grad in (True, False):
        first, second = (layer.cost for layer in profile(chain, _SHAPE, input_grad=input_grad).layers)
        both = Cost(
            0,
            first.flops_forward + second.flops_forward,
            first.flops_backward + second.flops_backward,
            _E,
        )
        assert _cost(fused, input_grad=input_grad) == both


def test_frozen_normalisation_passes_the_gradient_and_no_more() -> None:
    layer = FrozenBatchNorm2d.from_batch_norm(nn.BatchNorm2d(4))
    assert _cost(layer) == Cost(0, 4 * _E, 2 * _E, 0)
    assert _cost(layer, input_grad=False) == Cost(0, 4 * _E, 0, 0)


def test_group_normalisation_computes_its_statistics_in_any_mode() -> None:
    norm = nn.GroupNorm(2, 4)
    assert _cost(norm) == _cost(norm.eval()) == Cost(0, 7 * _E + 8, 15 * _E, 0)
    norm.requires_grad_(False)
    assert _cost(norm) == Cost(0, 7 * _E + 8, 11 * _E, 0)
    assert _cost(norm, input_grad=False) == Cost(0, 7 * _E + 8, 0, 0)


def test_weights_in_8_bits_cost_what_frozen_ones_cost_and_are_parameters() -> None:
    conv, linear = nn.Conv2d(4, 6, 3).requires_grad_(False), nn.Linear(5, 7).requires_grad_(False)
    for frozen, stored in (
        (conv, QuantisedConv2d.from_conv(conv)),
        (linear, QuantisedLinear.from_linear(linear)),
    ):
        assert _cost(stored) == _cost(frozen)
        counted = profile(stored, _SHAPE)
        assert (counted.params, counted.trained_params) == (profile(frozen, _SHAPE).params, 0)
        assert counted.memory.params == counted.params


def test_other_dtypes_keep_their_own_bits() -> None:
    with torch.device("meta"):
        relu = nn.Hardswish()
    assert _cost(relu).activation_bits == 32 * _E
