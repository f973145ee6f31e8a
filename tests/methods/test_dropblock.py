"""DropBlock: which units it drops, how it scales the rest, and where in a network it is put."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import max_pool2d
from torchvision.ops import DropBlock2d

from edgebench.claim.settings import MethodSettings, ModelSettings
from edgebench.errors import ModelError, SettingsError
from edgebench.measure.inference import inference_costs
from edgebench.methods import strategy
from edgebench.methods.dropblock import DropBlock, drop, places
from edgebench.models import registry


def built(name: str, side: int = 8) -> nn.Module:
    torch.manual_seed(0)
    return registry.build(ModelSettings(name=name), in_channels=3, classes=4, size=(side, side))


def dropped(shape: tuple[int, ...], keep: float, size: int, seed: int = 0) -> Tensor:
    """Which units of a map of ones are dropped, bool."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return drop(torch.ones(shape), 1 - keep, size) == 0


@pytest.mark.parametrize(("side", "keep", "size"), [(9, 0.9, 5), (5, 0.95, 5), (14, 0.9, 7), (6, 0.5, 1)])
def test_the_share_of_dropped_units_is_that_of_equation_1(side: int, keep: float, size: int) -> None:
    """Centres are drawn with γ wherever a square fits; a unit stays if no square that covers it was drawn."""
    gamma = (1 - keep) / size**2 * side**2 / (side - size + 1) ** 2
    cover = [min(i, side - size) - max(0, i - size + 1) + 1 for i in range(side)]
    expected = torch.tensor([[1 - (1 - gamma) ** (a * b) for b in cover] for a in cover])
    found = dropped((400, 50, side, side), keep, size).float().mean((0, 1))
    torch.testing.assert_close(found, expected, atol=0.02, rtol=0)
    assert found.mean() == pytest.approx(float(expected.mean()), abs=0.003)
    assert expected.mean() <= 1 - keep + 1e-6, "overlapping squares count once"


@given(st.integers(5, 12), st.integers(5, 12), st.sampled_from([1, 3, 5]), st.integers(0, 2**31))
@settings(deadline=None)
def test_what_is_dropped_is_made_of_whole_squares(height: int, width: int, size: int, seed: int) -> None:
    gone = dropped((3, 4, height, width), 0.8, size, seed).float()
    # Opening: the union of all squares that lie within what is dropped.
    centres = -max_pool2d(-gone, size, 1)
    pad = size - 1
    squares = max_pool2d(nn.functional.pad(centres, [pad] * 4), size, 1)
    assert torch.equal(squares, gone)


def test_every_channel_has_squares_of_its_own() -> None:
    gone = dropped((1, 64, 9, 9), 0.9, 5)
    assert len({tuple(channel.flatten().tolist()) for channel in gone[0]}) > 10


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_the_mean_of_a_batch_stays(dtype: torch.dtype) -> None:
    # More units than half precision can count.
    maps = torch.ones(64, 32, 9, 9, dtype=dtype)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        left = drop(maps, 0.1, 5)
    assert left.dtype == dtype
    tolerance = 1e-5 if dtype in (torch.float32, torch.float64) else 4e-3
    assert left.double().mean().item() == pytest.approx(1, abs=tolerance)
    assert len(set(left.flatten().tolist())) == 2, "0, and one scale for the batch"


