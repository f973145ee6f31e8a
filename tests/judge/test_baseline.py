"""What a baseline keeps of a verdict, and how it is compared with the next one."""

from __future__ import annotations

import datetime
import math
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from edgebench.errors import BaselineError
from edgebench.judge.baseline import BaselineEffect, First, compare, derive
from edgebench.judge.baseline_file import dump, load
from edgebench.judge.expectation import parse_expectation
from edgebench.judge.statistics import prediction_half_width
from edgebench.judge.verdict import Outcome, invalid_verdict, judge_exact
from tests.judge.fixtures import VALUES, baseline_of, verdict_of, written


def test_stochastic_tolerance_is_the_prediction_half_width() -> None:
    verdict = verdict_of(VALUES)
    effect = derive(verdict)
    assert effect.verdict is Outcome.reproduced
    assert effect.reason == ""
    assert effect.tolerance == pytest.approx(prediction_half_width(VALUES), rel=1e-5)
    assert effect.seeds == (1.2, 0.7, 1.1, 0.9, 1.3)  # without the noise of floats
    assert effect.interval is not None
    assert list(effect.interval) == pytest.approx([verdict.low, verdict.high], rel=1e-5)
    assert compare(verdict, effect).matches


@pytest.mark.parametrize("value", [230592.0, 1 / 3, 0.0, 2.0**60, -1e-300])
def test_exact_values_keep_every_digit(value: float, tmp_path: Path) -> None:
    verdict = judge_exact(value, parse_expectation("== 1"))
    effect = derive(verdict)
    assert (effect.value, effect.tolerance, effect.interval) == (value, 0.0, None)
    read = load(written(tmp_path, dump(baseline_of(e=effect)))).effects["e"]
    assert read == effect
    assert compare(verdict, read).matches


def test_rounding_never_exceeds_a_small_tolerance() -> None:
    values = [85.12301, 85.12344, 85.12390]
    verdict = verdict_of(values)
    effect = derive(verdict)
    assert verdict.value is not None
    assert abs(effect.value - verdict.value) <= 1e-3 * effect.tolerance
    assert compare(verdict, effect).matches


def test_seeds_that_all_agree_are_held_exactly() -> None:
    effect = derive(verdict_of([1 / 3] * 5, margin=0.1))
    assert (effect.value, effect.tolerance) == (1 / 3, 0.0)


def test_unreproduced_verdicts_carry_their_reason() -> None:
    effect = derive(verdict_of([0.01, 0.02, 0.0, 0.01]))
    assert effect.verdict is Outcome.contradicted
    assert "no effect worth the name" in effect.reason


def test_invalid_verdicts_cannot_be_recorded() -> None:
    with pytest.raises(BaselineError, match="plain is below its floor"):
        derive(invalid_verdict("plain is below its floor"))


def test_compare_tells_flip_from_drift() -> None:
    verdict = verdict_of(VALUES)
    effect = derive(verdict)
    flipped = compare(verdict_of([0.0, 0.01, 0.02, 0.0, 0.01]), effect.model_copy(update={"tolerance": 5.0}))
    assert (flipped.matches, flipped.flipped, flipped.drifted) == (False, True, False)
    assert "was reproduced and is now contradicted" in flipped.explanation[0]

    drifted = compare(verdict_of([value + 2 for value in VALUES]), effect)
    assert (drifted.matches, drifted.flipped, drifted.drifted) == (False, False, True)
    assert "a change of +2 where the tolerance is" in drifted.explanation[0]

    both = compare(verdict_of([value - 9 for value in VALUES]), effect)
    assert (both.flipped, both.drifted) == (True, True)
    assert len(both.explanation) == 2

    assert compare(verdict, effect).explanation == ()
    void = compare(invalid_verdict("plain is below its floor"), effect)
    assert (void.matches, void.flipped) == (False, True)
    assert "plain is below its floor" in void.explanation[0]


