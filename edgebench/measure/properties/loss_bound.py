"""MobileTL, Theorem 1: training through the signed backward stays close to training through the exact one.

From the same weights, T steps of plain SGD with rate λ lead to W through the exact backward of Hard-Swish and to W̃
through the signed one. The theorem: ‖F(W̃) - F(W)‖ ≤ λMTG (S(Ψ) + S(Ψ̃)), where S(Ψ) = Ψ(1 - Ψ^L)/(1 - Ψ) over the L
trained layers, Ψ = 3/2 √N G, Ψ̃ = √N G, no layer has more than N output elements, "the magnitude of the gradient is
bounded by G", and F is Lipschitz with the constant M.

Which gradient G bounds is not said where the theorem stands, and its proof is in a supplement. Two readings:

- *every gradient of the chain rule*: that of an example's loss by the network's output, and those of each single output
  element of a layer by the layer's input and by its weights. A layer's Jacobian, N rows of norm G, then has a norm of
  at most √N G, Hard-Swish has a slope of at most 3/2 (the mask: 1), so the gradient by the weights of the k-th layer
  from the output has a norm of at most G Ψ^k; S is the sum over the layers, and the theorem follows.
- *the gradient of the loss by the trained weights*, which is what SGD calls the gradient. Scaling the distance between
  outputs and targets by c scales this G, but not how far W̃ and W are apart relative to it: the left side shrinks with
  c, the right side with c². Where gradients are small, as they are close to an optimum, the bound cannot hold. For one
weight w = 1, input 1, loss ½(h(w) - t)² and one step, with G = c = h(1) - t: the sides are λM c/6 and λM c · 5c/2.

M has to be understood on the weights that matter: over all weights no M exists for two layers or more. Here it belongs
to the segment from W to W̃. F is the loss, or the outputs for all examples; both are tried. Every such choice is
made against the verdict: the first reading has to hold with the least M that the segment allows, for both F; the second
is only called violated where it fails with a proven upper bound of M, for both F.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from edgebench.measure.properties.tally import Tally
from edgebench.methods.signed import signed_hardswish

Activation = Callable[[Tensor], Tensor]
Weights = list[Tensor]
# Pieces of the segment between the two results, over which the least Lipschitz constant is looked for.
_PIECES = 8
_ROUNDING = 1e-9
_SLOPE = 1.5  # the largest of Hard-Swish


@dataclass(frozen=True)
class Case:
    """A small network of convolutions without padding and bias, each followed by Hard-Swish, and its training.

    Attributes:
        start: weights of the layers, float64 [out, in, k, k]; linear layers are those of k = 1 on one position.
        inputs: [B, C, H, W].
        targets: as the outputs; an example's loss is half its squared distance.
        batches: for each of T steps, the examples whose mean loss it descends.
        rate: λ.
    """

    start: Weights
    inputs: Tensor
    targets: Tensor
    batches: list[list[int]]
    rate: float


@dataclass(frozen=True)
class Path:
    """What training a case leaves.

    Attributes:
        weights: after the last step.
        factor: largest norm of any gradient of the chain rule on the way.
        gradient: largest norm of the loss's gradient by all trained weights.
        elements: of the largest output of a layer.
    """

    weights: Weights
    factor: float
    gradient: float
    elements: int


def check_cases(cases: int, seed: int) -> Tally:
    """Theorem 1 with a G that bounds every gradient of the chain rule.

    The error of a case is the left side of the inequality over the right side: above 1, it is violated.
    """
    return _check(cases, seed, lambda case, exact, signed: max(_ratios(case, exact, signed, proven=False)))


def check_weight_gradient(cases: int, seed: int) -> Tally:
    """Theorem 1 with a G that bounds the gradient of the loss by the trained weights; errors as `check_cases`."""
    return _check(cases, seed, lambda case, exact, signed: min(_ratios(case, exact, signed, proven=True)))


def _check(cases: int, seed: int, ratio: Callable[[Case, Path, Path], float]) -> Tally:
    source = random.Random(seed)
    tally = Tally()
    for _ in range(cases):
        case = draw_case(source)
        exact, signed = train(case, functional.hardswish), train(case, signed_hardswish)
        tally.case(holds=True, error=ratio(case, exact, signed), tolerance=1 + _ROUNDING)
    return tally


def draw_case(source: random.Random) -> Case:
    """A network of 1 to 4 layers, which is to learn what the same network with other weights computes.

    These lie at a distance of 1e-5 to 1 of the weights' own size: fine-tuning that starts anywhere from close to an
    optimum to far from one.
    """
    generator = torch.Generator().manual_seed(source.getrandbits(63))

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    side = source.choice([1, 1, 3, 4])
    channels = source.randint(2, 8)
    inputs = normal(8, channels, side, side)
    start: Weights = []
    for _ in range(source.randint(1, 4)):
        width, kernel = source.randint(2, 8), source.randint(1, min(side, 2))
        start.append(normal(width, channels, kernel, kernel) * math.sqrt(2 / (channels * kernel**2)))
        channels, side = width, side - kernel + 1
    away = 10 ** source.uniform(-5, 0)
    targets = outputs([w + away * w.std() * normal(*w.shape) for w in start], inputs)
    batches = [source.sample(range(8), 4) for _ in range(source.randint(1, 20))]
    return Case(start, inputs, targets, batches, 10 ** source.uniform(-3, -1))


def layers(weights: Weights, inputs: Tensor, activation: Activation = functional.hardswish) -> list[Tensor]:
    """The input, then every layer's output."""
    values = [inputs]
    for weight in weights:
        values.append(activation(functional.conv2d(values[-1], weight)))
    return values


