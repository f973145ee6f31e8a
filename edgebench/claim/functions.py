"""The functions of the language of effects, one table for its parser, its interpreter and its messages."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgebench.errors import ExpressionError


class DivergedCurve(tuple[float, ...]):
    """The curve of an arm that diverged: worst values from there on, which no measure may take for smoothness."""


# Of a diverged curve, in the curve's unit: a percentage cannot be rougher on average, a loss hardly.
WORST_ROUGHNESS = 400.0


def _roughness(curve: Sequence[float]) -> float:
    """Mean absolute second difference of a curve; its unit is the curve's."""
    if isinstance(curve, DivergedCurve):
        return WORST_ROUGHNESS
    if len(curve) < 3:
        raise ExpressionError(f"roughness of a curve of {len(curve)} epochs", expected="at least 3 epochs")
    steps = range(1, len(curve) - 1)
    return math.fsum(abs(curve[i - 1] - 2 * curve[i] + curve[i + 1]) for i in steps) / len(steps)


def _at(curve: Sequence[float], epoch: float) -> float:
    """The curve's value after the given epoch, counting from 1."""
    if epoch != int(epoch) or not 1 <= epoch <= len(curve):
        raise ExpressionError(
            f"epoch {epoch:g} of a curve", expected=f"a whole number from 1 to {len(curve)}"
        )
    return curve[int(epoch) - 1]


def _last(curve: Sequence[float]) -> float:
    return _some(curve)[-1]


def _min(*values: float) -> float:
    return min(_some(values))


def _max(*values: float) -> float:
    return max(_some(values))


def _mean(*values: float) -> float:
    return math.fsum(_some(values)) / len(values)


def _some(values: Sequence[float]) -> Sequence[float]:
    if not values:
        raise ExpressionError("a curve has no epochs", expected="at least one epoch")
    return values


def front_margin(*arms: tuple[float, float]) -> float:
    """By how much the first arm's gain exceeds the best that another arm gives at no more cost.

    Positive: the first arm is on the Pareto front of all of them. Negative: it is dominated, by that much. Zero:
    another arm has the same gain at the same cost (both may be on the front) or at a lower one. Doing nothing, which
    gains 0 at no cost, counts as one of the others: an arm cheaper than all of them has its own gain as its margin.

    Args:
        arms: (gain, cost) of each, of which more and less are better.

    Returns:
        The margin, in the unit of the gain.

    Raises:
        ExpressionError: a gain or a cost is not a finite number, which compares with nothing.
    """
    if not all(math.isfinite(value) for arm in arms for value in arm):
        raise ExpressionError("a gain or a cost is not finite", expected="finite numbers")
    (gain, cost), *others = arms
    return gain - max([0.0, *(other for other, price in others if price <= cost)])


@dataclass(frozen=True)
class Function:
    """A function of effects.

    Attributes:
        apply: computes it from the values of its arguments.
        arguments: the types it takes; None: numbers, or a single curve.
        metrics: for a function of arms, the keywords that each name a metric: it is written with the bare names of
            two or more arms, and is applied to one tuple of these metrics for each arm.
    """

    apply: Callable[..., float]
    signature: str
    summary: str
    arguments: tuple[str, ...] | None = None
    metrics: tuple[str, ...] = ()


FUNCTIONS: dict[str, Function] = {
    "min": Function(_min, "min(a, b, …) or min(curve)", "the smallest"),
    "max": Function(_max, "max(a, b, …) or max(curve)", "the largest"),
    "mean": Function(_mean, "mean(a, b, …) or mean(curve)", "the arithmetic mean"),
    "abs": Function(abs, "abs(a)", "the magnitude", ("number",)),
    "log": Function(math.log, "log(a)", "the natural logarithm", ("number",)),
    "at": Function(_at, "at(curve, epoch)", "the value after an epoch, counting from 1", ("curve", "number")),
    "last": Function(_last, "last(curve)", "the value after the last epoch", ("curve",)),
    "roughness": Function(_roughness, "roughness(curve)", "mean |second difference|", ("curve",)),
    "front": Function(
        front_margin,
        "front(arm, other, …, gain=metric, cost=metric)",
        "the arm's gain less the best gain of the others that cost no more: positive on the Pareto front",
        metrics=("gain", "cost"),
    ),
}
