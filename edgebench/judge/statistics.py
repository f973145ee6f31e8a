"""Intervals for a handful of seeds, looked at more than once: pure functions of the per-seed values.

The objective: whatever the true mean of an effect, the chance of deciding wrongly about a margin is at most
alpha over *all* looks together. A Student-t interval keeps alpha at one look; looking again and stopping at
the first interval that decides does not. Pocock (Biometrika 64, 1977) spends alpha in equal two-sided levels
per look.

His constants, and the information fractions that come with them, suppose a known variance. With 3 to 20 seeds
the variance is estimated and the t statistics of successive looks are less correlated than the normal ones,
so those constants overshoot: looks at 5, 10 and 20 come to 5.3 %, at 3, 5 and 10 to 5.6 %. `pocock_level`
therefore integrates the recursion of Armitage, McPherson and Rowe (JRSS A 132, 1969) for the t statistics
themselves, which is exact under normality and has the known-variance constants as its limit for many seeds.

A `level` is a two-sided significance level throughout: an interval of level 0.05 covers in 95 % of cases.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

# Gauss-Legendre nodes and Chebyshev terms. Against 80 and 48 of them the levels move by less than 2e-6 where
# looks grow by three seeds or more, and by at most 2 % of the level where they grow by one or two: the
# integrand has kinks.
_NODES = 32
_TERMS = 24


@dataclass(frozen=True)
class Interval:
    """A mean with its two-sided Student-t interval, in the unit of the values.

    Attributes:
        mean: mean over the seeds.
        low, high: ends of the interval.
        n: number of seeds.
        level: two-sided significance level; the interval covers with probability 1 - level.
    """

    mean: float
    low: float
    high: float
    n: int
    level: float


def paired_interval(differences: Sequence[float], level: float) -> Interval:
    """Student-t interval for the mean of per-seed differences (or of any per-seed values).

    Identical values give an interval of no width, exactly at that value.

    Raises:
        ValueError: fewer than two values, a value that is not finite, a level outside (0, 1).
    """
    mean, spread = mean_and_spread(differences)
    n = len(differences)
    half = _half_width(spread, n, level)
    if not math.isfinite(mean - half) or not math.isfinite(mean + half):
        raise ValueError("the values are too large for an interval in double precision")
    return Interval(mean, mean - half, mean + half, n, level)


def prediction_half_width(values: Sequence[float], confidence: float = 0.99) -> float:
    """How far the mean of as many new seeds may lie from the mean of these: t · s · √(2/n).

    Raises:
        ValueError: fewer than two values, a value that is not finite, a confidence outside (0, 1).
    """
    _, spread = mean_and_spread(values)
    return _half_width(spread, len(values), 1.0 - confidence) * math.sqrt(2.0)


def seeds_needed(differences: Sequence[float], margin: float, level: float, cap: int) -> int | None:
    """The smallest number of seeds whose interval would clear `margin` if mean and spread stay as they are.

    Returns:
        A number from 2 to `cap`, or None when not even `cap` seeds would do (as for a mean on the margin).

    Raises:
        ValueError: fewer than two values, a value that is not finite, a level outside (0, 1).
    """
    mean, spread = mean_and_spread(differences)
    distance = abs(mean - margin)

    def clears(n: int) -> bool:
        return _half_width(spread, n, level) < distance

    if cap < 2 or not clears(cap):
        return None
    # The half-width falls with every further seed, so bisection finds the first n that clears.
    low, high = 2, cap
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if clears(middle) else (middle + 1, high)
    return low


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation (n - 1), correctly rounded sums, without overflow in the squares.

    Raises:
        ValueError: fewer than two values, or a value that is not finite.
    """
    n = len(values)
    if n < 2:
        raise ValueError(f"a spread needs at least two values, not {n}")
    if not all(math.isfinite(value) for value in values):
        raise ValueError("every value must be finite")
    first = float(values[0])
    if all(value == first for value in values):  # the rounding of a sum must not invent a spread
        return first, 0.0
    scale = max(abs(value) for value in values)
    scaled = [value / scale for value in values]
    mean = math.fsum(scaled) / n
    variance = math.fsum((value - mean) ** 2 for value in scaled) / (n - 1)
    return mean * scale, math.sqrt(variance) * scale


