"""How many operations and kept bits each kind of layer costs: MobileTL's accounting, layer by layer.

MobileTL (Chiang et al., AAAI 2023) publishes totals (Tables 1-3, Figures 1 and 4) but not its rules. These
are the integer coefficients that reproduce its totals: a convention, not a hardware model. Every elementary
operation is one FLOP; E is the number of elements of the layer's map, C its channels.

Kept bits follow what must be known in backward, not what torch saves: a convolution's input if its weight
trains, a normalisation's input if its scale trains, one bit of a ReLU, two of a ReLU6 (which of three
pieces), the whole input of a Hard-Swish. MobileTL's operators (`edgebench.methods`) keep nothing and one bit.

Not in the paper, and ours: max-pooling keeps the winner's position in its window; dropout keeps one bit per
element; average pooling costs the same whatever its window. A group normalisation takes the operations of a batch
normalisation that computes its statistics, and is charged for nothing kept; upsampling, and standardising weights,
cost nothing: the totals of networks with lite residual modules (TinyTL-L-B in Table 3, Table 5) leave no more for
them, though backward does need the maps. What is really kept is another accounting (`stock`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor, nn

from edgebench.measure.profile.result import Cost, Load
from edgebench.methods.freezing import FrozenBatchNorm2d, QuantisedConv2d, QuantisedLinear
from edgebench.methods.fused import ShiftOnlyActivation
from edgebench.methods.lite_residual import StandardisedConv2d
from edgebench.methods.shift_only import ShiftOnlyBatchNorm2d
from edgebench.methods.signed import SignedHardswish, SignedReLU, SignedReLU6


@dataclass(frozen=True)
class Call:
    """One execution of a layer.

    Attributes:
        module: the layer.
        x: its input.
        out: its output.
        input_grad: whether the gradient passes through to the input. Taken before the call, since an in-place
            layer changes its input.
        in_gate: inside squeeze and excitation, whose cost the paper charges mostly to its multiplication.
    """

    module: nn.Module
    x: Tensor
    out: Tensor
    input_grad: bool
    in_gate: bool

    @property
    def bits(self) -> int:
        """Bits of the whole input."""
        return _bits(self.x)

    @property
    def output_grad(self) -> bool:
        """Whether anything trains here or below."""
        return self.out.requires_grad


Rule = Callable[[Call], Cost]


def _convolution(call: Call) -> Cost:
    conv = call.module
    assert isinstance(conv, nn.Conv2d)
    batch, channels, height, width = call.x.shape
    columns = math.prod(conv.kernel_size) * channels
    positions = batch * call.out.shape[2] * call.out.shape[3]
    macs = positions * columns * (conv.out_channels // conv.groups)
    if conv.groups == channels == conv.out_channels and conv.groups > 1:
        padded = [size + 2 * (k // 2) for size, k in zip((height, width), conv.kernel_size, strict=True)]
        to_input = 2 * macs - batch * channels * math.prod(padded)
    else:
        to_input = positions * columns * (2 * (conv.out_channels // conv.groups) - 1)
    return _weighted(call, conv.weight, macs, to_input)


def _linear(call: Call) -> Cost:
    linear = call.module
    assert isinstance(linear, nn.Linear)
    rows = call.x.numel() // linear.in_features
    macs = rows * linear.in_features * linear.out_features
    return _weighted(call, linear.weight, macs, rows * linear.in_features * (2 * linear.out_features - 1))


def _weighted(call: Call, weight: Tensor, macs: int, to_input: int) -> Cost:
    """A layer of multiply-accumulates; biases are free, one addition less per sum."""
    trained = weight.requires_grad
    backward = (2 * macs - weight.numel() if trained else 0) + (to_input if call.input_grad else 0)
    return Cost(macs, 2 * macs, backward, call.bits if trained else 0)


def _batch_norm(call: Call) -> Cost:
    norm = call.module
    assert isinstance(norm, nn.BatchNorm2d)
    elements = call.out.numel()
    batch_statistics = norm.training or norm.running_mean is None
    scale = norm.affine and norm.weight.requires_grad
    shift = norm.affine and norm.bias.requires_grad
    forward = 7 * elements + 2 * norm.num_features if batch_statistics else 4 * elements
    backward = elements * (3 * scale + shift)
    if call.input_grad:
        backward += elements * (11 if batch_statistics else 2)
    # With batch statistics the input's own gradient needs the input again, whatever trains.
    kept = scale or (batch_statistics and call.input_grad)
    return Cost(0, forward, backward, call.bits if kept else 0)


def _group_norm(call: Call) -> Cost:
    norm = call.module
    assert isinstance(norm, nn.GroupNorm)
    elements = call.out.numel()
    scale = norm.affine and norm.weight.requires_grad
    shift = norm.affine and norm.bias.requires_grad
    forward = 7 * elements + 2 * call.x.shape[0] * norm.num_groups
    return Cost(0, forward, elements * (3 * scale + shift + 11 * call.input_grad))


def _shift_only(call: Call) -> Cost:
    elements = call.out.numel()
    assert isinstance(call.module, ShiftOnlyBatchNorm2d)
    backward = elements * (call.module.bias.requires_grad + 2 * call.input_grad)
    return Cost(0, 4 * elements, backward)


def _shift_only_activation(call: Call) -> Cost:
    """The two layers that it stands for, the second after the first."""
    fused = call.module
    assert isinstance(fused, ShiftOnlyActivation)
    norm = _shift_only(call)
    act = RULES[fused.activation](replace(call, x=call.out, input_grad=call.output_grad))
    return Cost(
        0,
        norm.flops_forward + act.flops_forward,
        norm.flops_backward + act.flops_backward,
        act.activation_bits,
    )


def _activation(forward: int, backward: int, bits: int | None) -> Rule:
    """Operations per element forward and backward, and bits per element (None: the whole input)."""

    def rule(call: Call) -> Cost:
        elements = call.out.numel()
        kept = 0
        if call.input_grad:
            kept = call.bits if bits is None else bits * elements
        if call.in_gate:
            return Cost(activation_bits=kept)
        return Cost(0, forward * elements, backward * elements * call.input_grad, kept)

    return rule


def _hard_sigmoid(call: Call) -> Cost:
    elements = call.out.numel()
    return Cost(0, elements, 0, 2 * elements * call.input_grad)


def average_pool(x: Tensor, *, input_grad: bool, in_gate: bool) -> Cost:
    """Average pooling, as a layer or as a function; `x` is its input (N, C, H, W)."""
    return Cost(flops_backward=3 * x.numel() * (input_grad and not in_gate))


def _average_pool(call: Call) -> Cost:
    return average_pool(call.x, input_grad=call.input_grad, in_gate=call.in_gate)


def _max_pool(call: Call) -> Cost:
    pool = call.module
    assert isinstance(pool, nn.MaxPool2d)
    sides = pool.kernel_size if isinstance(pool.kernel_size, tuple) else (pool.kernel_size,) * 2
    window, elements = math.prod(sides), call.out.numel()
    position = math.ceil(math.log2(window))
    passes = call.input_grad
    return Cost(0, (window - 1) * elements, elements * passes, position * elements * passes)


def _dropout(call: Call) -> Cost:
    dropout = call.module
    assert isinstance(dropout, nn.Dropout)
    if not dropout.training or dropout.p == 0:
        return Cost()
    elements = call.out.numel()
    return Cost(0, elements, elements * call.input_grad, elements * call.input_grad)


def _nothing(call: Call) -> Cost:
    return Cost()


def load(call: Call) -> Load:
    """What the call holds while it runs (`Load`)."""
    module = call.module
    weight = getattr(module, "weight", None)
    gradients = 0
    if isinstance(module, nn.Conv2d | nn.Linear) and isinstance(weight, Tensor) and weight.requires_grad:
        gradients = call.x.shape[0] * weight.numel() * weight.element_size() * 8
    maps = call.bits + _bits(call.out) if isinstance(module, nn.Conv2d) else 0
    return Load(maps, gradients, isinstance(module, nn.BatchNorm2d | nn.GroupNorm))


def _bits(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size() * 8


def residual_add(out: Tensor) -> Cost:
    """A shortcut joining: one addition per element, and nothing in backward."""
    return Cost(flops_forward=out.numel())


def gate(x: Tensor, scale: Tensor, *, x_grad: bool, scale_grad: bool) -> Cost:
    """Squeeze and excitation's scaling of the map's channels, pooling's backward included."""
    kept = 0
    if scale_grad:
        kept += x.numel() * x.element_size() * 8
    if x_grad:
        kept += scale.numel() * scale.element_size() * 8
    elements = x.numel()
    return Cost(0, elements, 7 * elements * (x_grad or scale_grad), kept, elements)