def test_drift_is_judged_at_the_tolerance() -> None:
    effect = derive(verdict_of(VALUES)).model_copy(update={"tolerance": 0.5})
    verdict = verdict_of(VALUES)
    assert verdict.value is not None
    at, past = (replace(verdict, value=effect.value + distance) for distance in (0.5, 0.5001))
    assert compare(at, effect).matches
    assert compare(past, effect).drifted


def test_exact_values_may_differ_by_float_format_only() -> None:
    effect = derive(judge_exact(1000.0, parse_expectation("> 0")))
    assert compare(judge_exact(1000.0 * (1 + 1e-10), parse_expectation("> 0")), effect).matches
    moved = compare(judge_exact(1000.001, parse_expectation("> 0")), effect)
    assert moved.drifted
    assert "should be exact" in moved.explanation[0]


def test_contradicted_as_expected_is_green() -> None:
    verdict = verdict_of([0.01, 0.02, 0.0, 0.01])
    assert compare(verdict, derive(verdict)).matches
    # Another subtype is worth a remark, not a failure.
    reversed_ = verdict_of([-1.01, -1.02, -1.0, -1.01])
    wide = derive(verdict).model_copy(update={"tolerance": 5.0})
    comparison = compare(reversed_, wide)
    assert comparison.matches
    assert "now reversed, then negligible" in comparison.explanation[0]


def test_a_change_in_the_number_of_seeds_is_said() -> None:
    comparison = compare(verdict_of(VALUES[:4]), derive(verdict_of(VALUES)))
    assert any("rests on 4 seeds, the baseline on 5" in sentence for sentence in comparison.explanation)


def test_models_refuse_nonsense_in_code_too() -> None:
    effect = derive(verdict_of(VALUES))
    with pytest.raises(ValidationError, match="needs a reason"):
        BaselineEffect.model_validate({**effect.model_dump(), "verdict": "inconclusive"})
    with pytest.raises(ValidationError):
        BaselineEffect.model_validate({**effect.model_dump(), "value": math.nan})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tolerance": 0.5}, "an exact value .* has one seed and a tolerance of 0"),
        ({"seeds": (3.0, 3.0)}, "an exact value .* has one seed and a tolerance of 0"),
        ({"interval": (1.0, 5.0)}, "needs the values of at least 2 seeds"),
        ({"interval": (1.0, 5.0), "seeds": (2.0, 3.0, 4.0), "tolerance": 9.0}, "the seeds give 8.10"),
    ],
)
def test_a_tolerance_may_be_tightened_but_not_widened(changes: dict[str, object], message: str) -> None:
    plain: dict[str, object] = {
        "verdict": Outcome.reproduced,
        "value": 3.0,
        "seeds": (3.0,),
        "tolerance": 0.0,
    }
    BaselineEffect.model_validate(plain)
    spread = {"interval": (1.0, 5.0), "seeds": (2.0, 3.0, 4.0), "tolerance": 8.0}
    BaselineEffect.model_validate({**plain, **spread})
    with pytest.raises(ValidationError, match=message):
        BaselineEffect.model_validate({**plain, **changes})


