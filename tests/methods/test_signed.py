from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from edgebench.measure.activations import measured_activation_bytes
from edgebench.methods.signed import SIGNED, signed_hardswish, signed_relu, signed_relu6


@pytest.fixture(params=list(SIGNED.items()), ids=lambda pair: pair[0].__name__)
def pair(request: pytest.FixtureRequest) -> tuple[nn.Module, nn.Module]:
    """The exact activation and its signed form."""
    exact, signed = request.param
    return exact(), signed()


def test_forward_is_exact_and_backward_is_the_mask(pair: tuple[nn.Module, nn.Module]) -> None:
    exact, signed = pair
    a = torch.linspace(-8, 8, 257).requires_grad_()
    upstream = torch.randn(257)
    out = signed(a)
    assert torch.equal(out, exact(a))
    (gradient,) = torch.autograd.grad(out, a, upstream)
    assert torch.equal(gradient, upstream * (a >= 0))


@pytest.mark.parametrize(
    ("function", "low", "high"),
    [(signed_relu, 0.1, 20.0), (signed_relu, -20.0, -0.1), (signed_relu6, 0.1, 5.9)],
)
def test_is_the_true_gradient_where_the_activation_is_a_step_or_the_identity(
    function: Callable[[Tensor], Tensor], low: float, high: float
) -> None:
    a = torch.empty(3, 5, dtype=torch.float64).uniform_(low, high).requires_grad_()
    assert torch.autograd.gradcheck(function, (a,))
    assert torch.autograd.gradgradcheck(function, (a,))


def test_is_not_the_true_gradient_elsewhere() -> None:
    a = torch.tensor([7.0, -1.0], requires_grad=True)
    (clipped,) = torch.autograd.grad(signed_relu6(a).sum(), a)
    (curved,) = torch.autograd.grad(signed_hardswish(a).sum(), a)
    assert clipped.tolist() == [1.0, 0.0]  # the true derivative is 0 above 6
    assert curved.tolist() == [1.0, 0.0]  # the true derivative at -1 is 1/6


def test_keeps_one_bit_per_element(pair: tuple[nn.Module, nn.Module]) -> None:
    exact, signed = pair
    x = torch.randn(2, 3, 5, 7, requires_grad=True)
    assert measured_activation_bytes(signed, x) == -(-x.numel() // 8)
    assert measured_activation_bytes(exact, x) == 4 * x.numel()


def test_keeps_nothing_without_a_gradient(pair: tuple[nn.Module, nn.Module]) -> None:
    assert measured_activation_bytes(pair[1], torch.randn(4, 4)) == 0


def test_the_input_is_not_changed(pair: tuple[nn.Module, nn.Module]) -> None:
    a = torch.randn(4, 9, requires_grad=True)
    before = a.detach().clone()
    pair[1](a).sum().backward()
    assert torch.equal(a, before)


def test_one_layer_used_twice(pair: tuple[nn.Module, nn.Module]) -> None:
    signed = pair[1]
    a = torch.randn(50, requires_grad=True)
    (gradient,) = torch.autograd.grad((signed(a) + signed(-a)).sum(), a)
    assert torch.equal(gradient, (a >= 0).float() - (-a >= 0).float())


def test_channels_last_stays_channels_last(pair: tuple[nn.Module, nn.Module]) -> None:
    a = torch.randn(2, 8, 4, 4).contiguous(memory_format=torch.channels_last).requires_grad_()
    out = pair[1](a)
    assert out.is_contiguous(memory_format=torch.channels_last)
    # The upstream gradient may come in another layout than the activation.
    upstream = torch.randn(2, 8, 4, 4)
    (gradient,) = torch.autograd.grad(out, a, upstream)
    assert torch.equal(gradient, upstream * (a >= 0))


def test_an_infinite_gradient_at_a_closed_gate_is_zero() -> None:
    a = torch.tensor([-1.0, 1.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(signed_relu(a), a, torch.tensor([float("inf"), 2.0]))
    assert gradient.tolist() == [0.0, 2.0]


def test_under_autocast_the_dtype_is_the_inputs(pair: tuple[nn.Module, nn.Module]) -> None:
    layer = nn.Sequential(nn.Linear(4, 4), pair[1])
    x = torch.randn(3, 4, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(x)
    assert out.dtype == torch.bfloat16
    out.float().sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == torch.float32
