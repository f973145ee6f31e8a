from __future__ import annotations

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edgebench.errors import ExpressionError, SettingsError
from edgebench.judge.expectation import Expectation, Relation, parse_expectation
from edgebench.judge.statistics import pocock_level
from edgebench.judge.verdict import (
    Outcome,
    Pending,
    Subtype,
    Verdict,
    invalid_verdict,
    judge_exact,
    judge_seeds,
)

LOOKS = (3, 5, 8)
samples = st.lists(st.floats(-4, 4), min_size=8, max_size=8)
margins = st.floats(0, 3)
directions = st.sampled_from([Expectation(">", 0.5), Expectation("<", -0.25), Expectation(">", 0.0)])
bands = st.builds(Expectation, st.just("~"), st.floats(-2, 2), st.floats(0.1, 3))


def around(mean: float, spread: float, n: int = 20) -> list[float]:
    """Values of which every even prefix has this mean."""
    return [mean + spread * (1 if index % 2 else -1) for index in range(n)]


def judged(values: list[float], text: str, margin: float, looks: tuple[int, ...] = (4, 10, 20)) -> Verdict:
    verdict = judge_seeds(values, parse_expectation(text), margin, looks)
    assert isinstance(verdict, Verdict)
    return verdict


@pytest.mark.parametrize(
    ("text", "mean", "spread", "outcome", "subtype"),
    [
        ("> 0", 2.0, 0.1, "reproduced", None),
        ("> 0", 0.1, 0.05, "contradicted", "negligible"),
        ("> 0", -0.1, 0.05, "contradicted", "negligible"),
        ("> 0", -2.0, 0.1, "contradicted", "reversed"),
        ("> 0", -1.1, 2.0, "contradicted", "unsupported"),
        ("> 0", 0.9, 1.0, "inconclusive", "underpowered"),
        ("> 0", 0.6, 1.0, "inconclusive", "borderline"),  # some 550 seeds: more than ten times the last look
        ("< 0", -2.0, 0.1, "reproduced", None),
        ("< 0", 2.0, 0.1, "contradicted", "reversed"),
        ("> 10", 12.0, 0.1, "reproduced", None),
        ("> 10", 9.9, 0.1, "contradicted", "negligible"),
        ("~ 1 ± 1", 1.2, 0.1, "reproduced", None),
        ("~ 1 ± 1", 3.0, 0.1, "contradicted", "above"),
        ("~ 1 ± 1", -1.0, 0.1, "contradicted", "below"),
        ("~ 1 ± 1", 1.7, 0.8, "inconclusive", "underpowered"),
        ("~ 1 ± 1", 2.01, 0.8, "inconclusive", "borderline"),
    ],
)
def test_every_outcome_and_subtype(
    text: str, mean: float, spread: float, outcome: str, subtype: str | None
) -> None:
    verdict = judged(around(mean, spread), text, 0.0 if "~" in text else 0.5)
    assert (verdict.outcome, verdict.subtype) == (outcome, subtype)
    assert verdict.value is not None
    assert verdict.value == pytest.approx(mean)
    assert verdict.low is not None
    assert verdict.high is not None
    assert verdict.low < verdict.value < verdict.high  # raw unit and sign, whatever the relation
    assert verdict.level == pocock_level((4, 10, 20))
    assert verdict.values == tuple(around(mean, spread)[: verdict.n])
    assert text in verdict.reason
    assert (verdict.seeds_needed is not None) == (subtype == "underpowered")


def test_underpowered_says_how_many_seeds() -> None:
    verdict = judged(around(0.9, 1.0), "> 0", 0.5)
    assert verdict.seeds_needed is not None
    assert 20 < verdict.seeds_needed <= 200
    assert f"about {verdict.seeds_needed} seeds" in verdict.reason
    # And so many do decide, at the same level.
    more = around(0.9, 1.0, 2 * math.ceil(verdict.seeds_needed / 2))
    assert judged(more, "> 0", 0.5, (len(more),)).outcome is Outcome.reproduced


def test_looks_only_at_the_declared_numbers() -> None:
    expectation = parse_expectation("> 0")
    wide = around(1.0, 0.9)
    assert judge_seeds([], expectation, 0, (4, 10)) == Pending(4)
    assert judge_seeds(wide[:3], expectation, 0, (4, 10)) == Pending(4)
    for n in range(4, 10):
        assert judge_seeds(wide[:n], expectation, 0, (4, 10)) == Pending(10)
    verdict = judge_seeds(wide[:10], expectation, 0, (4, 10))
    assert isinstance(verdict, Verdict)
    assert (verdict.outcome, verdict.n) == (Outcome.reproduced, 10)
    early = judge_seeds(around(5.0, 0.1, 4), expectation, 0, (4, 10))
    assert isinstance(early, Verdict)
    assert early.n == 4


