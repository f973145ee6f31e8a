"""Coverage and power of looks, against what is known of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy import stats

from edgebench.judge.audit.noise import normal, rounded
from edgebench.judge.audit.simulation import MARGINS, SHIFTS, miss_rate, planted_margins, simulate
from tests.judge.audit.fixtures import audited, noise, trained

EFFECT = '{value: plain.top1 - slow.top1, expect: "> 1", margin: 0.5}'


@pytest.mark.parametrize("looks", [(3,), (5, 10), (5, 10, 20)])
def test_normal_noise_is_covered_in_95_percent(looks: tuple[int, ...]) -> None:
    assert miss_rate(normal, looks, 40_000) == pytest.approx(5.0, abs=0.35)


def test_coarse_rounding_is_not_covered_by_three_seeds() -> None:
    """Three seeds that agree by rounding look certain: the judge's known weakness, which the audit has to show."""
    assert miss_rate(rounded([1.0]), (3,), 20_000) > 8
    assert miss_rate(rounded([1.0]), (5,), 20_000) < 5.6


def test_the_power_of_one_look_is_that_of_students_test(tmp_path: Path) -> None:
    found = simulate(audited(trained(tmp_path, EFFECT), {"gain": noise(5, 1, mean=2)}), 2000)
    (power,) = found.power
    critical = stats.t.ppf(0.975, 4)
    for shift, rate in zip(SHIFTS, power.by_shift, strict=True):
        assert rate == pytest.approx(100 * stats.nct.sf(critical, 4, shift * 5**0.5), abs=2.5)
    assert found.disagreements == 0


def test_what_is_rounded_more_coarsely_than_its_looks_bear_is_named(tmp_path: Path) -> None:
    claim = trained(tmp_path, EFFECT, "[3]")
    (coverage,) = simulate(audited(claim, {"gain": (0.4, 0.0, 0.4)}), 20_000).coverage
    assert coverage.coarse == ("demo/claim::gain at smoke",)
    assert 0.1 < coverage.coarsest < 1
    assert {missed.noise for missed in coverage.missed} == {"normal", "rounded"}
    assert [missed.above for missed in coverage.missed] == [False, True]


def test_shifts_in_margins_are_planted_into_the_seeds_themselves(tmp_path: Path) -> None:
    claim = trained(tmp_path, EFFECT)
    (still,) = audited(claim, {"gain": [3 + 1e-3 * each for each in noise(5, 1)]})
    assert planted_margins(still) == (100.0,) * len(MARGINS), "every shift is far beyond the noise"
    (loud,) = audited(claim, {"gain": [3 + 1e3 * each for each in noise(5, 1)]})
    found = planted_margins(loud)
    assert found is not None
    assert max(found) < 10
    (below,) = audited(
        trained(tmp_path, EFFECT.replace("> 1", "< 1")), {"gain": [3 + 1e-3 * each for each in noise(5, 1)]}
    )
    assert planted_margins(below) == (100.0,) * len(MARGINS)
    (without,) = audited(trained(tmp_path, EFFECT.replace("margin: 0.5", "margin: 0")), {"gain": noise(5, 1)})
    assert planted_margins(without) is None