def outputs(weights: Weights, inputs: Tensor) -> Tensor:
    return layers(weights, inputs)[-1]


def train(case: Case, activation: Activation) -> Path:
    """Plain SGD through the given backward, with the bounds that the theorem needs measured at every step."""
    weights = [weight.clone() for weight in case.start]
    factor = gradient = 0.0
    elements = 0
    for batch in case.batches:
        leaves = [weight.requires_grad_() for weight in weights]
        values = layers(leaves, case.inputs[batch], activation)
        missed = values[-1] - case.targets[batch]
        gradients = torch.autograd.grad(0.5 * missed.square().flatten(1).sum(1).mean(), leaves)
        factor = max(
            factor, *_factors([w.detach() for w in leaves], [v.detach() for v in values], missed.detach())
        )
        gradient = max(gradient, _norm(gradients))
        elements = max(value[0].numel() for value in values[1:])
        weights = [w.detach() - case.rate * g for w, g in zip(leaves, gradients, strict=True)]
    return Path(weights, factor, gradient, elements)


def _factors(weights: Weights, values: Sequence[Tensor], missed: Tensor) -> list[float]:
    """Norms of the chain rule's gradients: of each example's loss, and of single output elements before Hard-Swish."""
    found = [float(missed.flatten(1).norm(dim=1).max())]
    # By its input an element has the gradient of its filter; nothing is propagated to the network's own input.
    found += [float(weight.flatten(1).norm(dim=1).max()) for weight in weights[1:]]
    # By its weights, the patch of the input that it sees.
    for weight, value in zip(weights, values, strict=False):
        patches = functional.unfold(value, weight.shape[-1])
        found.append(float(patches.norm(dim=1).max()))
    return found


def bound(case: Case, exact: Path, signed: Path, lipschitz: float, largest: float) -> float:
    """The theorem's right side; sums in place of S, whose fraction has no value at Ψ = 1.

    Args:
        lipschitz: M.
        largest: G.
    """
    psi = math.sqrt(max(exact.elements, signed.elements)) * largest
    # As tensors, which overflow to infinity where Python's numbers raise an error.
    both = torch.tensor([psi, _SLOPE * psi], dtype=torch.float64)
    powers = sum(float(both.pow(k).sum()) for k in range(1, len(case.start) + 1))
    return case.rate * lipschitz * len(case.batches) * largest * powers


