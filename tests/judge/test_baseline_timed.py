"""Baselines of ratios of times: a wider tolerance, no value on another machine, and decisions that hold everywhere."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from edgebench.judge.baseline import TIMED_FLOOR, BaselineEffect, First, compare, derive
from edgebench.judge.baseline_file import dump, load
from edgebench.judge.statistics import prediction_half_width
from edgebench.judge.verdict import Outcome
from tests.judge.fixtures import baseline_of, verdict_of, written

QUICK = [2.00, 2.02, 1.98, 2.01, 1.99]  # reproduces '> 1.8'


def timed(values: list[float], text: str = "> 1.8") -> BaselineEffect:
    return derive(verdict_of(values, text, 0.0), timed=True)


def test_the_tolerance_has_a_floor_in_proportion_to_the_value() -> None:
    effect = timed(QUICK)
    assert prediction_half_width(QUICK) < TIMED_FLOOR * 2
    assert effect.tolerance == pytest.approx(TIMED_FLOOR * 2.0)
    assert timed([-each for each in QUICK], "< -1.8").tolerance == pytest.approx(TIMED_FLOOR * 2.0)
    noisy = [1.0, 3.0, 1.5, 2.5, 2.0]
    assert timed(noisy).tolerance == pytest.approx(prediction_half_width(noisy), rel=1e-5), (
        "never below the seeds'"
    )


def test_it_is_written_and_read_back(tmp_path: Path) -> None:
    effect = timed(QUICK)
    text = dump(baseline_of(e=effect))
    assert "timed: true" in text
    assert load(written(tmp_path, text)).effects["e"] == effect
    assert "timed" not in dump(baseline_of(e=derive(verdict_of(QUICK))))


def test_a_wider_tolerance_is_refused_still() -> None:
    content = timed(QUICK).model_dump()
    assert BaselineEffect.model_validate({**content, "tolerance": 0.1}).tolerance == 0.1
    with pytest.raises(ValidationError, match="and no more"):
        BaselineEffect.model_validate({**content, "tolerance": 0.31})
    with pytest.raises(ValidationError, match="and no more"):
        BaselineEffect.model_validate({**content, "timed": False})


def test_on_the_same_machine_the_value_is_held_to_the_tolerance() -> None:
    effect = timed(QUICK)
    assert compare(verdict_of([each + 0.25 for each in QUICK], "> 1.8", 0.0), effect).matches
    drifted = compare(verdict_of([each + 0.35 for each in QUICK], "> 1.8", 0.0), effect)
    assert (drifted.matches, drifted.drifted) == (False, True)


def test_on_another_machine_any_value_does() -> None:
    found = compare(verdict_of([each * 10 for each in QUICK], "> 1.8", 0.0), timed(QUICK), same_machine=False)
    assert (found.matches, found.drifted, found.compatible) == (True, False, False)
    assert "times of another machine" in found.explanation[0]
    other = compare(verdict_of([each * 10 for each in QUICK], "> 1.8", 0.0), derive(verdict_of(QUICK, "> 1.8", 0.0)),
                    same_machine=False)  # fmt: skip
    assert other.drifted, "only times are free"


@pytest.mark.parametrize("same_machine", [True, False])
def test_between_open_and_decided_is_green_and_marked(same_machine: bool) -> None:
    decided = [1.82, 1.83, 1.84, 1.82, 1.83]
    open_ = [1.7, 1.95, 1.75, 1.9, 1.85]
    for now, then in ((decided, open_), (open_, decided)):
        verdict, effect = verdict_of(now, "> 1.8", 0.0), timed(then)
        assert Outcome.inconclusive in (verdict.outcome, effect.verdict)
        found = compare(verdict, effect, same_machine=same_machine)
        assert (found.matches, found.flipped, found.compatible) == (True, False, True)
        where = "on this machine, the value within its tolerance" if same_machine else "on another machine"
        assert f"recorded {where}" in found.explanation[0]


def test_an_open_verdict_far_away_is_red_on_the_same_machine() -> None:
    far = compare(verdict_of([1.0, 4.0, 2.0, 3.0, 5.0], "> 1.8", 0.0), timed(QUICK))
    assert (far.matches, far.drifted, far.flipped) == (False, True, True)


@pytest.mark.parametrize("same_machine", [True, False])
def test_a_reversed_decision_is_red_everywhere(same_machine: bool) -> None:
    slow = [1.75, 1.76, 1.77, 1.75, 1.76]
    found = compare(verdict_of(slow, "> 1.8", 0.0), timed(QUICK), same_machine=same_machine)
    assert (found.matches, found.flipped) == (False, True)


def test_nothing_has_moved_since_a_baseline_of_another_machine() -> None:
    first = First(when=datetime.date(2026, 1, 1), verdict=Outcome.reproduced, value=9.0, tolerance=1.0)
    effect = timed(QUICK).model_copy(update={"first": first})
    verdict = verdict_of(QUICK, "> 1.8", 0.0)
    assert compare(verdict, effect).moved is not None
    assert compare(verdict, effect, same_machine=False).moved is None
