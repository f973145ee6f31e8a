"""How evenly splits divide classes: by the law of drawing without replacement, and for broken splits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgebench.data.raw import Labels
from edgebench.measure.properties import class_balance
from edgebench.measure.properties.tally import Tally


def _outside(most: int) -> float:
    """Probability that a class of 500 gives more or less than 400 ± most of 40,000 out of 50,000 (hypergeometric)."""
    whole = math.comb(50_000, 40_000)
    inside = sum(math.comb(500, k) * math.comb(49_500, 40_000 - k) for k in range(400 - most, 400 + most + 1))
    return 1 - inside * 10**18 // whole / 10**18


def test_random_splits_leave_the_band_as_often_as_their_law_says() -> None:
    tally = class_balance.check_random(1000, 0)
    # Classes are nearly independent.
    expected = 1 - (1 - _outside(32)) ** 100
    spread = 4 * math.sqrt(expected * (1 - expected) / 1000)
    assert tally.cases == 1000
    assert tally.violations / 1000 == pytest.approx(expected, abs=spread)
    assert 0 < tally.violations < 60


def test_stratified_splits_are_exact() -> None:
    assert class_balance.check_stratified(5, 3) == Tally(5, 0, 0.0)


def test_the_seed_alone_decides() -> None:
    first, second = class_balance.check_random(20, 1), class_balance.check_random(20, 2)
    assert first == class_balance.check_random(20, 1)
    assert first != second


def _first(labels: Labels, seed: int) -> Labels:
    return np.argsort(labels, kind="stable")[: len(labels) * 4 // 5]


def _twice(labels: Labels, seed: int) -> Labels:
    return np.tile(class_balance._stratified(labels, seed)[:20_000], 2)


def _few(labels: Labels, seed: int) -> Labels:
    return class_balance._stratified(labels, seed)[:-1]


@pytest.mark.parametrize("broken", [_first, _twice, _few])
def test_a_broken_split_is_found(broken: class_balance.Draw) -> None:
    assert class_balance._tally(broken, 3, 0, 0.08).violations == 3
