"""Agreement of sign and size between a short and a longer schedule, against an independent implementation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from edgebench.judge.expectation import parse_expectation
from edgebench.judge.transfer import Agreement, change_interval, sign_agreement, size_agreement

VALUES = st.lists(st.floats(-100, 100), min_size=2, max_size=8)


@given(VALUES, VALUES, st.sampled_from([0.01, 0.05, 0.2]))
def test_the_change_has_welchs_interval(short: list[float], longer: list[float], level: float) -> None:
    low, high = change_interval(short, longer, level)
    assert low <= high
    if min(np.std(short), np.std(longer)) > 1e-6:
        expected = stats.ttest_ind(longer, short, equal_var=False).confidence_interval(1 - level)
        assert (low, high) == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-6)


def test_values_without_spread_have_an_interval_without_width() -> None:
    assert change_interval([1.0, 1.0], [3.5, 3.5, 3.5], 0.05) == (2.5, 2.5)


@pytest.mark.parametrize(
    ("short", "longer", "expect", "agreement"),
    [
        ((1.0, 2.0), (0.1, 5.0), "> 0", "agrees"),
        ((1.0, 2.0), (-5.0, -0.1), "> 0", "disagrees"),
        ((-2.0, -1.0), (-5.0, -0.1), "> 0", "agrees"),
        ((1.0, 2.0), (-0.1, 5.0), "> 0", "undecided"),
        ((-1.0, 2.0), (1.0, 5.0), "> 0", "undecided"),
        ((1.0, 2.0), (0.0, 5.0), "> 0", "undecided"),  # on its limit is on neither side
        ((61.0, 62.0), (70.0, 71.0), "> 60", "agrees"),
        ((61.0, 62.0), (58.0, 59.0), "< 60", "disagrees"),
        ((1.0, 2.0), (4.0, 5.0), "~ 3 ± 1", "agrees"),  # of a band, the sign is taken from 0
    ],
)
def test_signs(short: tuple[float, float], longer: tuple[float, float], expect: str, agreement: str) -> None:
    assert sign_agreement(short, longer, parse_expectation(expect)) == agreement


@pytest.mark.parametrize(
    ("shift", "margin", "expect", "agreement"),
    [
        (0.0, 0.0, "> 0", "agrees"),
        (1.9, 0.0, "> 0", "agrees"),  # less than half of 4
        (-1.9, 0.0, "< 0", "agrees"),
        (2.0, 0.0, "> 0", "undecided"),  # on the limit
        (2.1, 0.0, "> 0", "disagrees"),
        (-2.1, 0.0, "> 0", "disagrees"),
        (2.1, 3.0, "> 0", "agrees"),  # less than what is worth a name
        (0.6, 0.0, "> 3", "disagrees"),  # 4 is 1 above 3
    ],
)
def test_sizes(shift: float, margin: float, expect: str, agreement: str) -> None:
    short = [3.99, 4.0, 4.01]
    longer = [each + shift for each in short]
    assert size_agreement(short, longer, parse_expectation(expect), margin) == agreement


def test_noise_leaves_the_size_open() -> None:
    assert size_agreement([3.0, 5.0], [2.0, 6.0], parse_expectation("> 0"), 0.0) is Agreement.undecided


def test_equal_effects_are_said_to_disagree_in_size_about_as_rarely_as_the_level_says() -> None:
    generator, wrong = np.random.default_rng(7), 0
    for _ in range(2000):
        short, longer = (
            generator.normal(1.0, 0.5, 5),
            generator.normal(1.5, 1.0, 3),
        )  # at the limit of its band
        wrong += (
            size_agreement(list(short), list(longer), parse_expectation("> 0"), 0.5) is Agreement.disagrees
        )
    assert wrong / 2000 < 0.05
