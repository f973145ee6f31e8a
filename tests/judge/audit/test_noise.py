"""Tails and steps of stored noise are found again in noise that has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from edgebench.judge.audit.noise import common_step, heavy, normal, rounded, steps, tails
from edgebench.judge.audit.subject import Subject
from tests.judge.audit.fixtures import audited, noise, trained

EFFECT = '{value: plain.top1 - slow.top1, expect: "> 0"}'


def effects(tmp_path: Path, series: Sequence[Sequence[float]]) -> list[Subject]:
    claim = trained(tmp_path, EFFECT, f"[{len(series[0])}]")
    return [each for values in series for each in audited(claim, {"gain": values})]


def drawn(freedom: int, count: int = 200) -> list[list[float]]:
    found: list[list[float]] = np.random.default_rng(1).standard_t(freedom, (count, 10)).tolist()
    return found


def test_normal_noise_has_hardly_any_tails(tmp_path: Path) -> None:
    found = tails(effects(tmp_path, [noise(10, seed) for seed in range(200)]))
    assert found is not None
    assert abs(found.excess) < 3 * found.error
    assert found.freedom >= 8
    assert found.effects == 200


def test_heavy_tails_are_found(tmp_path: Path) -> None:
    found = tails(effects(tmp_path, drawn(3)))
    assert found is not None
    assert found.excess > 5 * found.error
    assert found.freedom in (3, 4)


def test_few_seeds_say_nothing_of_tails(tmp_path: Path) -> None:
    assert tails(effects(tmp_path, [noise(3, seed) for seed in range(20)])) is None
    assert tails(effects(tmp_path, [(1.0,) * 5] * 20)) is None


@pytest.mark.parametrize(
    ("differences", "step"),
    [
        ([0.4, 1.2, 0.8], 0.4),
        ([1.2, 0.8], 0.4),
        ([0.336700337, 1.01010101, 0.673400674], 0.3367),
        ([2.0], 2.0),
        ([1.0, 2**0.5, 3**0.5], 0.0),
    ],
)
def test_the_step_is_the_common_divisor(differences: list[float], step: float) -> None:
    assert common_step(differences) == pytest.approx(step, rel=1e-4)


def test_steps_are_of_the_effects_that_share_a_unit_and_in_standard_deviations(tmp_path: Path) -> None:
    # Of the first alone the step would be 0.6.
    found = steps(effects(tmp_path, [(0.0, 0.6, 0.6, 0.0, 0.6), (0.0, 0.2, 0.4, 0.8, 1.0), (1.0,) * 5]))
    assert [size for _, size in found] == pytest.approx(
        [0.2 / np.std([0, 0.6, 0.6, 0, 0.6], ddof=1), 0.2 / np.std([0, 0.2, 0.4, 0.8, 1.0], ddof=1)]
    )


def test_simulated_noise_is_as_asked_for_and_has_no_mean() -> None:
    random, shape = np.random.default_rng(2), (20_000, 5)
    assert normal(random, shape).std() == pytest.approx(1, abs=0.02)
    assert abs(heavy(5)(random, shape).mean()) < 0.02
    values = rounded([0.5])(random, shape)
    assert abs(values.mean()) < 0.02
    assert values.std() == pytest.approx((1 + 0.5**2 / 12) ** 0.5, abs=0.02)
    differences = (values[:, 1:] - values[:, :1]) / 0.5
    assert differences == pytest.approx(differences.round(), abs=1e-9)
    assert rounded([0.0])(random, shape).std() == pytest.approx(1, abs=0.02)
