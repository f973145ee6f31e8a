from __future__ import annotations

import math
import random
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebench.errors import ExpressionError, SettingsError
from edgebench.judge.expectation import Expectation, parse_expectation
from edgebench.judge.forecast import Forecast, decisions, forecast
from edgebench.judge.statistics import mean_and_spread, paired_interval, pocock_level
from edgebench.judge.verdict import Outcome, Pending, Verdict, judge_seeds

LOOKS = (5, 10, 20)
NOISY = (0.67, 0.28, 0.44, -0.92, 1.71, -1.17, -1.81, 1.43, 4.74, -0.02)
ABOVE = parse_expectation("> 0")


def known(values: tuple[float, ...], elsewhere: tuple[float, ...] = (), margin: float = 0.3) -> Forecast:
    found = forecast(values, elsewhere, ABOVE, margin, LOOKS)
    assert found is not None
    return found


def continued(source: random.Random, values: tuple[float, ...], n: int) -> tuple[float, float]:
    """A draw of (μ, σ) from the posterior, by the sum of squared normals, not by numpy's χ²."""
    mean, spread = mean_and_spread(values)
    chi2 = sum(source.gauss(0, 1) ** 2 for _ in range(n - 1))
    sigma = spread * math.sqrt((n - 1) / chi2)
    return source.gauss(mean, sigma / math.sqrt(n)), sigma


@pytest.mark.parametrize(
    ("expect", "margin"), [("> 0", 0.3), ("< 1.5", 0.2), ("~ 0.5 ± 1.2", 0.0)], ids=["above", "below", "band"]
)
@pytest.mark.parametrize("k", [0, 3, 7])
def test_against_brute_force(k: int, expect: str, margin: float) -> None:
    """The same simulation draw by draw, judged by `judge_seeds` itself."""
    expectation, source, draws = parse_expectation(expect), random.Random(k), 3000
    observed, elsewhere = NOISY[:k], NOISY[7:] if k else NOISY
    everything = (*observed, *elsewhere)
    count = dict.fromkeys(Outcome, 0)
    seeds, by_first = 0, 0
    for _ in range(draws):
        mu, sigma = continued(source, everything, len(everything))
        values = (*observed, *(source.gauss(mu, sigma) for _ in range(20 - k)))
        verdict = judge_seeds(values, expectation, margin, LOOKS)
        assert isinstance(verdict, Verdict)
        count[verdict.outcome] += 1
        seeds += verdict.n
        by_first += verdict.n <= 10
    found = forecast(observed, elsewhere, expectation, margin, LOOKS, draws=20_000)
    assert found is not None
    near = 4 * 0.5 / math.sqrt(draws)
    assert found.reproduced == pytest.approx(count[Outcome.reproduced] / draws, abs=near)
    assert found.contradicted == pytest.approx(count[Outcome.contradicted] / draws, abs=near)
    assert found.inconclusive == pytest.approx(count[Outcome.inconclusive] / draws, abs=near)
    assert found.decided[1] == pytest.approx(by_first / draws, abs=near)
    assert found.seeds == pytest.approx(seeds / draws, abs=15 * near)


def test_calibrated_when_the_truth_is_drawn_from_the_prior() -> None:
    """What is forecast with p happens in a share p of the cases, where p is small and where it is large.

    Values from elsewhere turn the flat prior into a proper one, from which truths can be drawn.
    """
    source, elsewhere = random.Random(5), (0.1, 0.9, 0.6, -0.2)
    foreseen, happened = [], []
    for _ in range(1200):
        mu, sigma = continued(source, elsewhere, len(elsewhere))
        values = [source.gauss(mu, sigma) for _ in range(20)]
        made = forecast(values[:4], elsewhere, ABOVE, 0.2, LOOKS, draws=400)
        verdict = judge_seeds(values, ABOVE, 0.2, LOOKS)
        assert made is not None
        assert isinstance(verdict, Verdict)
        foreseen.append((made.reproduced, made.contradicted, made.inconclusive))
        happened.append([verdict.outcome is each for each in list(Outcome)[:3]])
    p, y = np.array(foreseen).ravel(), np.array(happened, float).ravel()
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.01)):
        group = (p >= low) & (p < high)
        assert group.sum() > 50
        error = math.sqrt(max(p[group].mean() * (1 - p[group].mean()), 0.01) / group.sum())
        assert abs(p[group].mean() - y[group].mean()) < 4 * error
    means = np.array(foreseen).mean(0) - np.array(happened, float).mean(0)
    assert np.abs(means).max() < 4 * 0.5 / math.sqrt(1200)


