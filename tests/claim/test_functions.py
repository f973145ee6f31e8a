"""The margin on the Pareto front: what it is, what is refused, and what it says of any set of arms."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.claim.expression import Expression, Value, parse
from edgebench.claim.functions import front_margin
from edgebench.errors import ExpressionError
from tests.claim.fixtures import PROFILE, TRAIN, Root, changed, place

METRICS = frozenset({"top1", "memory", "memory.counted", "curve.val_top1"})
ARMS = dict.fromkeys(("cheap", "good", "bad", "front", "gain"), METRICS)
# (gain, cost); `bad` costs as much as `good`.
MEASURED = {
    "cheap": (70.0, 10.0),
    "good": (90.0, 30.0),
    "bad": (65.0, 30.0),
    "front": (95.0, 31.0),
    "gain": (70.0, 10.0),
}


def lookup(arm: str, metric: str) -> Value:
    return MEASURED[arm][0] if metric == "top1" else MEASURED[arm][1]


def front(arms: str) -> Expression:
    return parse(f"front({arms}, gain=top1, cost=memory.counted)", ARMS)


class TestFront:
    @pytest.mark.parametrize(
        ("arms", "expected"),
        [
            ("good, cheap, bad", 20),  # above both, which cost no more
            ("bad, cheap, good", -25),  # below the better of two
            ("bad, cheap", -5),
            ("good, bad", 25),  # at the same cost
            ("cheap, good, bad, front", 70),  # none is as cheap: above doing nothing
            ("cheap, gain", 0),  # equal in both
            ("front, good", 5),  # an arm may be called as the function is
            ("good, front", 90),
        ],
    )
    def test_margin(self, arms: str, expected: float) -> None:
        assert front(arms).evaluate(lookup) == expected

    def test_it_is_a_number_among_others(self) -> None:
        parsed = parse("-2 * front(good, cheap, cost=memory, gain=top1) + abs(bad.top1)", ARMS)
        assert parsed.evaluate(lookup) == -40 + 65
        assert parsed.gains == ("top1",)
        assert parse("good.top1", ARMS).gains == ()

    def test_it_reads_both_metrics_of_every_arm(self) -> None:
        expected = {(arm, metric) for arm in ("good", "cheap") for metric in ("top1", "memory.counted")}
        assert set(front("good, cheap").references) == expected

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("front()", "does not name arms"),
            ("front(gain=top1, cost=memory)", "does not name arms"),
            ("front(good, gain=top1, cost=memory)", "does not name arms"),
            ("front(good, cheap)", "does not name arms"),
            ("front(good, cheap, gain=top1)", "does not name arms"),
            ("front(good, cheap, gain=top1, cost=memory, price=memory)", "does not name arms"),
            ("front(good, cheap, gain=top1, price=memory)", "does not name arms"),
            ("front(good.top1, good.memory, cheap.top1, cheap.memory)", "does not name arms"),
            ("front(good, cheap.top1, gain=top1, cost=memory)", "does not name arms"),
            ("front(good, *cheap, gain=top1, cost=memory)", "does not name arms"),
            ("front(good, [cheap], gain=top1, cost=memory)", "does not name arms"),
            ("front(good, 5, gain=top1, cost=memory)", "does not name arms"),
            ("front(good, cheap, **gain)", "does not name arms"),
            ("front(good, cheap, gain=top1, **cost)", "does not name arms"),
            ("front(good, cheap, good, gain=top1, cost=memory)", "the arm 'good' twice"),
            ("front(good, chaep, gain=top1, cost=memory)", "no arm is called 'chaep'"),
            ("front(good, cheap, gain=top2, cost=memory)", "no metric is called 'top2'"),
            ("front(good, cheap, gain=top1, cost=good.memory)", "no metric is called 'good.memory'"),
            ("front(good, cheap, gain=top1, cost=memory.__class__)", "no metric is called"),
            ("front(good, cheap, gain=curve.val_top1, cost=memory)", "is a whole curve"),
            ("front(good, cheap, gain=-top1, cost=memory)", "is not a metric's name"),
            ("front(good, cheap, gain='top1', cost=memory)", "is not a metric's name"),
            ("front(good, cheap, gain=open('x'), cost=memory)", "is not a metric's name"),
            ("front(good, cheap, gain=1, cost=memory)", "is not a metric's name"),
            ("min(good, cheap)", "an arm without a metric"),
            ("min(good.top1, cheap.top1, gain=top1)", "min takes plain arguments"),
            ("good.front(cheap, gain=top1, cost=memory)", "not a function"),
        ],
    )
    def test_everything_else_is_refused(self, text: str, words: str) -> None:
        with pytest.raises(ExpressionError, match=words):
            parse(text, ARMS)

    def test_two_keywords_of_one_name(self) -> None:
        with pytest.raises(ExpressionError):
            parse("front(good, cheap, gain=top1, gain=memory)", ARMS)

    @pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
    @pytest.mark.parametrize("place", range(4))
    def test_what_compares_with_nothing_is_an_error(self, wrong: float, place: int) -> None:
        values = [70.0, 10.0, 60.0, 20.0]
        values[place] = wrong
        with pytest.raises(ExpressionError, match="not finite"):
            front_margin((values[0], values[1]), (values[2], values[3]))


# Few values, so that equal gains and equal costs are common.
Arm = tuple[float, float]
sets_of_arms = st.lists(
    st.tuples(st.integers(1, 6).map(float), st.integers(1, 6).map(float)), min_size=2, max_size=6, unique=True
)


def margin(arms: list[Arm], index: int) -> float:
    return front_margin(arms[index], *arms[:index], *arms[index + 1 :])


def dominates(one: Arm, other: Arm) -> bool:
    return one[0] >= other[0] and one[1] <= other[1] and one != other


def on_front(arms: list[Arm]) -> set[Arm]:
    """The definition: those that no other dominates."""
    return {arm for arm in arms if not any(dominates(other, arm) for other in arms)}


class TestOfAnySet:
    @given(sets_of_arms)
    def test_positive_on_the_front_alone(self, arms: list[Arm]) -> None:
        assert {arm for i, arm in enumerate(arms) if margin(arms, i) > 0} == on_front(arms)

    @given(sets_of_arms)
    def test_a_negative_one_is_the_gain_that_the_front_offers(self, arms: list[Arm]) -> None:
        for i, (gain, cost) in enumerate(arms):
            if margin(arms, i) <= 0:
                assert -margin(arms, i) == max(g for g, c in on_front(arms) if c <= cost) - gain

    @given(sets_of_arms, st.data())
    def test_an_arm_that_is_dominated_changes_no_other_place(
        self, arms: list[Arm], data: st.DataObject
    ) -> None:
        gain, cost = data.draw(st.sampled_from(arms))
        worse = (
            gain - data.draw(st.sampled_from([0.5, 1.0, 3.0])),
            cost + data.draw(st.sampled_from([0.0, 2.0])),
        )
        before = [margin(arms, i) for i in range(len(arms))]
        after = [margin([*arms, worse], i) for i in range(len(arms))]
        # On the front, it may come nearer than all others did, but never ahead.
        assert [value if value <= 0 else "on the front" for value in after] == [
            value if value <= 0 else "on the front" for value in before
        ]
        assert margin([*arms, worse], len(arms)) < 0

    @given(sets_of_arms.filter(lambda arms: len(arms) <= 4))
    def test_the_order_of_the_others_does_not_matter(self, arms: list[Arm]) -> None:
        first, *others = arms
        assert len({front_margin(first, *order) for order in permutations(others)}) == 1

    @given(sets_of_arms, st.floats(1e-6, 1e6))
    def test_the_unit_of_costs_does_not_matter(self, arms: list[Arm], scale: float) -> None:
        scaled = [(gain, cost * scale) for gain, cost in arms]
        assert [margin(scaled, i) for i in range(len(arms))] == [margin(arms, i) for i in range(len(arms))]

    @given(sets_of_arms, st.sampled_from([0.5, 2.0, 4.0]))
    def test_it_has_the_unit_of_gains(self, arms: list[Arm], scale: float) -> None:
        scaled = [(gain * scale, cost) for gain, cost in arms]
        assert [margin(scaled, i) for i in range(len(arms))] == [
            margin(arms, i) * scale for i in range(len(arms))
        ]


FRONT = changed(
    changed(TRAIN, "plain.top1 - mixup.top1", "front(mixup, plain, gain=top1, cost=memory.counted)"),
    "  model: micronet",
    "  model: micronet\n  method: ft-all",
)


class TestInAClaim:
    def test_its_unit_is_that_of_a_difference_of_gains(self, root: Root) -> None:
        effect = root.load(FRONT).cases[0].effects["mixup"]
        assert effect.unit == "points"
        assert set(effect.arms) == {"mixup", "plain"}

    def test_costs_of_a_step_are_measured_with_a_method_alone(self, root: Root) -> None:
        text = changed(FRONT, "  model: micronet\n  method: ft-all", "  model: micronet")
        problem = root.the_problem(changed(text, "mixup: {augment", "mixup: {method: ft-all, augment"))
        assert problem.message == (
            "'memory.counted' is measured where a 'method' trains; the arm 'plain' has none at tier smoke"
        )
        assert place(problem) == ("c.yaml", 18, 5)
        assert problem.hint == "give it one, such as 'method: ft-all'"

    @pytest.mark.parametrize("gain", ["val_loss", "gap", "params", "memory.counted"])
    def test_a_gain_is_more_is_better(self, root: Root, gain: str) -> None:
        problem = root.the_problem(FRONT.replace("gain=top1", f"gain={gain}"))
        assert f"'{gain}' is not a metric where more is better; expected one of top1, " in problem.message

    def test_of_exact_costs(self, root: Root) -> None:
        text = changed(PROFILE, "full.params - half.params", '"front(full, half, gain=params, cost=flops)"')
        assert root.load(text).cases[0].effects["fewer"].unit == ""