def _ratios(case: Case, exact: Path, signed: Path, *, proven: bool) -> tuple[float, float]:
    """Left over right side where F is the outputs, and where it is the loss.

    With `proven`, G is that of the loss by the weights and M an upper bound; else G is that of the chain rule and M the
    largest slope seen.
    """
    largest = max(exact.gradient, signed.gradient) if proven else max(exact.factor, signed.factor)
    constants = upper_constants(case, exact, signed) if proven else seen_constants(case, exact, signed)
    left = _changes(case, exact.weights, signed.weights)
    first, second = (
        distance / max(bound(case, exact, signed, constant, largest), torch.finfo(torch.float64).tiny)
        for distance, constant in zip(left, constants, strict=True)
    )
    # Of a training that blew up nothing is known; min and max of NaN would depend on the order.
    return (first, second) if math.isfinite(first + second) else (math.inf, math.inf)


def _changes(case: Case, one: Weights, other: Weights) -> tuple[float, float]:
    """How far the outputs for all examples, and the mean loss, are apart."""
    first, second = (outputs(weights, case.inputs) for weights in (one, other))
    losses = [
        0.5 * float((value - case.targets).square().flatten(1).sum(1).mean()) for value in (first, second)
    ]
    return float((first - second).norm()), abs(losses[0] - losses[1])


def seen_constants(case: Case, exact: Path, signed: Path) -> tuple[float, float]:
    """The largest slopes of outputs and loss over pieces of the segment: no smaller M is possible."""
    start, end = exact.weights, signed.weights
    points = [
        [a + (b - a) * (i / _PIECES) for a, b in zip(start, end, strict=True)] for i in range(_PIECES + 1)
    ]
    slopes = [
        [change / _distance(one, other) for change in _changes(case, one, other)]
        for one, other in [(start, end), *pairwise(points)]
        if _distance(one, other)
    ]
    return max((a for a, _ in slopes), default=0.0), max((b for _, b in slopes), default=0.0)


def upper_constants(case: Case, exact: Path, signed: Path) -> tuple[float, float]:
    """Bounds on the slopes of outputs and loss anywhere on the segment, from norms of inputs and weights alone.

    A norm is convex, so on the segment no layer's weights have a larger one than at its ends. A convolution with a
    k x k kernel multiplies norms by at most k times the norm of its weights, since no input element is in more than
    k² patches; Hard-Swish does not increase a magnitude, and its slope is at most 3/2.
    """
    gains = [
        weight.shape[-1] * max(float(weight.norm()), float(other.norm()))
        for weight, other in zip(exact.weights, signed.weights, strict=True)
    ]
    per_weight = 0.0  # squared, of an example whose input has the norm 1
    for i, weight in enumerate(exact.weights):
        below, above = math.prod(gains[:i]), math.prod(_SLOPE * gain for gain in gains[i + 1 :])
        per_weight += (below * weight.shape[-1] * _SLOPE * above) ** 2
    slopes = case.inputs.flatten(1).norm(dim=1) * math.sqrt(per_weight)
    missed = (outputs(exact.weights, case.inputs) - case.targets).flatten(1).norm(dim=1)
    # An example's outputs move by no more than its slope times the length of the segment.
    farthest = missed + slopes * _distance(exact.weights, signed.weights)
    return float(slopes.norm()), float((slopes * farthest).mean())


def _distance(one: Weights, other: Weights) -> float:
    return _norm([a - b for a, b in zip(one, other, strict=True)])


def _norm(tensors: Sequence[Tensor]) -> float:
    return math.sqrt(sum(float(tensor.square().sum()) for tensor in tensors))
