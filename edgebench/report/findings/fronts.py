"""Gain against cost, for effects that ask whether an arm is on the Pareto front."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean

from edgebench.claim.claim import Claim, Effect, Tier
from edgebench.claim.expression import Expression
from edgebench.claim.functions import FUNCTIONS, front_margin
from edgebench.claim.metrics import METRICS
from edgebench.report.findings.costs import metric_in
from edgebench.report.findings.curves import Trained, rounded
from edgebench.report.findings.model import Front, Point


def fronts_of(
    claim: Claim, tier: Tier, case: str, effects: Iterable[Effect], trained: Trained
) -> tuple[Front, ...]:
    """The fronts that the effects ask of, as far as at least two of their arms were measured."""
    found = []
    for effect in effects:
        for arms, gain, cost in asked(effect.value):
            means = {
                arm: mean
                for arm in arms
                if (mean := _means(claim, tier, arm, gain, cost, trained)) is not None
            }
            if len(means) > 1:
                table = METRICS[claim.kind]
                points = _points(means)
                found.append(Front(case, effect.key, gain, table[gain].unit, cost, table[cost].unit, points))
    return tuple(found)


def asked(value: Expression) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """(arms, gain, cost) of each call of a function of gain and cost in an effect."""
    for node in ast.walk(value.tree):
        if isinstance(node, ast.Call) and FUNCTIONS[ast.unparse(node.func)].metrics == ("gain", "cost"):
            named = {each.arg: ast.unparse(each.value) for each in node.keywords}
            yield tuple(ast.unparse(each) for each in node.args), named["gain"], named["cost"]


_Mean = tuple[float, float, float, float]  # gain, its smallest and largest value, cost


def _means(claim: Claim, tier: Tier, arm: str, gain: str, cost: str, trained: Trained) -> _Mean | None:
    measured = [each for part in tier.parts(arm) for each in trained.get(part, ())]
    gains = _values(claim, arm, gain, trained, tier.parts(arm))
    costs = _values(claim, arm, cost, trained, tier.parts(arm))
    if not gains or len(gains) < len(measured) or not costs:
        return None
    return fmean(gains), min(gains), max(gains), fmean(costs)


def _values(claim: Claim, arm: str, metric: str, trained: Trained, parts: Sequence[str]) -> list[float]:
    found = (metric_in(each, claim, arm, metric) for part in parts for each in trained.get(part, ()))
    return [value for value in found if value is not None]


def _points(means: dict[str, _Mean]) -> tuple[Point, ...]:
    points = []
    for arm, (gain, low, high, cost) in means.items():
        others = [(each[0], each[3]) for other, each in means.items() if other != arm]
        on_front = front_margin((gain, cost), *others) > 0
        points.append(Point(arm, rounded(cost), rounded(gain), rounded(low), rounded(high), on_front))
    return tuple(points)
