"""What stock PyTorch keeps from forward to backward, layer by layer: the second accounting, of what is really measured.

MobileTL's rules (`rules`) count what backward must know; autograd keeps more. An activation is kept as a whole
map, not as its bits; a convolution keeps its input even if only the gradient of that input is wanted; a
normalisation keeps its input whether or not its scale trains, and in training the mean and deviation that it
computed; max-pooling keeps its input and an int64 index for every output. On the other
hand a storage counts once, however many layers keep it, so that an activation's output costs nothing more where
the next convolution keeps it, too.

The layers of `edgebench.methods` are in the same table: what they keep is packed to whole bytes.

Each rule lists what one call keeps: tensors, whose whole storage counts, once; and numbers of bytes of tensors that
exist for this purpose alone. Parameters and buffers count for nothing. PyTorch's formulas are those of its
`tools/autograd/derivatives.yaml`, on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import Tensor, nn

from edgebench.measure.profile.rules import Call
from edgebench.methods.freezing import FrozenBatchNorm2d, QuantisedConv2d, QuantisedLinear
from edgebench.methods.fused import ShiftOnlyActivation
from edgebench.methods.lite_residual import StandardisedConv2d
from edgebench.methods.shift_only import ShiftOnlyBatchNorm2d
from edgebench.methods.signed import SignedHardswish, SignedReLU, SignedReLU6

Kept = Tensor | int
Rule = Callable[[Call], Iterator[Kept]]


def _convolution(call: Call) -> Iterator[Kept]:
    # One formula for all gradients: a frozen convolution keeps its input as soon as a gradient passes through it.
    if call.output_grad:
        yield call.x


def _linear(call: Call) -> Iterator[Kept]:
    assert isinstance(call.module, nn.Linear)
    if call.module.weight.requires_grad:
        yield call.x


def _batch_norm(call: Call) -> Iterator[Kept]:
    norm = call.module
    assert isinstance(norm, nn.BatchNorm2d)
    if call.output_grad:
        yield call.x
        if norm.training or norm.running_mean is None:
            yield 2 * norm.num_features * 4


def _group_norm(call: Call) -> Iterator[Kept]:
    norm = call.module
    assert isinstance(norm, nn.GroupNorm)
    if call.output_grad:
        yield call.x
        yield 2 * call.x.shape[0] * norm.num_groups * 4


def _result(call: Call) -> Iterator[Kept]:
    if call.input_grad:
        yield call.out


def _argument_copied(call: Call) -> Iterator[Kept]:
    """An in-place layer whose backward needs the input that it overwrites keeps a copy of it."""
    if call.input_grad:
        yield call.x.numel() * call.x.element_size() if call.module.inplace else call.x


def _signs(call: Call) -> Iterator[Kept]:
    # With a shift of its own the layer needs its mask even if no gradient goes further.
    if call.output_grad:
        yield -(-call.x.numel() // 8)


def average_pool(x: Tensor, *, input_grad: bool) -> Iterator[Kept]:
    """A window's mean needs nothing for backward, but its formula takes the input."""
    if input_grad:
        yield x


def _average_pool(call: Call) -> Iterator[Kept]:
    # Adaptive pooling to a single value is done as a mean, which keeps a shape.
    is_mean = isinstance(call.module, nn.AdaptiveAvgPool2d) and call.out.shape[2:].numel() == 1
    return average_pool(call.x, input_grad=call.input_grad and not is_mean)


def _max_pool(call: Call) -> Iterator[Kept]:
    if call.input_grad:
        yield call.x
        yield 8 * call.out.numel()


def _dropout(call: Call) -> Iterator[Kept]:
    dropout = call.module
    assert isinstance(dropout, nn.Dropout)
    if call.input_grad and dropout.training and dropout.p > 0:
        # On the CPU the scaled mask is a map of the input's type.
        yield call.x.numel() * call.x.element_size()


def _nothing(call: Call) -> Iterator[Kept]:
    return iter(())


def gate(x: Tensor, scale: Tensor, *, x_grad: bool, scale_grad: bool) -> Iterator[Kept]:
    """A product of two maps: each factor is kept for the other's gradient."""
    if scale_grad:
        yield x
    if x_grad:
        yield scale


RULES: dict[type[nn.Module], Rule] = {
    nn.Conv2d: _convolution,
    QuantisedConv2d: _nothing,
    StandardisedConv2d: _convolution,
    nn.Linear: _linear,
    QuantisedLinear: _nothing,
    nn.BatchNorm2d: _batch_norm,
    nn.GroupNorm: _group_norm,
    ShiftOnlyBatchNorm2d: _nothing,
    FrozenBatchNorm2d: _nothing,
    ShiftOnlyActivation: _signs,
    nn.ReLU: _result,
    nn.ReLU6: _argument_copied,
    nn.Hardswish: _argument_copied,
    nn.Hardsigmoid: _argument_copied,
    SignedReLU: _signs,
    SignedReLU6: _signs,
    SignedHardswish: _signs,
    nn.AdaptiveAvgPool2d: _average_pool,
    nn.AvgPool2d: _average_pool,
    nn.MaxPool2d: _max_pool,
    nn.Dropout: _dropout,
    nn.Identity: _nothing,
    nn.Flatten: _nothing,
    nn.Sequential: _nothing,
}