def pocock_level(looks: tuple[int, ...], alpha: float = 0.05) -> float:
    """The two-sided level of each look that makes the level of all looks together `alpha`.

    Deterministic; exact for normal values up to quadrature: 2e-6 where looks grow by three seeds or more,
    else at most 2 % of the level.

    Args:
        looks: numbers of seeds at which the interval is looked at, increasing, each at least 2.
        alpha: chance that any of the intervals excludes the true mean.

    Raises:
        ValueError: looks that are not increasing whole numbers from 2, an alpha outside (0, 1).
    """
    if not looks or any(isinstance(n, bool) or not isinstance(n, int) for n in looks):
        raise ValueError("looks must be whole numbers of seeds, at least one of them")
    if looks[0] < 2 or any(later <= earlier for earlier, later in pairwise(looks)):
        raise ValueError("looks must increase, the first being at least 2")
    _check_level(alpha)
    return alpha if len(looks) == 1 else _level(looks, alpha)


@lru_cache(maxsize=64)  # of looks that were checked: to a cache (5.0, 10) is (5, 10)
def _level(looks: tuple[int, ...], alpha: float) -> float:
    # Bonferroni from below, one look from above; the excess is smooth and nearly linear in log level.
    return _root(lambda level: _overall(looks, level) - alpha, alpha / len(looks), alpha)


def _root(f: Callable[[float], float], low: float, high: float) -> float:
    """Illinois regula falsi on the logarithm: f(low) <= 0 <= f(high)."""
    a, b = math.log(low), math.log(high)
    fa, fb = f(low), f(high)
    side = 0
    for _ in range(60):
        if abs(b - a) < 1e-9 or fa == fb:
            break
        middle = (a * fb - b * fa) / (fb - fa)
        value = f(math.exp(middle))
        if abs(value) < 1e-9:
            return math.exp(middle)
        if value < 0:
            a, fa = middle, value
            fb = fb / 2 if side < 0 else fb
            side = -1
        else:
            b, fb = middle, value
            fa = fa / 2 if side > 0 else fa
            side = 1
    return math.exp((a + b) / 2)


def _overall(looks: tuple[int, ...], level: float) -> float:
    """Chance that the t interval of this level excludes the true mean at one look or another.

    Under a true mean of zero let S and Q be the sum and the sum of squares of the first n values and
    u = S / √(nQ), so that t = u √(n-1) / √(1-u²). All the u so far are free of scale and hence independent of
    Q (Basu), which makes u a Markov chain: with m values grown by d to M = m + d,
        u' = √(m/M) u cos ψ + √(d/M) v sin ψ,
    cos²ψ ~ Beta(m/2, d/2) being the older values' share of Q, and v the u of the d new values. The chance of
    never leaving |u| < c is integrated backwards from the last look; being even in u, it is kept as a
    polynomial in u².
    """
    import numpy as np

    bounds = [_cosine_bound(n, level) for n in looks]
    stay: Any = None  # chance of staying inside at all later looks, as a function of u at this one
    for k in range(len(looks) - 2, -1, -1):
        stay = _chance_of_staying(looks[k], bounds[k], looks[k + 1], bounds[k + 1], stay)
    angle, weight = _rule(0.0, math.asin(bounds[0]))
    # u = sin θ has density ∝ cos^(n-2) θ; half of it, as the integrand is even.
    density = np.exp((looks[0] - 2) * np.log(np.cos(angle)) - _log_beta(0.5, (looks[0] - 1) / 2)) * 2
    return 1.0 - float(np.sum(weight * density * stay(np.sin(angle))))


