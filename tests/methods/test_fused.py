from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from edgebench.errors import ModelError
from edgebench.measure.activations import measured_activation_bytes
from edgebench.measure.profile.trace import profile
from edgebench.methods.fused import ShiftOnlyActivation
from edgebench.methods.shift_only import ShiftOnlyBatchNorm2d
from edgebench.methods.signed import SIGNED, SignedActivation, SignedReLU

_KINDS = list(SIGNED.values())


@pytest.fixture(params=_KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> type[SignedActivation]:
    made: type[SignedActivation] = request.param
    return made


def _trained(channels: int = 5, dtype: torch.dtype = torch.float32) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels, dtype=dtype)
    with torch.no_grad():
        norm.weight.copy_(torch.randn(channels))
        norm.bias.copy_(torch.randn(channels))
        norm.running_mean.copy_(torch.randn(channels))  # type: ignore[union-attr]
        norm.running_var.copy_(torch.rand(channels) + 0.1)  # type: ignore[union-attr]
    return norm


def _pair(norm: nn.BatchNorm2d, kind: type[SignedActivation]) -> tuple[nn.Module, nn.Module]:
    """The two layers one after the other, and as one; their parameters are their own."""
    apart = nn.Sequential(ShiftOnlyBatchNorm2d.from_batch_norm(copy.deepcopy(norm)), kind())
    return apart, ShiftOnlyActivation.fuse(copy.deepcopy(norm), kind)


def _gradients(layer: nn.Module, x: Tensor, upstream: Tensor) -> list[Tensor]:
    shift = next(p for name, p in layer.named_parameters() if name.endswith("bias"))
    return list(torch.autograd.grad(layer(x), (x, shift), upstream))


@settings(deadline=None, max_examples=40)
@given(
    st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 6), st.integers(1, 6)),
    st.sampled_from(_KINDS),
    st.sampled_from([torch.float32, torch.float64]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**32),
)
def test_equals_the_two_layers_in_a_row(
    shape: tuple[int, int, int, int],
    kind: type[SignedActivation],
    dtype: torch.dtype,
    last: bool,
    last_upstream: bool,
    seed: int,
) -> None:
    torch.manual_seed(seed)
    apart, fused = _pair(_trained(shape[1], dtype), kind)
    x, upstream = torch.randn(shape, dtype=dtype), torch.randn(shape, dtype=dtype)
    if last:
        x = x.contiguous(memory_format=torch.channels_last)
    if last_upstream:
        upstream = upstream.contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    before = x.detach().clone()
    assert torch.equal(fused(x), apart(x))
    for one, two in zip(_gradients(fused, x, upstream), _gradients(apart, x, upstream), strict=True):
        assert one.dtype == dtype
        torch.testing.assert_close(one, two)
    assert torch.equal(x, before)


def test_gradients_are_exact_where_the_activation_is_relu() -> None:
    layer = ShiftOnlyActivation.fuse(_trained(3, torch.float64), SignedReLU)
    x = torch.randn(2, 3, 3, 2, dtype=torch.float64)
    with torch.no_grad():
        # No normalised value within a finite difference of the kink.
        a = ShiftOnlyBatchNorm2d.forward(layer, x)
        scale = layer.weight / torch.sqrt(layer.running_var + layer.eps)  # type: ignore[operator]
        x += torch.where(a.abs() < 1e-3, 1e-2, 0.0) / scale.view(1, -1, 1, 1)
    x.requires_grad_()
    shift = layer.bias.detach().clone().requires_grad_()

    def function(x: Tensor, shift: Tensor) -> Tensor:
        out: Tensor = torch.func.functional_call(layer, {"bias": shift}, (x,))
        return out

    assert torch.autograd.gradcheck(function, (x, shift))
    assert torch.autograd.gradgradcheck(function, (x, shift))


