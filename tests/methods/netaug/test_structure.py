from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import nn

from edgebench.errors import ModelError
from edgebench.methods.netaug import augment
from edgebench.methods.netaug.structure import Structure
from edgebench.models.irb import InvertedResidual, conv_norm
from edgebench.models.mcunet import mcunet
from edgebench.models.micronet import MicroNet
from edgebench.models.mobilenet_v1 import MobileNetV1
from edgebench.models.mobilenet_v2_tiny import mobilenet_v2_tiny
from edgebench.models.proxyless import proxyless_mobile

_SMALL = ((1.0, 1.1), (1.0, 1.2))


def _v2() -> nn.Module:
    return torchvision.models.mobilenet_v2(width_mult=0.35)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("build", "width", "expand", "parameters"),
    [
        (mobilenet_v2_tiny, 2.6, 2.8, 5_827_439),
        (mobilenet_v2_tiny, 3.0, 3.0, 7_904_584),
        (_v2, 2.6, 2.8, 8_624_198),
        (_v2, 3.0, 3.0, 11_244_232),
    ],
)
def test_parameters_of_the_largest_networks(
    build: Callable[[], nn.Module], width: float, expand: float, parameters: int
) -> None:
    """5.83, 7.90, 8.62 and 11.24 million with the authors' code."""
    net = augment(build(), (1.0, width), (1.0, expand))
    assert sum(p.numel() for p in net.parameters()) == parameters


@pytest.mark.parametrize(
    ("build", "widths", "expansions"),
    [
        (mcunet, 8, 17),
        (lambda: proxyless_mobile(width=0.35), 9, 19),
        (_v2, 9, 16),
        (torchvision.models.mobilenet_v3_small, 8, 10),
        # The first block adds its input: no width of its own. The hidden layer of the head has one.
        (lambda: torchvision.models.mobilenet_v3_large(width_mult=0.35), 8, 14),
        (torchvision.models.resnet18, 4, 8),
        (torchvision.models.resnet50, 5, 16),
    ],
)
def test_dials_of_the_suites_networks(build: Callable[[], nn.Module], widths: int, expansions: int) -> None:
    with torch.device("meta"):
        model = build()
    structure = Structure(model, *_SMALL)
    assert len(structure.dials.widths) == widths
    assert len(structure.dials.expansions) == expansions
    with_weights = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear | nn.BatchNorm2d)]
    assert set(structure.layers) == set(with_weights)
    assert structure.dials.at_base


def test_a_bottlenecks_ratio_is_to_its_output() -> None:
    with torch.device("meta"):
        structure = Structure(torchvision.models.resnet50(), (1.0, 2.0), (1.0, 1.5))
    structure.dials.turn(structure.dials.largest())
    active = {channels.name: channels.active for channels in structure.dials.channels}
    assert active["layer1.0.conv3"] == 512
    assert {active[f"layer1.{block}.conv{i}"] for block in range(3) for i in (1, 2)} == {64 * 2 * 1.5}


def _around(*modules: nn.Module) -> nn.Sequential:
    """A network of a block, these, and a classifier, for 8 channels."""
    block = InvertedResidual(8, 8, expansion=2)
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    return nn.Sequential(conv_norm(3, 8, 3, activation="relu"), block, *modules, *head)


class _Odd(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flip(1)


class _Scaled(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.ReLU())
        self.scale = nn.Parameter(torch.ones(8, 1, 1))


def _twice() -> nn.Sequential:
    norm = nn.BatchNorm2d(8)
    return _around(norm, nn.ReLU(), norm)


def _prelu_inside() -> nn.Sequential:
    net = _around()
    net[1].depthwise.act = nn.PReLU()
    return net


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: _around(nn.GroupNorm(2, 8)), r"^2: NetAug does not cover GroupNorm here; expected"),
        (lambda: _around(nn.Conv2d(8, 8, 3, groups=2)), r"^2: NetAug does not cover Conv2d with groups 2"),
        (lambda: _around(nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect")), r"^2: .* padding 'reflect'"),
        (lambda: _around(nn.BatchNorm2d(8, affine=False)), r"^2: .* BatchNorm2d without scale"),
        (lambda: _around(nn.PReLU()), r"^2: NetAug does not cover PReLU"),
        (lambda: _around(_Odd()), r"^2: NetAug does not cover _Odd"),
        (lambda: _around(_Scaled()), r"^2: NetAug does not cover _Scaled"),
        (_twice, r"^2: NetAug does not cover BatchNorm2d"),
        (_prelu_inside, r"^1\.depthwise\.act: NetAug does not cover PReLU"),
        (
            lambda: nn.Sequential(conv_norm(3, 8), InvertedResidual(8, 8), nn.Flatten(), nn.Linear(32, 4)),
            r"^3: Linear has 32 inputs and 4 outputs; expected 8 and 4",
        ),
        (
            lambda: nn.Sequential(conv_norm(3, 8), InvertedResidual(8, 8), nn.Conv2d(8, 4, 1)),
            r"^Sequential: the last layer with weights is not linear",
        ),
        (
            lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 4)),
            r"no inverted residual block .* its layers are 0 \(Conv2d\), 1 \(ReLU\)",
        ),
        (MobileNetV1, r"^MobileNetV1: the order in which MobileNetV1 computes its layers is not known"),
        (torchvision.models.resnext50_32x4d, r"^layer1\.0\.conv2: .* Conv2d with groups 32"),
    ],
)
def test_what_is_not_covered_is_refused_by_its_path(build: Callable[[], nn.Module], message: str) -> None:
    with torch.device("meta"):
        model = build()
    with pytest.raises(ModelError, match=message):
        Structure(model, *_SMALL)


def test_the_given_model_stays_as_it_is() -> None:
    model = MicroNet(10)
    layers = {name: id(module) for name, module in model.named_modules()}
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    net = augment(model, *_SMALL)
    net(torch.randn(4, 1, 8, 8)).sum().backward()
    assert {name: id(module) for name, module in model.named_modules()} == layers
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