@given(samples, st.lists(st.floats(-100, 100), max_size=20), st.one_of(directions, bands), margins)
def test_values_beyond_the_deciding_look_change_nothing(
    values: list[float], extra: list[float], expectation: Expectation, margin: float
) -> None:
    margin = 0.0 if expectation.relation == "~" else margin
    verdict = judge_seeds(values, expectation, margin, LOOKS)
    assert isinstance(verdict, Verdict)
    assert judge_seeds(values[: verdict.n] + extra, expectation, margin, LOOKS) == verdict
    assert judge_seeds(values + extra, expectation, margin, LOOKS) == verdict
    assert judge_seeds([*values[: verdict.n], *[math.nan] * 9], expectation, margin, LOOKS) == verdict


MIRRORED = {Subtype.above: Subtype.below, Subtype.below: Subtype.above}


@given(samples, st.one_of(directions, bands), margins)
def test_the_sign_of_an_effect_is_a_convention(
    values: list[float], expectation: Expectation, margin: float
) -> None:
    relations: dict[Relation, Relation] = {">": "<", "<": ">", "~": "~"}
    relation = relations[expectation.relation]
    mirror = replace(expectation, relation=relation, target=-expectation.target)
    margin = 0.0 if relation == "~" else margin
    one = judge_seeds(values, expectation, margin, LOOKS)
    other = judge_seeds([-value for value in values], mirror, margin, LOOKS)
    assert isinstance(one, Verdict)
    assert isinstance(other, Verdict)
    subtype = one.subtype and MIRRORED.get(one.subtype, one.subtype)
    assert (other.outcome, other.subtype, other.n) == (one.outcome, subtype, one.n)
    assert other.seeds_needed == one.seeds_needed
    assert one.low is not None
    assert other.high == -one.low
    exact, mirrored = judge_exact(values[0], expectation, margin), judge_exact(-values[0], mirror, margin)
    assert exact.outcome is mirrored.outcome


@given(samples, directions, margins, margins)
def test_a_larger_margin_never_helps_a_claim(
    values: list[float], expectation: Expectation, one: float, other: float
) -> None:
    rank = [Outcome.contradicted, Outcome.inconclusive, Outcome.reproduced]
    low, high = sorted([one, other])
    # At a single look: with several, another margin may stop at another look.
    small, large = (judge_seeds(values, expectation, margin, (8,)) for margin in (low, high))
    assert isinstance(small, Verdict)
    assert isinstance(large, Verdict)
    assert rank.index(large.outcome) <= rank.index(small.outcome)
    exact = [judge_exact(values[0], expectation, margin).outcome for margin in (low, high)]
    assert rank.index(exact[1]) <= rank.index(exact[0])


@given(samples, directions, margins, st.floats(-50, 50))
def test_moving_values_and_target_alike_changes_nothing_else(
    values: list[float], expectation: Expectation, margin: float, shift: float
) -> None:
    moved = [value + shift for value in values]
    here = judge_seeds(values, expectation, margin, LOOKS)
    there = judge_seeds(moved, replace(expectation, target=expectation.target + shift), margin, LOOKS)
    assert isinstance(here, Verdict)
    assert isinstance(there, Verdict)
    assert here.low is not None
    assert here.high is not None
    limits = [expectation.target + sign * margin for sign in (-1, 1)]
    assume(min(abs(end - limit) for end in (here.low, here.high) for limit in limits) > 1e-6)
    assume(here.n == there.n)
    assert there.outcome is here.outcome


def test_wrong_decisions_at_the_margin_stay_below_five_per_cent() -> None:
    """End to end through judge_seeds, the true mean being the margin; test_statistics has more runs."""
    values = np.random.default_rng(0).normal(0.3, 1.0, (6000, 20))
    expectation = parse_expectation("> 0")
    outcomes = [judge_seeds(row, expectation, 0.3, (5, 10, 20)) for row in values.tolist()]
    wrong = np.mean([isinstance(v, Verdict) and v.outcome is not Outcome.inconclusive for v in outcomes])
    assert 0.04 < wrong < 0.06  # 3.5 standard errors of 0.0028


