"""A/A series: their mean is zero, their variance that of the seeds, and the judge decides on 5 % of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.judge.audit.splits import Rate, false_decisions, orders, recursive_residuals, splits
from tests.judge.audit.fixtures import audited, noise, trained

EFFECT = '{value: plain.top1 - slow.top1, expect: "> 0", margin: 0.5}'


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=8), st.floats(-50, 50))
def test_residuals_know_nothing_of_the_mean(values: list[float], shift: float) -> None:
    one = recursive_residuals(np.array([values]))
    other = recursive_residuals(np.array([values]) + shift)
    assert one == pytest.approx(other, abs=1e-9)
    # They are an orthonormal transform of the deviations: nothing of the variance is lost.
    assert (one**2).sum() == pytest.approx(((np.array(values) - np.mean(values)) ** 2).sum(), abs=1e-7)


def test_residuals_have_no_mean_over_the_orders_even_of_skewed_seeds() -> None:
    series = recursive_residuals(orders((0.0, 0.1, 0.3, 0.2, 9.0), 120))
    assert series.shape == (120, 4)
    assert series.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-12)
    assert series.var(axis=0) == pytest.approx(np.full(4, np.var([0.0, 0.1, 0.3, 0.2, 9.0], ddof=1)))
    assert np.corrcoef(series.T) == pytest.approx(np.eye(4), abs=1e-12)


def test_orders_are_all_or_as_many_as_asked_for() -> None:
    assert len(orders((1.0, 2.0, 3.0), 100)) == 6
    some = orders(tuple(range(10)), 100)
    assert some.shape == (100, 10)
    assert (np.sort(some, axis=1) == np.arange(10)).all()
    assert (some == orders(tuple(range(10)), 100)).all()


def test_the_rate_on_normal_noise_is_five_percent(tmp_path: Path) -> None:
    one_look = trained(tmp_path, EFFECT)
    two_looks = trained(tmp_path, EFFECT, "[5, 10]")
    subjects = [each for seed in range(150) for each in audited(one_look, {"gain": noise(5, seed, mean=3)})]
    subjects += [
        each for seed in range(150) for each in audited(two_looks, {"gain": noise(10, seed, mean=3)})
    ]
    found = splits(subjects)
    assert found is not None
    assert found.overall.rate == pytest.approx(5.0, abs=0.8)
    assert set(found.by_looks) == {(5,), (5, 10)}
    assert not any(rate.above for rate in found.by_looks.values())
    assert (found.constant, found.too_few, found.disagreements) == (0, 0, 0)
    assert found.halves is not None
    assert found.halves.effects == 150
    assert found.halves.rate < 1, "3 sd from 0 with a margin of 0.5, no half is turned"


@pytest.mark.parametrize("expect", ['"> 0", margin: 0.5', '"< 4"', "~ 3 ± 0.5"])
def test_every_form_of_expectation_is_judged_at_its_own_limit(tmp_path: Path, expect: str) -> None:
    claim = trained(tmp_path, f"{{value: plain.top1 - slow.top1, expect: {expect}}}")
    shares = [
        false_decisions(each, (5,))[0]
        for seed in range(100)
        for each in audited(claim, {"gain": noise(5, seed, mean=40)})
    ]
    # A band is decided on one of its sides alone where the intervals are wider than it is.
    assert 0.015 < sum(shares) / len(shares) < 0.06


def test_effects_without_noise_or_with_too_few_seeds_are_left_out(tmp_path: Path) -> None:
    subjects = audited(trained(tmp_path, EFFECT), {"gain": (1.0,) * 5})
    assert splits(subjects) is None
    subjects += audited(trained(tmp_path, EFFECT, "[2, 4]"), {"gain": noise(2, 1)})
    subjects += audited(trained(tmp_path, EFFECT), {"gain": noise(5, 1)})
    found = splits(subjects)
    assert found is not None
    assert (found.constant, found.too_few, found.overall.effects) == (1, 1, 1)
    assert (found.overall.low, found.overall.above, found.halves) == (None, False, None)


@pytest.mark.parametrize(
    ("rate", "low", "high", "above"),
    [
        (5.2, 4.8, 5.6, False),
        (5.6, 5.1, 6.1, True),
        (7.0, 4.0, 10.0, False),
        (9.0, 6.0, 12.0, True),
        (5.4, 5.3, 5.5, False),
        (20.0, None, None, False),
    ],
)
def test_a_rate_is_above_the_limit_for_certain_or_where_it_is_known_well(
    rate: float, low: float | None, high: float | None, above: bool
) -> None:
    assert Rate(rate, 9, 99, low, high).above is above
