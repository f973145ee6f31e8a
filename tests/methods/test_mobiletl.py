from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable

import pytest
import timm
import torch
import torchvision
from torch import nn

from edgebench.errors import ModelError, SettingsError
from edgebench.methods.anatomy import anatomy
from edgebench.methods.freezing import FrozenBatchNorm2d
from edgebench.methods.fused import ShiftOnlyActivation
from edgebench.methods.mobiletl import convert
from edgebench.methods.shift_only import ShiftOnlyBatchNorm2d
from edgebench.methods.signed import SignedActivation, SignedHardswish, SignedReLU, SignedReLU6
from edgebench.models.irb import ConvBlock, InvertedResidual, SqueezeExcitation
from edgebench.models.micronet import MicroNet


def _count(module: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(m, kind) for m in module.modules())


def _timm(weights: None) -> nn.Module:
    made: nn.Module = timm.create_model("mobilenetv3_small_050", pretrained=weights is not None)
    return made


def _activations(module: nn.Module) -> Counter[type[SignedActivation]]:
    return Counter(m.activation for m in module.modules() if isinstance(m, ShiftOnlyActivation))


def test_converts_inner_stages_and_nothing_else() -> None:
    block = convert(InvertedResidual(8, 8, expansion=2, se=True, activation="hardswish"))
    assert isinstance(block, InvertedResidual)
    assert block.expand is not None
    for stage in (block.expand, block.depthwise):
        fused = stage.get_submodule("bn")
        assert isinstance(fused, ShiftOnlyActivation)
        assert fused.activation is SignedHardswish
        assert isinstance(stage.get_submodule("act"), nn.Identity)
    assert type(block.project.get_submodule("bn")) is nn.BatchNorm2d
    assert isinstance(block.se, SqueezeExcitation)
    assert type(block.se.act) is nn.ReLU
    assert [n for n, p in block.named_parameters() if not p.requires_grad] == [
        "expand.bn.weight",
        "depthwise.bn.weight",
    ]


def test_block_without_expansion_has_one_inner_stage() -> None:
    block = convert(InvertedResidual(8, 16, expansion=1))
    assert _count(block, ShiftOnlyActivation) == _count(block, ShiftOnlyBatchNorm2d) == 1


def test_networks() -> None:
    # Blocks times two inner stages, less one for the first block, which has no expansion.
    assert _activations(convert(MicroNet(10))) == {SignedReLU6: 9}
    assert _activations(convert(torchvision.models.mobilenet_v2(weights=None))) == {SignedReLU6: 33}
    v3 = convert(torchvision.models.mobilenet_v3_small(weights=None))
    assert _activations(v3) == {SignedReLU: 5, SignedHardswish: 16}
    # Projections, stem and feature mix keep the ordinary normalisation.
    assert sum(type(m) is nn.BatchNorm2d for m in v3.modules()) == 11 + 2


@pytest.mark.parametrize(
    "build", [lambda: MicroNet(10, 3), lambda: torchvision.models.mobilenet_v3_small(weights=None)]
)
def test_outputs_in_evaluation_mode_are_unchanged(build: object) -> None:
    model = build().eval()  # type: ignore[operator]
    converted = convert(copy.deepcopy(model))
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(converted(x), model(x))
    assert converted.state_dict().keys() == model.state_dict().keys()


def test_projection_gradients_equal_the_originals() -> None:
    """Nothing approximated lies between the projection and the loss: its gradients are the original's."""
    model = InvertedResidual(8, 8, expansion=3).eval()
    converted = convert(copy.deepcopy(model))
    x = torch.randn(2, 8, 5, 5)
    for net in (model, converted):
        net(x).square().sum().backward()
    for name in ("project.conv.weight", "project.bn.weight", "project.bn.bias"):
        assert torch.equal(converted.get_parameter(name).grad, model.get_parameter(name).grad)  # type: ignore[arg-type]
    # The depthwise shift is reached through a signed activation; the scale is frozen.
    assert converted.get_parameter("depthwise.bn.bias").grad is not None
    assert converted.get_parameter("depthwise.bn.weight").grad is None


