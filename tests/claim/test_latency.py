"""Claims about latency: what their effects may compare, and what their files may say."""

from __future__ import annotations

import pytest

from edgebench.claim.expression import parse
from edgebench.claim.latency import LatencyGroup, check_ratio, unlike_arms
from edgebench.claim.metrics import METRICS
from edgebench.claim.settings import LatencySettings, ProfileSettings
from edgebench.errors import ExpressionError
from edgebench.run.trial import Trial
from tests.claim.fixtures import Root

ARMS = dict.fromkeys(("a", "b", "c"), frozenset(METRICS["latency"]))
CLAIM = """\
claim: One is quicker than the other
where: Table 6
kind: latency
settings: {model: micronet, input: [2, 1, 8, 8]}
arms: {a: {}, b: {model: {width: 2}}}
tiers:
  smoke: {rounds: 3, looks: [2, 3]}
effects:
  quicker:
    value: b.step_ms / a.step_ms
    expect: "> 1"
"""


def settings(**changes: object) -> LatencySettings:
    return LatencySettings.model_validate({"model": "micronet", "input": [2, 1, 8, 8], **changes})


@pytest.mark.parametrize(
    "value",
    [
        "a.step_ms / b.step_ms",
        "(a.step_ms - b.step_ms) / c.step_ms",
        "100 * (1 - a.backward_ms / (a.forward_ms + a.backward_ms))",
        "log(a.step_ms / b.step_ms)",
        "log(a.step_ms) - log(b.step_ms)",
        "max(a.step_ms, b.step_ms) / min(a.step_ms, b.step_ms)",
        "a.infer_ms * a.threads / b.infer_ms",
        "a.threads",
        "log((a.step_ms - b.step_ms) / c.step_ms)",
    ],
)
def test_comparisons_of_times_are_accepted(value: str) -> None:
    check_ratio(parse(value, ARMS))


@pytest.mark.parametrize(
    "value",
    [
        "a.step_ms",
        "a.step_ms - b.step_ms",
        "a.step_ms * b.step_ms / c.step_ms",
        "a.step_ms / b.step_ms + 1e-3 * c.step_ms",
        "1 / a.step_ms",
        "log(a.step_ms)",
        "max(a.step_ms, 50) / max(b.step_ms, 50)",
        "abs(a.step_ms - b.step_ms)",
        "(a.step_ms - 1) / b.step_ms",
    ],
)
def test_values_that_change_with_the_machine_are_refused(value: str) -> None:
    with pytest.raises(ExpressionError, match="changes with the speed of the machine"):
        check_ratio(parse(value, ARMS))


def test_a_value_that_no_times_have_is_refused() -> None:
    with pytest.raises(ExpressionError, match="could not be computed for any times"):
        check_ratio(parse("a.step_ms / (b.step_ms - b.step_ms)", ARMS))


def test_a_group_holds_the_arms_of_its_kind() -> None:
    group = LatencyGroup.of({"a": settings(), "b": settings(threads=2)})
    assert (group.arms["a"].threads, group.arms["b"].threads) == (1, 2)


def test_a_step_prepares_its_batch_in_all_arms_or_in_none() -> None:
    assert unlike_arms({"a": settings(augment={}), "b": settings(augment={"flip": True})}) is None
    said = unlike_arms({"a": settings(augment={"flip": True}), "b": settings(), "c": settings()})
    assert said is not None
    assert "not to 'b', 'c'" in said


def test_augmentation_is_part_of_a_trial_and_its_absence_is_not() -> None:
    def hashed(*arms: LatencySettings) -> str:
        return Trial("latency", LatencyGroup.of(dict(zip("ab", arms, strict=False))), 0, None).hash

    assert hashed(settings(), settings(threads=2)) == "a3d0cb05af0af1d42fb734bbb7980977"
    assert hashed(settings(augment={})) != hashed(settings())


def test_rounds_have_to_be_equal() -> None:
    assert unlike_arms({"a": settings(rounds=5), "b": settings(rounds=5)}) is None
    said = unlike_arms({"a": settings(rounds=5), "b": settings(rounds=6)})
    assert said is not None
    assert "'a' 5, 'b' 6" in said
    other = ProfileSettings.model_validate({"model": "micronet", "input": [2, 1, 8, 8]})
    assert unlike_arms({"a": other}) is None


def test_a_claim_loads(root: Root) -> None:
    claim = root.load(CLAIM)
    tier = claim.cases[0].tiers["smoke"]
    assert (claim.kind, claim.exact, tier.looks) == ("latency", False, (2, 3))
    assert tier.arms["a"] == settings(rounds=3)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("value: b.step_ms / a.step_ms", "value: b.step_ms", 10, "changes with the speed of the machine"),
        ("value: b.step_ms / a.step_ms", "value: b.step_s / a.step_ms", 10, "no metric is called 'step_s'"),
        ('expect: "> 1"', "expect: == 1", 11, "'==' cannot be expected of a timed quantity"),
        ("looks: [2, 3]", "looks: [2, 3], floor: {step_ms: 1}", 7, "times have no floor"),
        ("looks: [2, 3]", "looks: [2, 3], arms: {a: {rounds: 4}}", 7, "'rounds' differ ('a' 4, 'b' 3)"),
        ("looks: [2, 3]", "looks: [2, 3], arms: {a: {augment: {}}}", 7, "'augment' is given, but not to 'b'"),
        (
            "value: b.step_ms / a.step_ms",
            "value: b.batch_ms / b.step_ms",
            10,
            "'batch_ms' is measured where a step prepares its batch; the arm 'b' has no 'augment'",
        ),
        ("rounds: 3", "rounds: 2", 7, "'rounds' is the number 2; expected at least 3"),
        ("rounds: 3", "threads: 0", 7, "'threads' is the number 0; expected at least 1"),
    ],
)
def test_what_a_claim_may_not_say_is_refused_in_its_place(
    root: Root, old: str, new: str, line: int, message: str
) -> None:
    problems = root.problems(CLAIM.replace(old, new))
    assert [each.mark.line for each in problems] == [line], problems
    assert message in problems[0].message
