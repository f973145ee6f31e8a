"""The arms of a Pareto front."""

from __future__ import annotations

from pathlib import Path

from edgebench.claim.expression import parse
from edgebench.report.findings.fronts import asked, fronts_of
from edgebench.run.record import Measured
from tests import roots
from tests.report.findings.fixtures import FRONT, findings, the_tier


def test_which_arms_and_metrics_are_asked_of() -> None:
    arms = {name: frozenset({"top1", "memory.counted"}) for name in ("a", "b", "c")}
    value = parse("2 * front(a, c, gain=top1, cost=memory.counted) - 1", arms)
    assert list(asked(value)) == [(("a", "c"), "top1", "memory.counted")]
    assert list(asked(parse("a.top1 - b.top1", arms))) == []


def test_points_of_every_case(tmp_path: Path) -> None:
    fronts = the_tier(findings(tmp_path, front=FRONT), "demo/front").fronts
    assert len(fronts) == 4
    first = fronts[0]
    assert (first.effect, first.gain, first.gain_unit, first.cost) == ("on-front", "top1", "%", "params")
    assert [(p.arm, p.cost, p.on_front) for p in first.points] == [
        ("wide", 2000, True),
        ("narrow", 500, True),
        ("wider", 4000, False),  # as accurate as `wide`, and dearer
    ]
    assert first.points[0].low < first.points[0].gain < first.points[0].high


def test_an_arm_without_its_gain_is_left_out(tmp_path: Path) -> None:
    claim = roots.load(tmp_path, FRONT)
    case = next(each for each in claim.cases if not each.over)
    good, lost = Measured({"top1": 50.0, "params": 10.0}), Measured({"params": 5.0}, diverged=True)
    tier, effects = case.tiers["smoke"], case.effects.values()
    (front,) = fronts_of(claim, tier, "", effects, {"narrow": [good], "wide": [good], "wider": [good, lost]})
    assert [point.arm for point in front.points] == ["wide", "narrow"]
    assert not any(point.on_front for point in front.points), "equal ones do not beat each other"
    assert fronts_of(claim, tier, "", effects, {"narrow": [good], "wide": [lost]}) == ()