class TestAnotherMachine:
    """A trained value is a new sample there: an undecided effect may be decided, a decision may not be reversed."""

    effect = derive(verdict_of(VALUES))

    def test_an_undecided_effect_may_be_decided(self) -> None:
        assert self.effect.verdict is Outcome.reproduced
        undecided = self.effect.model_copy(update={"verdict": Outcome.inconclusive, "reason": "noise"})
        assert compare(verdict_of(VALUES), undecided).flipped, "never on the same machine"
        elsewhere = compare(verdict_of(VALUES), undecided, same_machine=False)
        assert (elsewhere.matches, elsewhere.compatible, elsewhere.flipped) == (True, True, False)
        assert "recorded on another machine" in elsewhere.explanation[0]

    def test_a_reversed_decision_is_a_flip(self) -> None:
        reversed_ = self.effect.model_copy(update={"verdict": Outcome.contradicted, "reason": "so"})
        elsewhere = compare(verdict_of(VALUES), reversed_, same_machine=False)
        assert (elsewhere.matches, elsewhere.flipped, elsewhere.compatible) == (False, True, False)

    def test_drift_and_invalid_verdicts_are_red(self) -> None:
        undecided = self.effect.model_copy(update={"verdict": Outcome.inconclusive, "reason": "noise"})
        drifted = compare(verdict_of([value + 9 for value in VALUES]), undecided, same_machine=False)
        assert (drifted.matches, drifted.drifted, drifted.flipped) == (False, True, True)
        void = compare(invalid_verdict("below its floor"), undecided, same_machine=False)
        assert (void.matches, void.flipped) == (False, True)

    def test_fewer_seeds_may_lie_further_away(self) -> None:
        many = derive(verdict_of(VALUES * 4))
        moved = verdict_of([value + 1.2 * many.tolerance for value in VALUES])
        assert moved.n < len(many.seeds)
        assert compare(moved, many).drifted
        assert not compare(moved, many, same_machine=False).drifted
        far = verdict_of([value + 2 * many.tolerance for value in VALUES])
        assert compare(far, many, same_machine=False).drifted


class TestTheFirstAcceptedBaseline:
    """Steps that are each accepted may add up: the item stays green, and says so."""

    then = derive(verdict_of(VALUES))
    first = First(
        when=datetime.date(2026, 1, 31), verdict=then.verdict, value=then.value, tolerance=then.tolerance
    )

    def test_a_sum_of_accepted_steps_is_said(self) -> None:
        now = verdict_of([value + 1.5 * self.then.tolerance for value in VALUES])
        stored = derive(now).model_copy(update={"first": self.first})
        comparison = compare(now, stored)
        assert comparison.matches
        assert comparison.moved is not None
        assert (
            "since the first accepted baseline (2026-01-31) the value went from 1.04 to" in comparison.moved
        )
        assert f"where its tolerance was {self.then.tolerance:.6g}" in comparison.moved
        assert comparison.explanation[-1] == comparison.moved

    def test_what_stays_within_the_first_tolerance_is_not(self) -> None:
        now = verdict_of([value + 0.9 * self.then.tolerance for value in VALUES])
        comparison = compare(now, derive(now).model_copy(update={"first": self.first}))
        assert (comparison.matches, comparison.moved, comparison.explanation) == (True, None, ())
        assert compare(now, derive(now)).moved is None, "it is the first itself"

    def test_another_verdict_than_at_first_is_said(self) -> None:
        now = verdict_of([0.01, 0.02, 0.0, 0.01])
        wide = self.first.model_copy(update={"tolerance": 9.0})
        moved = compare(now, derive(now).model_copy(update={"first": wide})).moved
        assert moved is not None
        assert moved.endswith("the verdict went from reproduced to contradicted")

    def test_an_exact_value_moves_by_anything(self) -> None:
        now = judge_exact(1001.0, parse_expectation("> 0"))
        first = First(when=self.first.when, verdict=Outcome.reproduced, value=1000.0, tolerance=0.0)
        moved = compare(now, derive(now).model_copy(update={"first": first})).moved
        assert moved is not None
        assert "from 1000 to 1001, a change of +1 where it should be exact" in moved
        same = first.model_copy(update={"value": 1001.0 * (1 + 1e-12)})
        assert compare(now, derive(now).model_copy(update={"first": same})).moved is None

    def test_a_red_item_says_both(self) -> None:
        far = verdict_of([value + 5 for value in VALUES])
        comparison = compare(far, self.then.model_copy(update={"first": self.first}))
        assert comparison.drifted
        assert comparison.moved is not None
        void = compare(invalid_verdict("below its floor"), self.then.model_copy(update={"first": self.first}))
        assert void.moved is None
