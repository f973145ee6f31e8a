from __future__ import annotations

import torch
from torch import Tensor, nn

from edgebench.measure.activations import measured_activation_bytes
from edgebench.models.micronet import MicroNet


def test_layers_keep_their_input_and_not_their_weight() -> None:
    x = torch.randn(2, 3, 8, 8)
    assert measured_activation_bytes(nn.Conv2d(3, 4, 3), x) == 4 * x.numel()
    linear = nn.Linear(8, 4)
    assert measured_activation_bytes(linear, x) == 4 * x.numel()
    # Without a trained weight only the weight is needed, to pass the gradient on.
    linear.weight.requires_grad_(False)
    assert measured_activation_bytes(linear, x.requires_grad_()) == 0


def test_a_shared_storage_counts_once() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(5, 5), nn.Linear(5, 5)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.a(x) + self.b(x.view(-1, 5))
            return out

    assert measured_activation_bytes(Twice(), torch.randn(7, 5)) == 4 * 35


def test_a_chain_keeps_every_map() -> None:
    chain = nn.Sequential(nn.Linear(5, 6), nn.Sigmoid(), nn.Linear(6, 2))
    # Input of the first layer, and the sigmoid's output, which the second layer shares.
    assert measured_activation_bytes(chain, torch.randn(3, 5)) == 4 * (15 + 18)


def test_targets_add_what_the_loss_keeps() -> None:
    x, targets = torch.randn(3, 5), torch.tensor([0, 1, 1])
    net = nn.Linear(5, 4)
    # Log-probabilities, the targets themselves (int64), and the total weight (one float).
    assert measured_activation_bytes(net, x, targets) == 4 * 15 + 4 * 12 + 8 * 3 + 4


def test_leaves_statistics_and_random_state_alone() -> None:
    net = MicroNet(10, dropout=0.5).train()
    before = {name: t.clone() for name, t in net.state_dict().items()}
    state = torch.random.get_rng_state()
    assert measured_activation_bytes(net, torch.randn(4, 1, 8, 8)) > 0
    torch.random.set_rng_state(state)
    assert all(torch.equal(t, before[name]) for name, t in net.state_dict().items())
    expected = torch.rand(3)
    torch.random.set_rng_state(state)
    measured_activation_bytes(net, torch.ones(4, 1, 8, 8))
    assert torch.equal(torch.rand(3), expected)


def test_measures_even_where_gradients_are_off() -> None:
    with torch.no_grad():
        assert measured_activation_bytes(nn.Linear(5, 5), torch.randn(2, 5)) == 40
