"""Measures of a curve: one value per epoch in, one number out. Each is defined here and nowhere else.

A curve's unit is its metric's: % of an accuracy, nats of a loss. The curve of an arm that diverged gets the worst value
of each measure, since what stands in for its missing epochs is constant, smooth, and has nothing to say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgebench.errors import ExpressionError


class DivergedCurve(tuple[float, ...]):
    """The curve of an arm that diverged: worst values from there on, which no measure may take for smoothness."""


# Of a diverged curve, in the curve's unit: a percentage cannot be rougher on average, a loss hardly.
WORST_ROUGHNESS = 400.0
# A percentage cannot change faster from one epoch to the next, a loss hardly; in the curve's unit per epoch.
WORST_SLOPE = 100.0


def roughness(curve: Sequence[float]) -> float:
    """Mean absolute second difference of a curve; its unit is the curve's.

    Raises:
        ExpressionError: fewer than 3 epochs.
    """
    if isinstance(curve, DivergedCurve):
        return WORST_ROUGHNESS
    _at_least(3, curve, "roughness")
    steps = range(1, len(curve) - 1)
    return math.fsum(abs(curve[i - 1] - 2 * curve[i] + curve[i + 1]) for i in steps) / len(steps)


def epochs_to(curve: Sequence[float], value: float) -> float:
    """Epochs until a curve that rises first reaches a value; epochs count from 1, and between them it is linear.

    A curve that has reached it after its first epoch took 1. One that never reaches it counts with its number of
    epochs E, and so does one that diverged: the measure is min(T, E) of the true T. Between arms that train equally
    long, a difference is then never larger than the true one and never of the other sign, so that `> 0` is reproduced
    only where it is true. That two arms hardly differ may however be the bound's doing: ask for a value that all arms
    reach, such as `0.9 * min(max(a.curve.val_top1), max(b.curve.val_top1))`.

    Args:
        curve: of a metric of which more is better.
        value: in the curve's unit.

    Returns:
        Epochs, from 1 to E.

    Raises:
        ExpressionError: no epochs.
    """
    _at_least(1, curve, "epochs to a value")
    if isinstance(curve, DivergedCurve):
        return float(len(curve))
    for i, reached in enumerate(curve):
        if reached >= value:
            # Before the first epoch nothing is known, so nothing is interpolated there.
            return i + (value - curve[i - 1]) / (reached - curve[i - 1]) if i else 1.0
    return float(len(curve))


def epochs_down_to(curve: Sequence[float], value: float) -> float:
    """Epochs until a curve that falls, such as a loss, first reaches a value: `epochs_to`, upside down."""
    if isinstance(curve, DivergedCurve):
        return epochs_to(curve, value)
    return epochs_to([-each for each in curve], -value)


def late_slope(curve: Sequence[float]) -> float:
    """Least-squares slope of a curve over its last third (rounded up, at least 2 epochs), in its unit per epoch.

    A diverged arm's is the steepest change for the worse: down for an accuracy, up for a loss.

    Raises:
        ExpressionError: fewer than 4 epochs.
    """
    if isinstance(curve, DivergedCurve):
        return math.copysign(WORST_SLOPE, _worst(curve) - WORST_SLOPE / 2)
    _at_least(4, curve, "late slope")
    late = curve[-math.ceil(len(curve) / 3) :]
    middle = (len(late) - 1) / 2
    # From the mean, so that a large constant costs no digits.
    mean = math.fsum(late) / len(late)
    moment = math.fsum((i - middle) * (value - mean) for i, value in enumerate(late))
    return moment / math.fsum((i - middle) ** 2 for i in range(len(late)))


def rise(curve: Sequence[float]) -> float:
    """How far a curve ends above its smallest value, in its unit: the late rise, or curl, of a validation loss.

    0 where the last epoch is the best. A diverged arm's is the worst value itself, 100 nats of a loss.

    Raises:
        ExpressionError: no epochs.
    """
    if isinstance(curve, DivergedCurve):
        return _worst(curve)
    _at_least(1, curve, "rise")
    return curve[-1] - min(curve)


def _worst(curve: DivergedCurve) -> float:
    """What stands in for a diverged curve's missing epochs: 0 of an accuracy, 100 of a loss."""
    _at_least(1, curve, "measure")
    return curve[-1]


def _at_least(epochs: int, curve: Sequence[float], what: str) -> None:
    if len(curve) < epochs:
        few = f"at least {epochs} epoch{'s' if epochs > 1 else ''}"
        raise ExpressionError(f"{what} of a curve of {len(curve)} epochs", expected=few)