def test_training_leaves_inner_statistics_and_scales() -> None:
    net = convert(MicroNet(10)).train()
    before = {name: t.clone() for name, t in net.state_dict().items()}
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    net(torch.randn(8, 1, 8, 8)).square().sum().backward()
    optimiser.step()
    after = net.state_dict()
    frozen = {name for name, t in before.items() if torch.equal(t, after[name])}
    inner = [name for name, m in net.named_modules() if isinstance(m, ShiftOnlyBatchNorm2d)]
    kept = ("weight", "running_mean", "running_var", "num_batches_tracked")
    assert frozen == {f"{name}.{key}" for name in inner for key in kept}


def test_converting_twice_changes_nothing() -> None:
    net = convert(MicroNet(10))
    layers = list(net.modules())
    assert list(convert(net).modules()) == layers


def test_a_bare_activation_becomes_signed() -> None:
    assert isinstance(convert(nn.ReLU6()), SignedReLU6)
    signed = SignedReLU()
    assert convert(signed) is signed


def test_without_a_known_block_says_what_was_found() -> None:
    with pytest.raises(ModelError, match=r"in SqueezeNet; it is built from .*Fire ×8"):
        convert(torchvision.models.squeezenet1_1(weights=None))
    with pytest.raises(ModelError, match="no inverted residual block"):
        convert(ConvBlock(8))


def test_a_block_with_an_unknown_activation_is_refused_by_its_path() -> None:
    net = nn.Sequential(InvertedResidual(8, 8), InvertedResidual(8, 8))
    net[1].depthwise.act = nn.SiLU()
    with pytest.raises(ModelError, match=r"^1: an inner stage ends in BatchNorm2d and SiLU"):
        convert(net)
    # Refused as a whole: the first block, which could have been converted, is not.
    assert _count(net, ShiftOnlyBatchNorm2d) == 0


@pytest.mark.parametrize("build", [torchvision.models.mobilenet_v2, torchvision.models.resnet18, _timm])
def test_blocks_next_to_the_output_train_and_the_rest_is_frozen(build: Callable[..., nn.Module]) -> None:
    model = build(weights=None)
    names = list(model.state_dict())
    x = torch.randn(2, 3, 64, 64)
    expected = model.eval()(x)
    converted = convert(model, blocks=2).train()
    found = anatomy(converted)
    bottom = [*(block.module for block in found.blocks[:-2]), found.stem]
    assert not any(p.requires_grad for part in bottom if part is not None for p in part.parameters())
    for block in found.blocks[-2:]:
        frozen = {id(stage.norm.module.weight) for stage in block.inner}
        assert {id(p) for p in block.module.parameters() if not p.requires_grad} == frozen
    before = {name: t.clone() for name, t in converted.state_dict().items() if "running" in name}
    converted(x).sum().backward()
    moved = {
        name
        for name, t in converted.state_dict().items()
        if name in before and not torch.equal(t, before[name])
    }
    ordinary = {name for name, m in converted.named_modules() if isinstance(m, nn.BatchNorm2d)} - {
        name for name, m in converted.named_modules() if isinstance(m, ShiftOnlyBatchNorm2d)
    }
    assert {name.rpartition(".")[0] for name in moved} == ordinary
    converted.load_state_dict({**converted.state_dict(), **before})
    torch.testing.assert_close(converted.eval()(x), expected)
    assert list(converted.state_dict()) == names
    layers = list(converted.modules())
    assert list(convert(converted, blocks=2).modules()) == layers


def test_frozen_blocks_are_not_trained_again() -> None:
    net = convert(MicroNet(10), blocks=2)
    with pytest.raises(
        ModelError, match=r"^blocks\.2: the block was frozen before.*found: blocks\.3, blocks\.4"
    ):
        convert(net, blocks=3)