def _chance_of_staying(m: int, bound: float, total: int, next_bound: float, after: Any) -> Any:
    """The function u ↦ chance of |u'| < next_bound and of staying from there (`after`), for |u| < bound."""
    import numpy as np
    from numpy.polynomial import chebyshev

    d = total - m
    nodes = (1 + np.cos(np.pi * (np.arange(_TERMS) + 0.5) / _TERMS)) / 2  # of u², as a share of bound²
    older = math.sqrt(m / total) * bound * np.sqrt(nodes)[:, None]
    newer = math.sqrt(d / total)
    if d == 1:  # v = ±1: the new value alone, by its sign
        chance = _one_more(m, older, newer, next_bound, after)
    else:
        psi, weight = _share_rule(m, d)
        centre, reach = older * np.cos(psi), newer * np.sin(psi)
        low = np.arcsin(np.clip((-next_bound - centre) / reach, -1, 1))
        high = np.arcsin(np.clip((next_bound - centre) / reach, -1, 1))
        # v = sin φ with density ∝ cos^(d-2) φ, negligible beyond nine standard deviations.
        edge = 9 / math.sqrt(d)
        low, high = np.clip(low, -edge, edge), np.clip(high, -edge, edge)
        phi, part = _rule(low, high)
        density = np.exp((d - 2) * np.log(np.cos(phi)) - _log_beta(0.5, (d - 1) / 2))
        landed = centre[..., None] + reach[..., None] * np.sin(phi)
        inside = density if after is None else density * after(landed)
        chance = np.sum(weight * np.sum(part * inside, axis=-1), axis=-1)
    terms = chebyshev.chebfit(2 * nodes - 1, chance, _TERMS - 1)
    return lambda u: chebyshev.chebval(2 * (u / bound) ** 2 - 1, terms)


def _one_more(m: int, older: Any, newer: float, next_bound: float, after: Any) -> Any:
    """The same chance for one new value: u' = older cos ψ ± newer sin ψ is inside on intervals of ψ."""
    import numpy as np

    total = 0.0
    norm = _log_beta(m / 2, 0.5)
    for sign in (1.0, -1.0):
        size = np.hypot(older, newer)
        shift = np.arctan2(sign * newer, older)
        # u' = size · cos(ψ - shift): |u'| < bound where ψ - shift (mod π) is within an arc about π/2.
        arc = np.arccos(np.clip(next_bound / size, -1, 1))
        for turn in (-np.pi, 0.0):
            start = np.clip(shift + turn + arc, 0, np.pi / 2)
            stop = np.clip(shift + turn + np.pi - arc, 0, np.pi / 2)
            psi, weight = _rule(start, stop)
            density = 2 * np.exp((m - 1) * np.log(np.cos(psi)) - norm)
            value = size[..., None] * np.cos(psi - shift[..., None])
            total = total + np.sum(weight * density * (1.0 if after is None else after(value)), axis=-1)[:, 0]
    return total / 2


def _share_rule(m: int, d: int) -> tuple[Any, Any]:
    """Nodes ψ and weights for cos²ψ ~ Beta(m/2, d/2): nine standard deviations about the mean angle."""
    import numpy as np

    mean, reach = math.atan(math.sqrt(d / m)), 9 / math.sqrt(2 * (m + d))
    psi, weight = _rule(max(0.0, mean - reach), min(math.pi / 2, mean + reach))
    logs = (m - 1) * np.log(np.cos(psi)) + (d - 1) * np.log(np.sin(psi)) - _log_beta(m / 2, d / 2)
    return psi, weight * 2 * np.exp(logs)


def _rule(low: Any, high: Any) -> tuple[Any, Any]:
    """Gauss-Legendre nodes and weights on [low, high], in a new last axis."""
    import numpy as np

    nodes, weights = _legendre()
    low, high = np.asarray(low, dtype=float)[..., None], np.asarray(high, dtype=float)[..., None]
    half = (high - low) / 2
    return (low + half) + half * nodes, half * weights


@lru_cache(maxsize=1)
def _legendre() -> tuple[Any, Any]:
    import numpy as np

    return np.polynomial.legendre.leggauss(_NODES)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _cosine_bound(n: int, level: float) -> float:
    """|u| at which |t| reaches its critical value."""
    t = critical_t(n - 1, level)
    return t / math.sqrt(n - 1 + t * t)


@lru_cache(maxsize=4096)
def critical_t(freedom: float, level: float) -> float:
    """Two-sided critical value of Student's t."""
    from scipy.special import stdtrit  # not scipy.stats, whose import alone takes half a second

    return float(-stdtrit(freedom, level / 2))


def _half_width(spread: float, n: int, level: float) -> float:
    _check_level(level)
    return critical_t(n - 1, level) * spread / math.sqrt(n)


def _check_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise ValueError(f"a level lies between 0 and 1, not at {level}")
