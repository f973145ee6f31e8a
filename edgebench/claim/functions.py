"""The functions of the language of effects, one table for its parser, its interpreter and its messages."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgebench.claim import curves
from edgebench.errors import ExpressionError


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


def slope(*values: float) -> float:
    """Slope of the straight line that fits points (x, y) best: least squares of y.

    Args:
        values: x, y of one point after the other.

    Returns:
        The slope, in the unit of y per unit of x.

    Raises:
        ExpressionError: all points lie at one x, which no slope can be told from.
    """
    xs, ys = values[::2], values[1::2]
    if len(set(xs)) < 2:
        raise ExpressionError(
            f"slope of points that all lie at {xs[0]:g}", expected="at least two values of x"
        )
    # From the means, so that a large constant costs no digits.
    middle, mean = math.fsum(xs) / len(xs), math.fsum(ys) / len(ys)
    moment = math.fsum((x - middle) * (y - mean) for x, y in zip(xs, ys, strict=True))
    return moment / math.fsum((x - middle) ** 2 for x in xs)


@dataclass(frozen=True)
class Function:
    """A function of effects.

    Attributes:
        apply: computes it from the values of its arguments.
        arguments: the types it takes; None: numbers, or a single curve, or the values of an arm's folds.
        metrics: for a function of arms, the keywords that each name a metric: it is written with the bare names of
            two or more arms, and is applied to one tuple of these metrics for each arm.
        unit: of what it gives, with {} for that of a difference of the curve's values; None: the unit of its arguments.
        rises: the curve must be of a metric of which more (True) or less (False) is better; None: any curve.
        pairs: it takes numbers in pairs, two pairs or more.
    """

    apply: Callable[..., float]
    signature: str
    summary: str
    arguments: tuple[str, ...] | None = None
    metrics: tuple[str, ...] = ()
    unit: str | None = None
    rises: bool | None = None
    pairs: bool = False

    def takes(self, types: tuple[str, ...]) -> bool:
        """Whether it can be given arguments of these types, each 'number', 'curve' or 'folds'."""
        if self.pairs:
            return len(types) >= 4 and len(types) % 2 == 0 and set(types) == {"number"}
        if self.arguments is not None:
            return types == self.arguments
        return types in (("curve",), ("folds",)) or (len(types) > 1 and set(types) == {"number"})


FUNCTIONS: dict[str, Function] = {
    "min": Function(_min, "min(a, b, …) or min(curve) or min(folds)", "the smallest"),
    "max": Function(_max, "max(a, b, …) or max(curve) or max(folds)", "the largest"),
    "mean": Function(_mean, "mean(a, b, …) or mean(curve) or mean(folds)", "the arithmetic mean"),
    "abs": Function(abs, "abs(a)", "the magnitude", ("number",)),
    "log": Function(math.log, "log(a)", "the natural logarithm", ("number",)),
    "log2": Function(math.log2, "log2(a)", "the logarithm to base 2", ("number",)),
    "slope": Function(
        slope,
        "slope(x, y, x, y, …)",
        "least-squares slope of y against x",
        pairs=True,
    ),
    "at": Function(_at, "at(curve, epoch)", "the value after an epoch, counting from 1", ("curve", "number")),
    "last": Function(_last, "last(curve)", "the value after the last epoch", ("curve",)),
    "roughness": Function(curves.roughness, "roughness(curve)", "mean |second difference|", ("curve",)),
    "epochs_to": Function(
        curves.epochs_to,
        "epochs_to(curve, value)",
        "epochs until a rising curve reaches a value, all of them where it never does",
        ("curve", "number"),
        unit="epochs",
        rises=True,
    ),
    "epochs_down_to": Function(
        curves.epochs_down_to,
        "epochs_down_to(curve, value)",
        "epochs until a falling curve reaches a value, all of them where it never does",
        ("curve", "number"),
        unit="epochs",
        rises=False,
    ),
    "late_slope": Function(
        curves.late_slope,
        "late_slope(curve)",
        "least-squares slope over the last third of the epochs",
        ("curve",),
        unit="{} per epoch",
    ),
    "rise": Function(curves.rise, "rise(curve)", "the last value less the smallest", ("curve",), unit="{}"),
    "front": Function(
        front_margin,
        "front(arm, other, …, gain=metric, cost=metric)",
        "the arm's gain less the best gain of the others that cost no more: positive on the Pareto front",
        metrics=("gain", "cost"),
    ),
}
