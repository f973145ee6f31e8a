"""Simulations use fixed seeds; every bound is some Monte-Carlo standard errors wide of the nominal rate."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from edgebench.judge.statistics import (
    mean_and_spread,
    paired_interval,
    pocock_level,
    prediction_half_width,
    seeds_needed,
)

REPLICATIONS = 400_000  # standard error of a rate of 5 %: 0.034 points
LOOKS = [(5, 10, 20), (3, 5), (5, 10), (3, 5, 10), (2, 3, 4)]


def half_widths(values: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    n = values.shape[1]
    return values.mean(1), stats.t.isf(level / 2, n - 1) * values.std(1, ddof=1) / math.sqrt(n)


def decision_rate(looks: tuple[int, ...], level: float, mean: float, seed: int) -> float:
    """How often the interval at one of the looks excludes 0, for normal values of unit variance."""
    values = np.random.default_rng(seed).standard_normal((REPLICATIONS, looks[-1])) + mean
    decided = np.zeros(REPLICATIONS, dtype=bool)
    for look in looks:
        means, halves = half_widths(values[:, :look], level)
        decided |= np.abs(means) > halves
    return float(decided.mean())


def known_variance_level(looks: tuple[int, ...], alpha: float = 0.05) -> float:
    """Pocock's level by multivariate normal probabilities: another method, right for many seeds only."""
    n = np.array(looks)
    normal = stats.multivariate_normal(cov=np.sqrt(np.minimum.outer(n, n) / np.maximum.outer(n, n)))
    normal.abseps = normal.releps = 1e-7

    def excess(z: float) -> float:
        limits = np.full(len(n), z)
        return float(1 - normal.cdf(limits, lower_limit=-limits, rng=0) - alpha)

    return float(2 * stats.norm.sf(optimize.brentq(excess, 1.9, 3.0, xtol=1e-6)))


@pytest.mark.parametrize("n", [5, 10, 20])
def test_interval_covers_as_often_as_it_says(n: int) -> None:
    values = np.random.default_rng(n).normal(3.0, 2.0, (REPLICATIONS, n))
    means, halves = half_widths(values, 0.05)
    assert 0.948 < np.mean(np.abs(means - 3.0) <= halves) < 0.952
    for row in range(20):  # the function under test is the vectorised formula
        interval = paired_interval(values[row].tolist(), 0.05)
        assert interval.mean == pytest.approx(means[row])
        assert interval.high - interval.mean == pytest.approx(halves[row])
        assert interval.mean - interval.low == pytest.approx(halves[row])


@pytest.mark.parametrize("looks", LOOKS)
def test_all_looks_together_decide_wrongly_in_five_per_cent(looks: tuple[int, ...]) -> None:
    assert decision_rate(looks, pocock_level(looks), 0.0, seed=1) == pytest.approx(0.05, abs=0.0016)


def test_known_variance_levels_are_too_generous_for_few_seeds() -> None:
    """Why the level is integrated for t statistics: this is what the textbook constants give."""
    assert decision_rate((3, 5, 10), known_variance_level((3, 5, 10)), 0.0, seed=2) > 0.0545


@pytest.mark.parametrize("shares", [(5, 10, 20), (3, 5), (1, 2, 3)])
def test_levels_tend_to_the_known_variance_ones(shares: tuple[int, ...]) -> None:
    many = tuple(400 * share for share in shares)
    assert pocock_level(many) == pytest.approx(known_variance_level(many), rel=0.004)


def test_levels() -> None:
    assert pocock_level((5, 10, 20)) == pytest.approx(0.01955, abs=1e-5)
    assert pocock_level((3, 5)) == pytest.approx(0.0281, abs=1e-4)
    assert pocock_level((7,)) == 0.05
    assert pocock_level((7,), 0.01) == 0.01
    # Pocock 1977, table 1: five equally spaced looks at known variance have the level 0.0158.
    assert pocock_level((1000, 2000, 3000, 4000, 5000)) == pytest.approx(0.0158, abs=5e-5)
    assert pocock_level((5, 10), 0.01) < pocock_level((5, 10))