@pytest.mark.parametrize("blocks", [0, -1])
def test_a_number_of_blocks_that_is_none(blocks: int) -> None:
    net = MicroNet(10)
    with pytest.raises(ModelError, match=rf"^{blocks} blocks are to be trained; expected at least 1"):
        convert(net, blocks=blocks)
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_a_choice_of_normalisations_that_is_unknown_or_comes_too_late() -> None:
    net = MicroNet(10)
    with pytest.raises(SettingsError, match=r"is called 'all'; expected one of proj-bn, .*"):
        convert(net, blocks=1, norms="all")  # type: ignore[arg-type]
    assert _count(net, ShiftOnlyBatchNorm2d) == 0
    convert(net, blocks=1)
    with pytest.raises(ModelError, match=r"^blocks\.4: converted before, .*'all-bn' trains in full"):
        convert(net, blocks=1, norms="all-bn")
    convert(net, blocks=1, norms="all-bn-shift")
    assert _count(net.blocks[4], ShiftOnlyBatchNorm2d) == 3
    with pytest.raises(ModelError, match=r"^blocks\.4: converted before, .*'proj-bn' trains in full"):
        convert(net, blocks=1)


def test_the_shortcut_of_a_residual_block_has_batch_statistics_but_for_all_bn_shift() -> None:
    for norms, kind in (("proj-bn", nn.BatchNorm2d), ("all-bn-shift", ShiftOnlyBatchNorm2d)):
        net = convert(torchvision.models.resnet18(weights=None), blocks=2, norms=norms)  # type: ignore[arg-type]
        assert type(net.get_submodule("layer4.0.downsample.1")) is kind


def test_what_lies_between_trained_blocks_trains() -> None:
    net = nn.Sequential(
        InvertedResidual(8, 8),
        nn.Conv2d(8, 8, 1),
        InvertedResidual(8, 8),
        nn.Conv2d(8, 8, 1),
        InvertedResidual(8, 8),
    )
    convert(net, blocks=2)
    assert not any(parameter.requires_grad for parameter in net[:3][:2].parameters())
    assert all(parameter.requires_grad for parameter in net[3].parameters())


def test_too_many_blocks_and_blocks_of_another_kind() -> None:
    with pytest.raises(
        ModelError, match=r"6 blocks are to be trained, and MicroNet has 5; expected at most 5"
    ):
        convert(MicroNet(10), blocks=6)
    with pytest.raises(ModelError, match=r"not built like a block .*stage2\.0 \(InvertedResidual of Conv2d"):
        convert(torchvision.models.shufflenet_v2_x0_5(weights=None), blocks=1)
    swish = torchvision.models.efficientnet_b0(weights=None)
    with pytest.raises(ModelError, match=r"features\.7\.0: an inner stage ends in BatchNorm2d and SiLU"):
        convert(swish, blocks=1)
    net = MicroNet(10)
    net.blocks[4].depthwise.act = nn.Identity()
    with pytest.raises(ModelError, match=r"BatchNorm2d and no activation of its own; .*blocks\.0"):
        convert(net, blocks=1)
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_a_residual_block_keeps_its_one_activation_apart() -> None:
    """torchvision's ReLU serves the addition too, where its signed form differs at 0 alone."""
    net = convert(torchvision.models.resnet18(weights=None), blocks=1)
    block = net.get_submodule("layer4.1")
    assert isinstance(block.get_submodule("relu"), SignedReLU)
    assert type(block.get_submodule("bn1")) is ShiftOnlyBatchNorm2d
    assert type(block.get_submodule("bn2")) is nn.BatchNorm2d
    assert type(net.get_submodule("layer4.0.bn2")) is FrozenBatchNorm2d


def test_layers_of_a_block_that_may_use_them_otherwise_stay_apart() -> None:
    class Block(nn.Module):
        """Uses one of its activations twice, which only its `forward` knows."""

        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1, self.act1 = nn.Conv2d(4, 8, 1), nn.BatchNorm2d(8), nn.ReLU()
            self.conv2, self.bn2 = nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.BatchNorm2d(8)
            self.act2, self.conv3, self.bn3 = nn.ReLU(), nn.Conv2d(8, 4, 1), nn.BatchNorm2d(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out = self.act2(self.bn2(self.conv2(self.act1(self.bn1(self.conv1(x))))))
            return self.act1(self.bn3(self.conv3(out)))

    model = Block().eval()
    converted = convert(copy.deepcopy(model))
    x = torch.randn(2, 4, 5, 5)
    assert torch.equal(converted(x), model(x))
    assert _count(converted, ShiftOnlyBatchNorm2d) == _count(converted, SignedReLU) == 2