@pytest.mark.parametrize("shape", [(2, 8, 4, 5), (3, 5, 1, 1), (1, 7, 3, 3)])
@pytest.mark.parametrize("needs", ["input and shift", "input", "shift"])
def test_keeps_one_bit_per_element_and_nothing_else(
    kind: type[SignedActivation], shape: tuple[int, ...], needs: str
) -> None:
    layer = ShiftOnlyActivation.fuse(_trained(shape[1]), kind)
    layer.bias.requires_grad_("shift" in needs)
    x = torch.randn(shape, requires_grad="input" in needs)
    assert measured_activation_bytes(layer, x) == -(-x.numel() // 8)
    layer(x).sum().backward()
    assert (layer.bias.grad is not None) == ("shift" in needs)
    assert (x.grad is not None) == ("input" in needs)


def test_keeps_nothing_without_a_gradient(kind: type[SignedActivation]) -> None:
    layer = ShiftOnlyActivation.fuse(_trained(), kind)
    layer.bias.requires_grad_(False)
    x = torch.randn(2, 5, 3, 3)
    assert measured_activation_bytes(layer, x) == 0
    assert not layer(x).requires_grad


def test_shares_parameters_state_dict_keys_and_mode() -> None:
    norm = _trained().eval()
    layer = ShiftOnlyActivation.fuse(norm, SignedReLU)
    assert layer.bias is norm.bias
    assert layer.state_dict().keys() == norm.state_dict().keys()
    assert not layer.weight.requires_grad
    assert not layer.training
    assert "SignedReLU" in repr(layer)
    assert not list(layer.children())
    with pytest.raises(ModelError, match="cannot train its shift"):
        ShiftOnlyActivation.fuse(nn.BatchNorm2d(3, affine=False), SignedReLU)


@pytest.mark.parametrize("training", [True, False])
def test_only_the_shift_trains(kind: type[SignedActivation], training: bool) -> None:
    layer = ShiftOnlyActivation.fuse(_trained(), kind).train(training)
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.1, weight_decay=0.1)
    layer(torch.randn(4, 5, 3, 3)).square().sum().backward()
    optimiser.step()
    after = layer.state_dict()
    assert [name for name, tensor in before.items() if not torch.equal(tensor, after[name])] == ["bias"]


def test_one_layer_used_twice_in_a_graph(kind: type[SignedActivation]) -> None:
    apart, fused = _pair(_trained(), kind)
    x = torch.randn(2, 5, 4, 4, requires_grad=True)

    def twice(layer: nn.Module) -> Callable[[Tensor], Tensor]:
        return lambda x: layer(layer(x)) + layer(-x)

    upstream = torch.randn(2, 5, 4, 4)
    ours = torch.autograd.grad(twice(fused)(x), (x, fused.get_parameter("bias")), upstream)
    theirs = torch.autograd.grad(twice(apart)(x), (x, apart.get_parameter("0.bias")), upstream)
    for one, two in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, two)


def test_backward_twice_through_a_retained_graph_agrees(kind: type[SignedActivation]) -> None:
    layer = ShiftOnlyActivation.fuse(_trained(), kind)
    x = torch.randn(2, 5, 4, 4, requires_grad=True)
    out, upstream = layer(x), torch.randn(2, 5, 4, 4)
    untouched = upstream.clone()
    first = torch.autograd.grad(out, (x, layer.bias), upstream, retain_graph=True)
    second = torch.autograd.grad(out, (x, layer.bias), upstream)
    assert all(torch.equal(one, two) for one, two in zip(first, second, strict=True))
    assert torch.equal(upstream, untouched)


def test_an_infinite_gradient_at_a_closed_gate_is_zero() -> None:
    norm = nn.BatchNorm2d(1)
    layer = ShiftOnlyActivation.fuse(norm, SignedReLU)
    x = torch.tensor([-1.0, 1.0]).view(1, 1, 1, 2).requires_grad_()
    upstream = torch.tensor([float("inf"), 1.0]).view(1, 1, 1, 2)
    gradient, shift = torch.autograd.grad(layer(x), (x, layer.bias), upstream)
    torch.testing.assert_close(gradient.flatten().tolist(), [0.0, (1 + norm.eps) ** -0.5])
    assert shift.item() == 1.0


@pytest.mark.parametrize("last", [False, True], ids=["contiguous", "channels_last"])
def test_half_precision_under_autocast_equals_the_two_layers(
    kind: type[SignedActivation], last: bool
) -> None:
    conv = nn.Conv2d(3, 5, 1)
    x = torch.randn(2, 3, 4, 4)
    if last:
        x = x.contiguous(memory_format=torch.channels_last)
    found = []
    for layer in _pair(_trained(), kind):
        net = nn.Sequential(copy.deepcopy(conv), layer)
        with torch.autocast("cpu", torch.bfloat16):
            out = net(x)
        assert out.dtype == torch.bfloat16
        out.float().square().sum().backward()
        grads = [p.grad for p in net.parameters() if p.grad is not None]
        assert [grad.dtype for grad in grads] == [torch.float32] * 3  # kernel, bias, shift
        found.append([out, *grads])
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two)


def test_counted_as_the_two_layers(kind: type[SignedActivation]) -> None:
    apart, fused = _pair(_trained(), kind)
    for input_grad in (True, False):
        one, two = (profile(net, (2, 5, 4, 4), input_grad=input_grad) for net in (fused, apart))
        for quantity in ("macs", "flops_forward", "flops_backward", "activation_bits", "trained_params"):
            assert getattr(one, quantity) == getattr(two, quantity), quantity


def test_wrong_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 4D input"):
        ShiftOnlyActivation.fuse(_trained(), SignedReLU)(torch.randn(2, 5))
