"""MobileTL's operators under in-place changes and compilation: right gradients, or torch's own error."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from edgebench.methods.fused import ShiftOnlyActivation
from edgebench.methods.shift_only import ShiftOnlyBatchNorm2d
from edgebench.methods.signed import SignedHardswish, SignedReLU6

_CHANNELS = 5


def _norm() -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(_CHANNELS)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 2)
        norm.bias.uniform_(-1, 1)
        norm.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    return norm


@pytest.fixture(params=["shift-only", "signed", "fused"])
def layer(request: pytest.FixtureRequest) -> nn.Module:
    if request.param == "shift-only":
        return ShiftOnlyBatchNorm2d.from_batch_norm(_norm())
    return SignedReLU6() if request.param == "signed" else ShiftOnlyActivation.fuse(_norm(), SignedHardswish)


def _gradient(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    x = x.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(function(x).square().sum(), x)
    return gradient


_IN_PLACE: list[Callable[[Tensor], Tensor]] = [
    lambda a: a.mul_(2.0),
    lambda a: a.add_(1.0),
    lambda a: nn.functional.relu(a, inplace=True),
    lambda a: a.neg_(),
]


@pytest.mark.parametrize("change", _IN_PLACE)
def test_output_changed_in_place(layer: nn.Module, change: Callable[[Tensor], Tensor]) -> None:
    x = torch.randn(2, _CHANNELS, 3, 4)
    assert torch.equal(
        _gradient(lambda x: change(layer(x)), x), _gradient(lambda x: change(layer(x).clone()), x)
    )


@pytest.mark.parametrize("change", _IN_PLACE)
def test_input_changed_in_place_before(layer: nn.Module, change: Callable[[Tensor], Tensor]) -> None:
    x = torch.randn(2, _CHANNELS, 3, 4)
    assert torch.equal(
        _gradient(lambda x: layer(change(x.clone())), x),
        _gradient(lambda x: layer(change(x.clone()).clone()), x),
    )


@pytest.mark.parametrize("change", _IN_PLACE)
def test_input_changed_in_place_after(layer: nn.Module, change: Callable[[Tensor], Tensor]) -> None:
    """The layer keeps nothing of its input but its signs, which were taken before."""

    def function(x: Tensor, copied: bool) -> Tensor:
        a = x.clone()
        out = layer(a.clone() if copied else a)
        return out + change(a)

    x = torch.randn(2, _CHANNELS, 3, 4)
    assert torch.equal(_gradient(lambda x: function(x, False), x), _gradient(lambda x: function(x, True), x))


@pytest.mark.parametrize("name", ["weight", "running_var"])
@pytest.mark.parametrize("kind", ["shift-only", "fused"])
def test_a_factor_changed_before_backward_is_torchs_error(kind: str, name: str) -> None:
    norm = _norm()
    layer = (
        ShiftOnlyBatchNorm2d.from_batch_norm(norm)
        if kind == "shift-only"
        else ShiftOnlyActivation.fuse(norm, SignedReLU6)
    )
    out = layer(torch.randn(2, _CHANNELS, 3, 3, requires_grad=True))
    with torch.no_grad():
        getattr(layer, name).mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_a_shift_updated_before_backward_does_no_harm() -> None:
    layer = ShiftOnlyActivation.fuse(_norm(), SignedReLU6)
    x = torch.randn(2, _CHANNELS, 3, 3, requires_grad=True)
    (expected,) = torch.autograd.grad(layer(x).sum(), x)
    out = layer(x)
    with torch.no_grad():
        layer.bias.add_(5.0)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    assert torch.equal(gradient, expected)


def test_a_leaf_is_not_changed_in_place() -> None:
    x = torch.randn(2, _CHANNELS, 3, 3, requires_grad=True)
    layer = ShiftOnlyActivation.fuse(_norm(), SignedReLU6)
    layer(x).add_(1.0).sum().backward()
    assert x._version == 0


def _net(fused: bool) -> nn.Sequential:
    inner: list[nn.Module] = (
        [ShiftOnlyActivation.fuse(_norm(), SignedHardswish)]
        if fused
        else [ShiftOnlyBatchNorm2d.from_batch_norm(_norm()), SignedHardswish()]
    )
    return nn.Sequential(
        nn.Conv2d(3, _CHANNELS, 3, bias=False), *inner, nn.Conv2d(_CHANNELS, 2, 1), nn.AdaptiveAvgPool2d(1)
    )


@pytest.fixture
def compiler() -> Iterator[None]:
    torch.compiler.reset()
    with warnings.catch_warnings():
        # The compiler's own warnings, about itself, are not what is tested here.
        warnings.simplefilter("ignore")
        yield
    torch.compiler.reset()


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize("fused", [False, True], ids=["apart", "fused"])
def test_compiled_gradients_equal_the_eager_ones(fused: bool) -> None:
    net = _net(fused)
    compiled = torch.compile(copy.deepcopy(net), backend="aot_eager")
    # Two shapes, so that a graph for changing shapes is made as well; the first has unused bits.
    for shape in ((2, 3, 5, 5), (4, 3, 9, 6)):
        x = torch.randn(shape, requires_grad=True)
        y = x.detach().clone().requires_grad_()
        for each, given in ((net, x), (compiled, y)):
            each.zero_grad()
            each(given).square().sum().backward()
        torch.testing.assert_close(y.grad, x.grad)
        for one, two in zip(compiled.parameters(), net.parameters(), strict=True):
            torch.testing.assert_close(one.grad, two.grad)


@pytest.mark.usefixtures("compiler")
def test_compiling_leaves_later_eager_use_intact() -> None:
    layer = ShiftOnlyActivation.fuse(_norm(), SignedReLU6)
    x = torch.randn(2, _CHANNELS, 3, 3, requires_grad=True)
    (expected,) = torch.autograd.grad(layer(x).sum(), x)
    torch.compile(layer, backend="aot_eager")(x).sum().backward()
    (again,) = torch.autograd.grad(layer(x).sum(), x)
    assert torch.equal(again, expected)
