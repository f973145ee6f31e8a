"""MobileTL, equations 1 and 2: the shift-only normalisation keeps nothing and has exact gradients."""

from __future__ import annotations

import random

import torch
from torch import Tensor, nn

from edgebench.measure.activations import measured_activation_bytes
from edgebench.measure.properties.tally import Tally
from edgebench.measure.properties.tensors import random_tensor, relative_error
from edgebench.methods.shift_only import ShiftOnlyBatchNorm2d

# A few roundings of the dtype; sums over a map of up to 144 positions included.
_TOLERANCE = {torch.float32: 2e-6, torch.float64: 1e-14}


def check_cases(cases: int, seed: int) -> Tally:
    """Compare with autograd of the formula γ(x - μ)/√(σ² + ε) + β in float64, in training mode.

    A case holds when autograd keeps no activation, the statistics stay as they were, and the scale gets no
    gradient. The error is the largest of output, input gradient and shift gradient, each over the largest
    magnitude of its terms.
    """
    source = random.Random(seed)
    tally = Tally()
    for _ in range(cases):
        dtype = source.choice(list(_TOLERANCE))
        channels = source.randint(1, 9)
        shape = (source.randint(1, 4), channels, source.randint(1, 6), source.randint(1, 6))
        layer = ShiftOnlyBatchNorm2d.from_batch_norm(_trained_norm(source, channels, dtype)).train()
        before = [buffer.clone() for buffer in layer.buffers()]
        x = random_tensor(source, shape, dtype).requires_grad_()
        upstream = random_tensor(source, shape, dtype)
        out = layer(x)
        torch.autograd.backward(out, upstream)
        unchanged = all(torch.equal(b, now) for b, now in zip(before, layer.buffers(), strict=True))
        tally.case(
            holds=unchanged and layer.weight.grad is None and measured_activation_bytes(layer, x) == 0,
            error=_error(layer, x, out, upstream),
            tolerance=_TOLERANCE[dtype],
        )
    return tally


def _trained_norm(source: random.Random, channels: int, dtype: torch.dtype) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels, eps=source.choice([1e-5, 1e-3]), dtype=dtype)
    generator = torch.Generator().manual_seed(source.getrandbits(63))
    assert norm.running_mean is not None
    assert norm.running_var is not None
    with torch.no_grad():
        for tensor in (norm.weight, norm.bias, norm.running_mean):
            tensor.copy_(torch.randn(channels, generator=generator))
        norm.running_var.copy_(0.05 + 3 * torch.rand(channels, generator=generator))
    return norm


def _error(layer: ShiftOnlyBatchNorm2d, x: Tensor, out: Tensor, upstream: Tensor) -> float:
    def column(tensor: Tensor | None) -> Tensor:
        assert tensor is not None
        return tensor.detach().double().view(1, -1, 1, 1)

    x64 = x.detach().double().requires_grad_()
    shift = column(layer.bias).requires_grad_()
    scaled = column(layer.weight) * (x64 - column(layer.running_mean))
    scaled = scaled / torch.sqrt(column(layer.running_var) + layer.eps)
    expected = scaled + shift
    torch.autograd.backward(expected, upstream.double())
    gradients = (x.grad, layer.bias.grad, x64.grad, shift.grad)
    if any(gradient is None for gradient in gradients):
        return float("inf")
    found_x, found_shift, true_x, true_shift = (g for g in gradients if g is not None)
    # Terms, not results: a sum of gradients may cancel to nothing, and its rounding does not.
    return max(
        relative_error(out, expected, scaled.abs() + shift.abs()),
        relative_error(found_x, true_x, true_x),
        relative_error(found_shift, true_shift.flatten(), upstream.double().abs().sum(dim=(0, 2, 3))),
    )
