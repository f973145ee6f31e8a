"""What a reviewer would ask about a claim that is valid: whether its effects can fail, and whether its seeds can tell.

Four rules, each one sentence with a hint. A claim that has a reason to differ states it: `lint: {weak: "…"}`.

- `vacuous`: an expectation that can hardly fail. Either the metrics' own ranges settle it (`top1 > -1`), or at every
  tier with a baseline the value lies more than `FAR` standard deviations of its seeds beyond what is expected.
- `weak`: no tier with a baseline decides, and at none of them do the declared seeds resolve what they are asked to: the
  interval expected at the last look (`edgebench.judge.forecast`) is `WIDE` times as wide as the distance of the
  published value from the limit, or, without one, as the margin or band.
- `equal-arms`: two arms that an effect compares have the same settings at a tier: it compares a trial with itself.
- `where`: the claim names no part of the paper.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

from edgebench.claim.bounds import bounds, settled
from edgebench.claim.claim import Case, Claim, Effect, Tier, item_key
from edgebench.claim.nodes import read_file
from edgebench.claim.problems import ClaimFileError, Mark, Problem
from edgebench.errors import BaselineError
from edgebench.judge.baseline import Baseline, BaselineEffect
from edgebench.judge.forecast import forecast
from edgebench.judge.statistics import mean_and_spread
from edgebench.judge.verdict import Outcome

FAR = 50.0  # standard deviations between seeds
WIDE = 1.5  # clearly, so that the next baseline does not change it
_DRAWS = 500
_PART = re.compile(
    r"\d|abstract|algorithm|appendix|caption|conclusion|discussion|experiment|introduction|limitation|mechanism|method"
    r"|question|result|section|supplement|title",
    re.IGNORECASE,
)
ReadBaseline = Callable[[Claim, str], Baseline | None]


@dataclass(frozen=True)
class _Measured:
    """An effect of a case at a tier, as the baseline has it."""

    tier: Tier
    stored: BaselineEffect


def lint(claim: Claim, baseline: ReadBaseline) -> list[Problem]:
    """What is doubtful about a valid claim, in the order of its file; what the claim itself explains is left out.

    Args:
        baseline: reads the baseline of a claim at a tier; rules that need one say nothing where there is none.
    """
    found: list[tuple[str, Problem]] = []
    if not _PART.search(claim.where):
        message = f"'where' names no part of the paper: '{claim.where}'"
        found.append(("where", _warning(_where(claim), message, "such as 'Table 3' or 'Section 4.2'")))
    by_effect: dict[tuple[str, str], list[tuple[str, Problem]]] = {}
    for case in claim.cases:
        for effect in case.effects.values():
            for rule, message, hint in _of_effect(claim, case, effect, baseline):
                problem = _warning(effect.mark, message, hint)
                by_effect.setdefault((rule, effect.key), []).append((item_key(effect.key, case.id), problem))
    for (rule, _), items in by_effect.items():
        (_, first), *others = items
        if others:  # the cases of a matrix: said of the first, with the others by name
            more = ", ".join(name for name, _ in others[:3]) + (", …" if len(others) > 3 else "")
            first = Problem(first.mark, f"{first.message}; likewise {more}", first.hint)
        found.append((rule, first))
    return sorted(problem for rule, problem in found if rule not in claim.lint)


def _warning(mark: Mark, message: str, hint: str) -> Problem:
    return Problem(mark, f"warning: {message}", hint)


def _where(claim: Claim) -> Mark:
    try:
        return read_file(claim.path).locate(("where",))
    except ClaimFileError:  # it has changed since it was loaded
        return Mark(str(claim.path), 1, 1)


def _of_effect(
    claim: Claim, case: Case, effect: Effect, baseline: ReadBaseline
) -> Iterator[tuple[str, str, str]]:
    """(rule, message, hint) of everything doubtful about an effect of a case."""
    name = item_key(effect.key, case.id)
    low, high = _limits(effect)
    certain = settled(bounds(effect.value, claim.kind), effect.expect.relation, low, high)
    if certain is not None:
        word = "always" if certain else "never"
        message = (
            f"'{name}' {word} holds, whatever is measured: '{effect.value.source}' against '{effect.expect}'"
        )
        yield "vacuous", message, "expect something that a measurement can contradict"
    if not case.over:
        yield from _equal_arms(effect, case, name)
    measured = list(_baselines(claim, case, effect, baseline))
    if not measured:
        return
    far = min(_distance(claim, effect, each) for each in measured)
    if certain is None and far > FAR:
        message = (
            f"'{name}' can hardly fail: what was measured lies {far:.0f} standard deviations of its seeds beyond "
            f"'{effect.expect}'"
        )
        yield "vacuous", message, "ask for more, or say why under 'lint: {vacuous: …}'"
    if all(each.stored.verdict is Outcome.inconclusive for each in measured):
        yield from _weak(effect, measured, name)


def _equal_arms(effect: Effect, case: Case, name: str) -> Iterator[tuple[str, str, str]]:
    for tier in case.tiers.values():
        for one, other in combinations(effect.arms, 2):
            if tier.settings(one) == tier.settings(other) and (one in tier.folds) == (other in tier.folds):
                message = f"'{name}' compares '{one}' with '{other}', which do not differ at tier {tier.name}"
                yield (
                    "equal-arms",
                    message,
                    "a tier's keys do not win over an arm's, nor an arm's over the tier's 'arms'",
                )
                return


def _baselines(claim: Claim, case: Case, effect: Effect, baseline: ReadBaseline) -> Iterator[_Measured]:
    """The effect's baselines that have an interval, tier by tier; one that cannot be read is the run's to report."""
    for tier in case.tiers.values():
        try:
            found = baseline(claim, tier.name)
        except BaselineError:
            continue
        stored = found.effects.get(item_key(effect.key, case.id)) if found is not None else None
        if stored is not None and stored.interval is not None:
            yield _Measured(tier, stored)


def _limits(effect: Effect) -> tuple[float, float]:
    """Between which numbers the value is expected: (edge, inf), (-inf, edge) or the band."""
    expect = effect.expect
    if expect.relation == ">":
        return expect.target + effect.margin, math.inf
    if expect.relation == "<":
        return -math.inf, expect.target - effect.margin
    band = expect.band or 0.0
    return expect.target - band, expect.target + band


def _distance(claim: Claim, effect: Effect, measured: _Measured) -> float:
    """By how many standard deviations the value lies where it is expected; 0 where it does not, or nothing varies."""
    mean, spread = mean_and_spread(measured.stored.seeds)
    # The repetitions of one run on one machine vary less than what is claimed of times.
    if claim.kind == "latency" or spread == 0 or measured.stored.verdict is not Outcome.reproduced:
        return 0.0
    low, high = _limits(effect)
    return min(mean - low, high - mean) / spread


def _weak(effect: Effect, measured: list[_Measured], name: str) -> Iterator[tuple[str, str, str]]:
    low, high = _limits(effect)
    published = effect.published
    if published is not None and low < published < high:
        what, reach = "the published value lies", min(published - low, high - published)
    else:
        what, reach = "its margin or band is", effect.margin or effect.expect.band or 0.0
    if reach == 0:
        return
    widths: list[tuple[float, Tier]] = []
    for each in measured:
        expected = forecast(
            (), each.stored.seeds, effect.expect, effect.margin, each.tier.looks, draws=_DRAWS
        )
        if expected is None or expected.half_width[-1] <= WIDE * reach:
            return
        widths.append((expected.half_width[-1], each.tier))
    width, tier = min(widths, key=lambda each: each[0])
    inside = " inside the limit" if what.endswith("lies") else ""
    message = (
        f"'{name}' asks for more than its seeds can show: {what} {reach:.3g}{inside}, the interval after "
        f"{tier.looks[-1]} seeds at tier {tier.name} is ± {width:.2g}"
    )
    yield "weak", message, "more looks or less noise, or say why under 'lint: {weak: …}'"