@pytest.mark.parametrize(
    ("value", "text", "margin", "outcome", "subtype"),
    [
        (230592, "== 230592", 0, "reproduced", None),
        (230592 * (1 + 5e-13), "== 230592", 0, "reproduced", None),
        (230592 * (1 + 1e-11), "== 230592", 0, "contradicted", "above"),
        (230591, "== 230592", 0, "contradicted", "below"),
        (0.1 + 0.2, "== 0.3", 0, "reproduced", None),
        (0, "== 0", 0, "reproduced", None),
        (1e-15, "== 0", 0, "contradicted", "above"),
        (46.4, "~ 46.3 ± 0.1", 0, "reproduced", None),
        (46.41, "~ 46.3 ± 0.1", 0, "contradicted", "above"),
        (46.19, "~ 46.3 ± 0.1", 0, "contradicted", "below"),
        (0.31, "> 0", 0.3, "reproduced", None),
        (0.3, "> 0", 0.3, "contradicted", "negligible"),
        (0.1 + 0.2, "> 0", 0.3, "contradicted", "negligible"),
        (-0.3, "> 0", 0.3, "contradicted", "negligible"),
        (-0.31, "> 0", 0.3, "contradicted", "reversed"),
        (-0.31, "< 0", 0.3, "reproduced", None),
        (0.0, "> 0", 0, "contradicted", "negligible"),
        (-1e-9, "> 0", 0, "contradicted", "reversed"),
    ],
)
def test_exact(value: float, text: str, margin: float, outcome: str, subtype: str | None) -> None:
    verdict = judge_exact(value, parse_expectation(text), margin)
    assert (verdict.outcome, verdict.subtype) == (outcome, subtype)
    assert (verdict.value, verdict.values, verdict.n) == (value, (value,), 1)
    assert (verdict.low, verdict.high, verdict.level) == (None, None, None)


def test_seeds_that_all_agree() -> None:
    assert judged([0.7] * 20, "> 0", 0.3).outcome is Outcome.reproduced
    assert judged([0.1] * 20, "> 0", 0.1).outcome is Outcome.inconclusive  # on the margin, and not past it
    assert judged([0.1 + 0.2] * 20, "> 0", 0.3).subtype is Subtype.borderline
    same = judged([0.0] * 20, "> 0", 0.0)
    assert same.subtype is Subtype.borderline
    assert "check that the arms differ" in same.reason


def test_equality_of_stochastic_effects_is_refused() -> None:
    with pytest.raises(ExpressionError, match="varies from seed to seed"):
        judge_seeds([1.0, 2.0], parse_expectation("== 1"), 0, (2,))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(ExpressionError, match="seed 1 is"):
        judge_seeds([1.0, value, 1.0], parse_expectation("> 0"), 0, (3,))
    with pytest.raises(ExpressionError, match="finite"):
        judge_exact(value, parse_expectation("> 0"))
    with pytest.raises(ExpressionError, match="too large"):
        judge_seeds([-1e308, 1e308], parse_expectation("> 0"), 0, (2,))


@pytest.mark.parametrize("margin", [math.nan, math.inf, -0.1])
def test_impossible_margins(margin: float) -> None:
    with pytest.raises(SettingsError, match="the margin is"):
        judge_seeds([1.0] * 3, parse_expectation("> 0"), margin, (3,))
    with pytest.raises(SettingsError, match="the margin is"):
        judge_exact(1.0, parse_expectation("> 0"), margin)


@pytest.mark.parametrize("text", ["~ 1 ± 0.5", "== 1"])
def test_a_band_takes_no_margin(text: str) -> None:
    with pytest.raises(SettingsError, match="margin"):
        judge_exact(1.0, parse_expectation(text), 0.1)


@pytest.mark.parametrize("looks", [(), (1,), (5, 3), (3, 3)])
def test_impossible_looks(looks: tuple[int, ...]) -> None:
    with pytest.raises(SettingsError, match="cannot be used"):
        judge_seeds([1.0] * 9, parse_expectation("> 0"), 0, looks)


def test_invalid_verdicts_keep_the_values_but_no_mean() -> None:
    void = invalid_verdict("plain reaches 11 % of top1, its floor is 20 %", (11.0, 10.5))
    assert (void.outcome, void.values, void.value, void.n) == (Outcome.invalid, (11.0, 10.5), None, 2)


def test_verdicts_travel_between_processes() -> None:
    verdict = judged(around(2.0, 0.1), "> 0", 0.5)
    assert pickle.loads(pickle.dumps(verdict)) == verdict
