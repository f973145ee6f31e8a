"""Magnitude pruning: which weights go, and that they stay away through training."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from edgebench.errors import ModelError, SettingsError
from edgebench.methods.pruning import finish, nonzero, prune

FIXED = 8 + 8 + 8 + 5  # the biases of both layers; scale and shift of the normalisation
WEIGHTS = 8 * 3 * 9 + 5 * 8 * 9


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(72, 5)
    )
    with torch.no_grad():  # nothing that is never pruned is zero
        for parameter in net.parameters():
            parameter += 0.01 * torch.sign(parameter) + (parameter == 0)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def weights(net: nn.Module) -> Tensor:
    """The weights that the layers compute with, after a forward pass."""
    net(torch.zeros(2, 3, 3, 3))
    return torch.cat([net[0].weight.flatten(), net[4].weight.flatten()]).detach()  # type: ignore[index]


def train(net: nn.Module, steps: int, **options: float) -> None:
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, fused=True, **options)
    generator = torch.Generator().manual_seed(1)
    net.train()
    for _ in range(steps):
        images = torch.randn(16, 3, 3, 3, generator=generator).contiguous(memory_format=torch.channels_last)
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(images), torch.arange(16) % 5).backward()  # type: ignore[no-untyped-call]
        optimiser.step()


@settings(deadline=None, max_examples=30)
@given(left=st.integers(FIXED, FIXED + WEIGHTS), seed=st.integers(0, 5))
def test_exactly_so_many_are_left_and_they_are_the_largest(left: int, seed: int) -> None:
    net = network(seed)
    before = weights(net)
    prune(net, left)
    assert nonzero(net) == left
    after = weights(net)
    gone = after == 0
    assert int(gone.sum()) == FIXED + WEIGHTS - left
    assert torch.equal(after[~gone], before[~gone])
    if gone.any() and not gone.all():
        assert before[gone].abs().max() <= before[~gone].abs().min()
    assert net[0].weight.is_contiguous(memory_format=torch.channels_last)


def test_nothing_but_weights_is_pruned() -> None:
    net = network()
    prune(net, FIXED)
    names = [name for name, each in net.named_parameters() if int(each.count_nonzero()) != each.numel()]
    assert not names
    assert not weights(net).any()
    finish(net)
    assert [name for name, each in net.named_parameters() if not each.any()] == ["0.weight", "4.weight"]


def test_masks_hold_through_momentum_decay_and_evaluation() -> None:
    net = network()
    train(net, 3)  # momentum from before pruning is gone: the optimiser is made anew
    prune(net, 200)
    pruned = weights(net) == 0
    start = weights(net)
    train(net, 8, weight_decay=0.01)
    after = weights(net)
    assert torch.equal(after == 0, pruned)
    assert (after[~pruned] != start[~pruned]).all()
    with torch.inference_mode():
        net.eval()(torch.zeros(2, 3, 3, 3))
    assert not net[0].weight.flatten()[pruned[:216]].any()
    assert nonzero(net) == 200


def test_masks_hold_when_a_state_is_copied_back() -> None:
    net = network()
    prune(net, 200)
    train(net, 2)
    best = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    kept = weights(net)
    train(net, 3)
    assert not torch.equal(weights(net), kept)
    net.load_state_dict(best)
    assert torch.equal(weights(net.eval()), kept)
    assert nonzero(net) == 200


def test_pruning_further_goes_by_the_values_of_now_and_keeps_earlier_masks() -> None:
    net = network()
    prune(net, 300)
    first = weights(net) == 0
    train(net, 5)
    # The last step is not in `weight`, which is the last forward pass's.
    now = torch.cat([(net[i].weight_orig * net[i].weight_mask).flatten() for i in (0, 4)]).detach()
    prune(net, 150)
    after = weights(net.eval())
    gone = after == 0
    assert nonzero(net) == 150
    assert (gone | ~first).all()
    fresh = gone & ~first
    assert now[fresh].abs().max() <= now[~gone].abs().min()
    prune(net, 150)
    assert torch.equal(weights(net), after)


def test_finishing_leaves_an_ordinary_network_that_computes_the_same() -> None:
    plain = network()
    net = copy.deepcopy(plain)
    prune(net, 200)
    train(net, 3)
    net.eval()
    images = torch.randn(4, 3, 3, 3)
    with torch.no_grad():
        expected = net(images)
    finish(net)
    assert list(net.state_dict()) == list(plain.state_dict())
    assert [name for name, _ in net.named_parameters()] == [name for name, _ in plain.named_parameters()]
    assert nonzero(net) == 200
    plain.load_state_dict(net.state_dict())
    with torch.no_grad():
        assert torch.equal(net(images), expected)
        assert torch.equal(copy.deepcopy(plain).eval()(images), expected)
    finish(net)
    assert nonzero(net) == 200


@pytest.mark.parametrize("left", [FIXED - 1, FIXED + WEIGHTS + 1])
def test_impossible_numbers_are_refused_and_change_nothing(left: int) -> None:
    net = network()
    with pytest.raises(SettingsError, match=rf"^{left} parameters .*expected 29 .* to {FIXED + WEIGHTS} "):
        prune(net, left)
    assert nonzero(net) == FIXED + WEIGHTS
    prune(net, 200)
    with pytest.raises(SettingsError, match=r"expected 29 .* to 200 \(all that are left\)"):
        prune(net, 201)


def test_a_network_without_layers_to_prune_is_refused() -> None:
    with pytest.raises(ModelError, match="expected convolutions or linear layers"):
        prune(nn.BatchNorm2d(3), 2)