@pytest.mark.parametrize(("side", "size", "fitting"), [(9, 5, 5), (5, 5, 5), (4, 5, 3), (2, 5, 1), (1, 5, 1)])
def test_equals_torchvision_with_the_largest_square_that_fits(side: int, size: int, fitting: int) -> None:
    maps = torch.rand(8, 6, side, side + 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        ours = drop(maps, 0.3, size)
        torch.manual_seed(3)
        assert torch.equal(ours, DropBlock2d(0.3, fitting)(maps))
    assert (ours == 0).any()


@pytest.mark.parametrize(
    ("name", "count", "first", "last"),
    [
        ("micronet", 4, "blocks.1", "blocks.4"),
        ("micro-resnet", 2, "layer2.0", "layer3.0"),
        ("mobilenetv2-tiny", 11, "blocks.6", "blocks.16"),
        ("mcunet", 10, "blocks.8", "blocks.17"),
        ("proxyless-mobile", 13, "blocks.7", "blocks.19"),
        ("mobilenet-v1", 8, "features.38", "features.80"),
        ("torchvision:mobilenet_v2", 11, "features.7", "features.17"),
        ("torchvision:mobilenet_v3_large", 9, "features.7", "features.15"),
        ("torchvision:mobilenet_v3_small", 8, "features.4", "features.11"),
        ("torchvision:resnet18", 4, "layer3.0", "layer4.1"),
        ("torchvision:resnet50", 9, "layer3.0", "layer4.2"),
    ],
)
def test_it_goes_after_the_blocks_of_the_last_two_resolutions(
    name: str, count: int, first: str, last: str
) -> None:
    model = built(name, 64)
    found = places(model)
    assert (len(found), found[0][0], found[-1][0]) == (count, first, last)
    sides: list[int] = []
    for path, module in found:
        assert model.get_submodule(path) is module
        module.register_forward_hook(lambda *args: sides.append(args[2].shape[2]))
    with torch.inference_mode():
        model.eval()(torch.rand(1, 3, 64, 64))
    assert len(sides) == count
    assert sides == sorted(sides, reverse=True)
    assert len(set(sides)) == 2


@pytest.mark.parametrize("name", ["micronet", "micro-resnet", "mobilenet-v1"])
def test_a_network_changes_in_training_alone(name: str) -> None:
    side = 64 if name == "mobilenet-v1" else 8
    plain = built(name, side)
    model = DropBlock(0.5, 3).wrap(copy.deepcopy(plain))
    images = torch.rand(4, 3, side, side)
    assert list(model.state_dict()) == list(plain.state_dict())
    assert [type(module) for module in model.modules()] == [type(module) for module in plain.modules()]
    assert inference_costs(model, (3, side, side)) == inference_costs(plain, (3, side, side))
    with torch.no_grad():
        assert torch.equal(model.eval()(images), plain.eval()(images))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            drawn = model.train()(images)
            assert not torch.equal(drawn, plain.train()(images))
            torch.manual_seed(1)
            assert torch.equal(model(images), drawn), "its noise is torch's own"
            for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
                torch.manual_seed(1)
                assert torch.equal(other(images), drawn), "copies drop too"


def test_keeping_everything_changes_nothing_and_draws_nothing() -> None:
    model = built("micronet").train()
    images = torch.rand(4, 3, 8, 8)
    with torch.no_grad():
        expected = copy.deepcopy(model)(images)
        state = torch.get_rng_state()
        assert torch.equal(DropBlock(1.0, 5).wrap(model)(images), expected)
    assert torch.equal(torch.get_rng_state(), state)


def test_gradients_pass_where_units_stay() -> None:
    maps = torch.rand(2, 3, 9, 9).requires_grad_()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        left = drop(maps, 0.3, 3)
    left.sum().backward()  # type: ignore[no-untyped-call]
    assert maps.grad is not None
    torch.testing.assert_close(maps.grad * maps.detach(), left.detach())


def test_maps_that_it_changes_are_not_computed_once_for_all_epochs() -> None:
    model = strategy.apply(built("micronet"), MethodSettings(name="ft-last"))
    before, after = strategy.frozen_prefix(model), strategy.frozen_prefix(DropBlock(0.9, 3).wrap(model))
    assert before is not None
    assert after is not None
    # The stem and the first block, whose map is larger.
    assert len(list(after[0].children())) == 2 < len(list(before[0].children()))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten()), "has none that is known"),
        (torchvision.models.shufflenet_v2_x0_5, "not built like a known one: stage2.0"),
        (torchvision.models.squeezenet1_1, "has none that is known"),
    ],
)
def test_networks_without_known_blocks_are_refused(model: nn.Module, message: str) -> None:
    network = model if isinstance(model, nn.Module) else model(weights=None)
    with pytest.raises(ModelError, match=message):
        DropBlock(0.9, 5).wrap(network)
    assert not any(module._forward_hooks for module in network.modules())


@pytest.mark.parametrize(("keep", "size"), [(0.0, 5), (1.1, 5), (0.9, 4), (0.9, 0)])
def test_arguments_outside_of_their_range(keep: float, size: int) -> None:
    with pytest.raises(SettingsError, match="DropBlock"):
        DropBlock(keep, size)
