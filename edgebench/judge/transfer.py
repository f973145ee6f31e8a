"""Whether what a shortened run found holds with a longer schedule: sign and size of the effect, agreed or not.

Both are judged as verdicts are: by intervals, and left open where these do not decide.

    sign    agrees when both intervals lie on the same side of the effect's reference, disagrees on opposite sides.
            The reference is the value that `> x` and `< x` name, and 0 for `~ x ± y`.
    size    with the interval [L, U] of longer - short, and a band of half the short effect (its distance from the
            reference; at least the margin): agrees when [L, U] lies within the band, disagrees wholly outside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

from edgebench.judge.expectation import Expectation
from edgebench.judge.statistics import critical_t, mean_and_spread

# Two-sided level of the interval of longer - short.
LEVEL = 0.05
# By what share of the short effect the longer one may differ and still be of that size.
SHARE = 0.5


class Agreement(StrEnum):
    agrees = "agrees"
    disagrees = "disagrees"
    undecided = "undecided"


def reference(expectation: Expectation) -> float:
    """The value that the sign of an effect is taken from, in the effect's unit."""
    return expectation.target if expectation.relation in (">", "<") else 0.0


def sign_agreement(
    short: tuple[float, float], longer: tuple[float, float], expectation: Expectation
) -> Agreement:
    """Whether two intervals, (low, high) each, lie on the same side of the expectation's reference."""
    sides = [_side(interval, reference(expectation)) for interval in (short, longer)]
    if 0 in sides:
        return Agreement.undecided
    return Agreement.agrees if sides[0] == sides[1] else Agreement.disagrees


def size_agreement(
    short: Sequence[float], longer: Sequence[float], expectation: Expectation, margin: float
) -> Agreement:
    """Whether the means of two samples, the values of each seed, are of the same size.

    Raises:
        ValueError: fewer than two values in one of them, or one that is not finite.
    """
    mean, _ = mean_and_spread(short)
    band = max(margin, SHARE * abs(mean - reference(expectation)))
    low, high = change_interval(short, longer, LEVEL)
    if -band <= low and high <= band:
        return Agreement.agrees
    return Agreement.disagrees if low > band or high < -band else Agreement.undecided


def change_interval(short: Sequence[float], longer: Sequence[float], level: float) -> tuple[float, float]:
    """Interval of mean(longer) - mean(short): Welch's t with Satterthwaite's degrees of freedom (Biometrika 34, 1947).

    The seeds of the two are the same, yet after so many more steps they say little of each other; taken as independent,
    the interval is never too narrow where they go together.

    Raises:
        ValueError: fewer than two values in one of them, or one that is not finite.
    """
    means, shares = [], []
    for values in (short, longer):
        mean, spread = mean_and_spread(values)
        means.append(mean)
        shares.append((spread**2 / len(values), len(values) - 1))
    change, variance = means[1] - means[0], sum(share for share, _ in shares)
    if variance == 0.0:
        return change, change
    freedom = 1.0 / sum((share / variance) ** 2 / free for share, free in shares)
    half = critical_t(freedom, level) * math.sqrt(variance)
    return change - half, change + half


def _side(interval: tuple[float, float], limit: float) -> int:
    low, high = interval
    return 1 if low > limit else -1 if high < limit else 0
