from __future__ import annotations

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgebench.errors import ModelError
from edgebench.measure.activations import measured_activation_bytes
from edgebench.methods.freezing import FrozenBatchNorm2d, QuantisedConv2d, QuantisedLinear, freeze, quantise


def _network() -> nn.Sequential:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=4),
        nn.Flatten(1),
        nn.Linear(8 * 9, 5),
    )
    net(torch.randn(16, 3, 6, 6))  # statistics of its own
    return net


@pytest.mark.parametrize("bits", [None, 8])
def test_a_frozen_network_computes_the_same_in_both_modes_and_never_changes(bits: int | None) -> None:
    net = _network()
    freeze(net, bits=bits)
    x = torch.randn(4, 3, 6, 6)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    assert torch.equal(net.train()(x), net.eval()(x))
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert not any(parameter.requires_grad for parameter in net.parameters())


def test_freezing_keeps_names_values_and_what_is_kept() -> None:
    net = _network()
    reference = copy.deepcopy(net).eval()
    names = list(net.state_dict())
    freeze(net, keep=[net[6]])
    assert list(net.state_dict()) == names
    x = torch.randn(4, 3, 6, 6)
    assert torch.equal(net.train()(x), reference(x))
    assert [name for name, p in net.named_parameters() if p.requires_grad] == ["6.weight", "6.bias"]
    assert isinstance(net[1], FrozenBatchNorm2d)
    layers = list(net)
    freeze(net, keep=[net[6]])
    assert list(net) == layers


def test_what_cannot_be_frozen_is_refused_by_its_path() -> None:
    net = nn.Sequential(nn.Sequential(nn.BatchNorm2d(2), nn.BatchNorm1d(3)))
    with pytest.raises(ModelError, match=r"^0\.1: BatchNorm1d cannot be made to keep its statistics"):
        freeze(net)
    with pytest.raises(ModelError, match=r"^0\.0: .*affine=False"):
        freeze(nn.Sequential(nn.Sequential(nn.BatchNorm2d(2, affine=False))))
    assert type(net[0][0]) is nn.BatchNorm2d  # type: ignore[index]
    assert all(parameter.requires_grad for parameter in net.parameters())


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(2, 2, 3, padding="same"),
        nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"),
        nn.ConvTranspose2d(2, 2, 3),
        type("Conv2dSame", (nn.Conv2d,), {})(2, 2, 3),
    ],
)
def test_what_has_no_form_in_8_bits_is_refused(layer: nn.Module) -> None:
    net = nn.Sequential(nn.Conv2d(2, 2, 1), layer)
    with pytest.raises(ModelError, match=r"^1: Conv\w*\(.*no form that stores its weight in 8 bits"):
        freeze(net, bits=8)
    assert type(net[0]) is nn.Conv2d
    freeze(net)
    assert not any(parameter.requires_grad for parameter in net.parameters())


def test_gradients_pass_a_frozen_norm_that_keeps_nothing() -> None:
    norm = nn.BatchNorm2d(5)
    frozen = FrozenBatchNorm2d.from_batch_norm(norm)
    x = torch.randn(2, 5, 3, 3, requires_grad=True)
    frozen(x).sum().backward()
    assert x.grad is not None
    assert frozen.bias.grad is None
    assert measured_activation_bytes(frozen, x) == 0


@given(st.integers(1, 5), st.integers(1, 12), st.floats(1e-6, 1e6))
@settings(deadline=None, max_examples=30)
def test_rounding_is_within_half_a_step(rows: int, columns: int, size: float) -> None:
    weight = size * torch.randn(rows, columns)
    weight[0] = 0
    bits, scale = quantise(weight)
    assert bits.dtype == torch.int8
    assert scale.shape == (rows, 1)
    assert ((bits * scale - weight).abs() <= 0.5001 * scale).all()
    assert not bits[0].any()


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(4, 6, 3, stride=2, padding=1),
        nn.Conv2d(4, 4, 5, padding=2, groups=4, bias=False),
        nn.Conv2d(4, 8, 1, bias=False),
        nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=2),
    ],
)
def test_a_quantised_convolution_is_that_of_the_rounded_weight(conv: nn.Conv2d) -> None:
    layer = QuantisedConv2d.from_conv(copy.deepcopy(conv).double())
    stock = copy.deepcopy(conv).double()
    with torch.no_grad():
        stock.weight.copy_(layer.weight * layer.weight_scale)
    x = torch.randn(2, 4, 7, 7, dtype=torch.float64, requires_grad=True)
    assert torch.equal(layer(x), stock(x))
    assert torch.autograd.gradcheck(layer, (x,))
    assert torch.autograd.gradgradcheck(layer, (x,))
    assert measured_activation_bytes(layer, x) == 0
    nhwc = x.detach().contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(layer.to(memory_format=torch.channels_last)(nhwc), stock(x))


def test_a_quantised_linear_map_is_that_of_the_rounded_weight() -> None:
    layer = QuantisedLinear.from_linear(nn.Linear(7, 3).double())
    x = torch.randn(2, 7, dtype=torch.float64, requires_grad=True)
    expected = x @ (layer.weight * layer.weight_scale).T + layer.bias
    torch.testing.assert_close(layer(x), expected)
    assert torch.autograd.gradcheck(layer, (x,))
    assert measured_activation_bytes(layer, x) == 0


def test_eight_bits_are_stored_copied_pickled_and_restored() -> None:
    net = _network()
    size = sum(t.numel() * t.element_size() for t in net.state_dict().values())
    freeze(net, bits=8)
    assert {t.dtype for t in (net[0].weight, net[4].weight, net[6].weight)} == {torch.int8}
    weights = sum(net[i].weight.numel() for i in (0, 4, 6))
    channels = 8 + 8 + 5
    saved = size - sum(t.numel() * t.element_size() for t in net.state_dict().values())
    assert saved == 3 * weights - 4 * channels
    x = torch.randn(2, 3, 6, 6)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(other(x), net(x))
    fresh = _network()
    freeze(fresh, bits=8)
    fresh.load_state_dict(net.state_dict())
    assert torch.equal(fresh(x), net(x))


def test_quantised_layers_under_autocast() -> None:
    layer = QuantisedConv2d.from_conv(nn.Conv2d(4, 6, 3))
    x = torch.randn(2, 4, 5, 5, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(x)
    assert out.dtype == torch.bfloat16
    out.float().sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == torch.float32