@given(
    st.floats(-5, 5),
    st.floats(0, 4),
    st.sampled_from([parse_expectation(text) for text in ("> 0.5", "< -0.25", "~ 1 ± 0.7")]),
    st.floats(0, 2),
)
def test_the_rule_is_that_of_the_verdict(
    middle: float, spread: float, expectation: Expectation, margin: float
) -> None:
    values = [middle + spread * each for each in (-1.3, 0.2, 0.4, -0.5, 1.2)]
    margin = 0.0 if expectation.band else margin
    verdict = judge_seeds(values, expectation, margin, (5,))
    assert isinstance(verdict, Verdict)
    interval = paired_interval(values, pocock_level((5,)))
    low, high = np.array([interval.low]), np.array([interval.high])
    edges = [expectation.target + side * (expectation.band or margin) for side in (-1, 1)]
    if min(abs(end - edge) for end in (interval.low, interval.high) for edge in edges) < 1e-9:
        return  # there, only the verdict allows for rounding
    yes, no = decisions(low, high, expectation, margin)
    assert (bool(yes[0]), bool(no[0])) == (
        verdict.outcome is Outcome.reproduced,
        verdict.outcome is Outcome.contradicted,
    )


@settings(max_examples=50)
@given(st.lists(st.floats(-3, 3).map(lambda x: round(x, 3)), min_size=2, max_size=20), st.floats(0, 1))
def test_facts_and_probabilities(values: list[float], margin: float) -> None:
    verdict = judge_seeds(values, ABOVE, margin, LOOKS)
    found = forecast(values, (), ABOVE, margin, LOOKS)
    if found is None:
        assert isinstance(verdict, Pending)
        assert min(values) == max(values)
        return
    assert found.reproduced + found.contradicted + found.inconclusive == pytest.approx(1)
    assert list(found.decided) == sorted(found.decided)
    assert found.decided[-1] == 1
    assert len(found.decided) == len(found.half_width) == len(LOOKS)
    if isinstance(verdict, Verdict):
        assert getattr(found, verdict.outcome) == 1
        assert found.seeds == verdict.n
        assert found.decided == tuple(float(look >= verdict.n) for look in LOOKS)
    else:
        assert verdict.next_look <= found.seeds <= LOOKS[-1] + 1e-9
        assert all(each == 0 for look, each in zip(LOOKS, found.decided, strict=True) if look <= len(values))
    for look, width in zip(LOOKS, found.half_width, strict=True):
        if look <= len(values):  # no forecast, but what was seen
            interval = paired_interval(values[:look], pocock_level(LOOKS))
            assert 2 * width == pytest.approx(interval.high - interval.low, abs=1e-12)


def test_nothing_to_go_by() -> None:
    assert forecast((), (), ABOVE, 0.3, LOOKS) is None
    assert forecast((1.0,), (), ABOVE, 0.3, LOOKS) is None
    assert forecast((1.0,), (1.0, 1.0), ABOVE, 0.3, LOOKS) is None, "values that do not differ"
    assert forecast((1.0,), (1.1,), ABOVE, 0.3, LOOKS) is not None


def test_few_values_leave_much_open_and_more_of_them_less() -> None:
    found = known((1.0, 1.2), margin=0.3)
    assert 0.005 < found.contradicted < found.reproduced < 0.95
    assert 5 < found.seeds < 20
    more = known((1.0, 1.2, 0.9, 1.1), margin=0.3)
    assert more.reproduced > 0.95
    assert more.seeds < found.seeds
    # The baseline's 4 values and the 4 seen are as good as 8 of one kind where mean and spread are concerned.
    both = known((1.0, 1.2, 0.9, 1.1), (1.0, 1.2, 0.9, 1.1))
    assert both.reproduced > more.reproduced


def test_values_from_elsewhere_decide_nothing() -> None:
    """However clear they are: the verdict rests on the seeds of this store."""
    elsewhere = tuple(3 + 0.01 * each for each in range(20))
    found = known((), elsewhere)
    assert found.decided[0] > 0.99
    assert found.seeds >= 5
    assert known((-9.0, -9.1, -9.2, -9.0, -9.1), elsewhere).contradicted == 1


def test_the_same_twice() -> None:
    assert known(NOISY[:6]) == known(NOISY[:6])


def test_refused_as_the_verdict_refuses() -> None:
    with pytest.raises(ExpressionError):
        forecast((1.0, 2.0), (), parse_expectation("== 1"), 0.0, LOOKS)
    with pytest.raises(SettingsError):
        forecast((1.0, 2.0), (), ABOVE, 0.0, (5, 3))


def test_quick_enough_to_order_work_by() -> None:
    known(NOISY[:6])  # imports, and the level of these looks
    started = time.perf_counter()
    for _ in range(10):
        known(NOISY[:6])
    assert (time.perf_counter() - started) / 10 < 0.03


def test_importing_it_imports_neither_numpy_nor_torch() -> None:
    code = "import sys, edgebench.judge.forecast; print([n for n in ('numpy', 'scipy', 'torch') if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"