# By exact type: a subclass may compute something else, and must say so here.
RULES: dict[type[nn.Module], Rule] = {
    nn.Conv2d: _convolution,
    QuantisedConv2d: _convolution,
    StandardisedConv2d: _convolution,
    nn.Linear: _linear,
    QuantisedLinear: _linear,
    nn.BatchNorm2d: _batch_norm,
    nn.GroupNorm: _group_norm,
    ShiftOnlyBatchNorm2d: _shift_only,
    FrozenBatchNorm2d: _shift_only,
    ShiftOnlyActivation: _shift_only_activation,
    nn.ReLU: _activation(1, 2, 1),
    nn.ReLU6: _activation(1, 3, 2),
    nn.Hardswish: _activation(4, 10, None),
    SignedReLU: _activation(1, 2, 1),
    SignedReLU6: _activation(1, 2, 1),
    SignedHardswish: _activation(4, 2, 1),
    nn.AdaptiveAvgPool2d: _average_pool,
    nn.AvgPool2d: _average_pool,
    nn.MaxPool2d: _max_pool,
    nn.Dropout: _dropout,
    nn.Identity: _nothing,
    nn.Flatten: _nothing,
    nn.Sequential: _nothing,  # empty; one with layers is not a layer itself
}
# Only the rules that the paper states for a squeeze-and-excitation block; elsewhere these layers are unknown.
GATE_RULES: dict[type[nn.Module], Rule] = {nn.Hardsigmoid: _hard_sigmoid}
