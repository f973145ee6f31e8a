"""The rules of what autograd keeps, against what it really keeps."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from edgebench.claim.settings import MethodSettings, ModelSettings
from edgebench.measure.activations import measured_activation_bytes
from edgebench.measure.profile import profile, rules, stock
from edgebench.methods import strategy
from edgebench.methods.freezing import FrozenBatchNorm2d, QuantisedConv2d
from edgebench.methods.fused import ShiftOnlyActivation
from edgebench.methods.lite_residual import StandardisedConv2d
from edgebench.methods.shift_only import ShiftOnlyBatchNorm2d
from edgebench.methods.signed import SignedHardswish, SignedReLU6
from edgebench.models import registry

_SHAPE = (2, 4, 5, 5)


def _agrees(model: nn.Module, shape: tuple[int, ...], *, input_grad: bool = False) -> int:
    kept = measured_activation_bytes(model, torch.randn(shape, requires_grad=input_grad))
    assert profile(model, shape, input_grad=input_grad).stock_bytes == kept
    return kept


def test_every_layer_with_a_cost_has_a_rule() -> None:
    assert set(stock.RULES) == set(rules.RULES) | set(rules.GATE_RULES)


@pytest.mark.parametrize("input_grad", [False, True])
@pytest.mark.parametrize(
    "layer",
    [
        nn.ReLU(),
        nn.ReLU(inplace=True),
        nn.ReLU6(),
        nn.ReLU6(inplace=True),
        nn.Hardswish(),
        nn.Hardswish(inplace=True),
        SignedReLU6(),
        SignedHardswish(),
        nn.BatchNorm2d(4),
        nn.BatchNorm2d(4).eval(),
        nn.BatchNorm2d(4).requires_grad_(False),
        nn.GroupNorm(2, 4),
        ShiftOnlyBatchNorm2d.from_batch_norm(nn.BatchNorm2d(4)),
        FrozenBatchNorm2d.from_batch_norm(nn.BatchNorm2d(4)),
        ShiftOnlyActivation.fuse(nn.BatchNorm2d(4), SignedHardswish),
        nn.Conv2d(4, 6, 3),
        nn.Conv2d(4, 6, 3).requires_grad_(False),
        QuantisedConv2d.from_conv(nn.Conv2d(4, 6, 3)),
        StandardisedConv2d(4, 6, 3),
        nn.AdaptiveAvgPool2d(1),
        nn.AdaptiveAvgPool2d(2),
        nn.AvgPool2d(2),
        nn.MaxPool2d(2),
        nn.Dropout(0.5),
        nn.Flatten(),
    ],
    ids=repr,
)
def test_layers(layer: nn.Module, input_grad: bool) -> None:
    """After a convolution, so that in-place layers have a map to overwrite."""
    _agrees(_After(layer, trained=input_grad), _SHAPE)


class _After(nn.Module):
    def __init__(self, layer: nn.Module, *, trained: bool) -> None:
        super().__init__()
        self.before = nn.Conv2d(4, 4, 1).requires_grad_(trained)
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(self.before(x))
        return out


def test_a_frozen_convolution_keeps_its_input_for_nothing() -> None:
    conv = nn.Conv2d(4, 4, 3, bias=False).requires_grad_(False)
    assert _agrees(conv, _SHAPE, input_grad=True) == 4 * 200
    assert _agrees(QuantisedConv2d.from_conv(conv), _SHAPE, input_grad=True) == 0
    assert _agrees(nn.Linear(5, 4).requires_grad_(False), _SHAPE, input_grad=True) == 0


def test_a_map_that_two_layers_keep_counts_once() -> None:
    chain = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1))
    assert _agrees(chain, _SHAPE) == 2 * 4 * 200
    # Hard-Swish keeps its input, and the convolution after it another map.
    chain[1] = nn.Hardswish()
    assert _agrees(chain, _SHAPE) == 3 * 4 * 200


class _Functions(nn.Module):
    """Pooling, upsampling and additions as functions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Conv2d(4, 8, 1), nn.GroupNorm(2, 8), nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        small = self.second(self.norm(nn.functional.avg_pool2d(x, 2, 2)))
        large = nn.functional.interpolate(small, size=x.shape[2:], mode="bilinear", align_corners=False)
        out: Tensor = (x + large).mean((2, 3), keepdim=True)
        return out


def test_functions_between_layers() -> None:
    assert _agrees(_Functions(), _SHAPE) > 0


@pytest.mark.parametrize(
    "name",
    [
        "proxyless-mobile",
        "mobilenet-v1",
        "torchvision:mobilenet_v2",
        "torchvision:mobilenet_v3_small",
        "torchvision:mobilenet_v3_large",
        "torchvision:resnet18",
        "torchvision:resnet50",
        "torchvision:shufflenet_v2_x0_5",
    ],
)
def test_whole_networks_to_the_byte(name: str) -> None:
    settings = ModelSettings.model_validate({"name": name, "dropout": 0.2})
    _agrees(registry.build(settings, in_channels=3, classes=10).train(), (2, 3, 64, 64))


@pytest.mark.parametrize(
    "method",
    [
        {"name": "ft-last"},
        {"name": "ft-bn"},
        {"name": "ft-bias"},
        {"name": "ft-bias", "frozen_bits": 8},
        {"name": "mobiletl"},
        {"name": "mobiletl", "blocks": 2},
        {"name": "mobiletl", "blocks": 2, "norms": "all-bn", "patches": True},
        {"name": "tinytl-l-b"},
    ],
    ids=lambda method: "-".join(str(value) for value in method.values()),
)
@pytest.mark.parametrize("name", ["proxyless-mobile", "torchvision:mobilenet_v3_small"])
def test_fine_tuning_strategies_to_the_byte(name: str, method: dict[str, object]) -> None:
    settings = ModelSettings.model_validate({"name": name})
    model = registry.build(settings, in_channels=3, classes=10)
    strategy.apply(model, MethodSettings.model_validate(method), size=(64, 64))
    _agrees(model.train(), (2, 3, 64, 64))