@given(st.lists(st.integers(2, 60), min_size=2, max_size=4, unique=True).map(lambda n: tuple(sorted(n))))
def test_levels_lie_between_bonferroni_and_one_look(looks: tuple[int, ...]) -> None:
    assert 0.05 / len(looks) < pocock_level(looks) < 0.05
    assert pocock_level(looks) < pocock_level(looks[:-1]) + 1e-9


@pytest.mark.parametrize("looks", [(), (1, 2), (5, 5), (10, 5), (5.0, 10), (True, 5), (0,)])
def test_impossible_looks(looks: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="looks must"):
        pocock_level(looks)


def test_power() -> None:
    """A mean of one standard deviation is found by 20 seeds almost always, by 5 alone rarely."""
    level = pocock_level((5, 10, 20))
    assert decision_rate((5, 10, 20), level, 1.0, seed=3) > 0.95
    assert decision_rate((5,), level, 1.0, seed=3) < 0.35
    assert decision_rate((5, 10, 20), level, 0.2, seed=3) < 0.2


def test_prediction_half_width_covers_new_means() -> None:
    rng = np.random.default_rng(4)
    old, new = rng.standard_normal((2, REPLICATIONS, 5))
    halves = stats.t.isf(0.005, 4) * old.std(1, ddof=1) * math.sqrt(2 / 5)
    assert 0.989 < np.mean(np.abs(new.mean(1) - old.mean(1)) <= halves) < 0.991
    assert prediction_half_width(old[0].tolist()) == pytest.approx(halves[0])


def test_seeds_needed_is_the_first_number_that_clears() -> None:
    values = [0.2, 1.4, -0.3, 0.9, 0.8]
    mean, spread = mean_and_spread(values)
    assert [mean, spread] == pytest.approx([np.mean(values), np.std(values, ddof=1)])

    def clears(n: int) -> bool:
        return float(stats.t.isf(0.01, n - 1)) * spread / math.sqrt(n) < mean - 0.1

    needed = seeds_needed(values, 0.1, 0.02, 1000)
    assert needed == next(n for n in range(2, 1000) if clears(n))
    assert seeds_needed(values, 0.1, 0.02, needed) == needed
    assert seeds_needed(values, 0.1, 0.02, needed - 1) is None
    assert seeds_needed(values, mean, 0.02, 10**9) is None
    assert seeds_needed([1.0, 1.0], 0.5, 0.02, 100) == 2
    assert seeds_needed([1.0, 1.0], 1.0, 0.02, 100) is None


@given(st.floats(-1e300, 1e300), st.integers(2, 30))
def test_equal_values_have_no_width(value: float, n: int) -> None:
    interval = paired_interval([value] * n, 0.05)
    assert (interval.low, interval.mean, interval.high) == (value, value, value)
    assert prediction_half_width([value] * n) == 0


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20), st.floats(0.001, 0.5))
def test_interval_is_equivariant_under_negation(values: list[float], level: float) -> None:
    one, other = paired_interval(values, level), paired_interval([-value for value in values], level)
    assert (one.mean, one.low, one.high) == (-other.mean, -other.high, -other.low)
    assert one.low <= one.mean <= one.high


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.nan], [1.0, math.inf], [-math.inf, 1.0]])
def test_values_without_a_spread(values: list[float]) -> None:
    for function in (lambda: paired_interval(values, 0.05), lambda: prediction_half_width(values)):
        with pytest.raises(ValueError, match=r"at least two|finite"):
            function()


def test_huge_values_do_not_overflow_silently() -> None:
    assert math.isfinite(paired_interval([1e200, 2e200, 3e200], 0.05).high)
    with pytest.raises(ValueError, match="too large"):
        paired_interval([-1e308, 1e308], 0.05)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, math.nan])
def test_impossible_levels(level: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        paired_interval([1.0, 2.0], level)
    with pytest.raises(ValueError, match="between 0 and 1"):
        pocock_level((5, 10), level)


def test_importing_judge_imports_nothing_slow() -> None:
    code = (
        "import sys, edgebench.judge.baseline, edgebench.judge.statistics, edgebench.judge.verdict;"
        "print([name for name in ('torch', 'scipy', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
