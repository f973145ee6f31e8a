"""What is audited: each effect of the suite at each tier that has a baseline, with its values per seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edgebench.claim.claim import Case, Claim, Effect, Tier, item_key
from edgebench.errors import BaselineError
from edgebench.judge.baseline import Baseline, BaselineEffect
from edgebench.judge.effects import Observations
from edgebench.judge.expectation import Expectation
from edgebench.judge.verdict import Outcome, Verdict, judge_exact, judge_seeds

ReadBaseline = Callable[[Claim, str], Baseline | None]


@dataclass(frozen=True)
class Subject:
    """One effect of one case of a claim at a tier.

    Attributes:
        stored: the effect's baseline.
        values: the effect at each seed, in the order of the seeds; the one value of an exact quantity. Those of the
            baseline, or where a store has at least as many, of the store.
        observed: what the arms measured at the seeds of `values`; empty without a store.
    """

    claim: Claim
    case: Case
    tier: Tier
    effect: Effect
    stored: BaselineEffect
    values: tuple[float, ...]
    observed: Observations

    @property
    def name(self) -> str:
        return f"{self.claim.id}::{item_key(self.effect.key, self.case.id)}"

    @property
    def exact(self) -> bool:
        return self.claim.exact

    def judged(
        self, values: Sequence[float], expect: Expectation | None = None, margin: float | None = None
    ) -> Outcome | None:
        """The judge's outcome on some values, by the claim's own words or others; None while pending."""
        expect = expect or self.effect.expect
        margin = self.effect.margin if margin is None else margin
        if self.exact:
            return judge_exact(values[0], expect, margin).outcome
        verdict = judge_seeds(values, expect, margin, self.tier.looks)
        return verdict.outcome if isinstance(verdict, Verdict) else None


def subjects(
    claims: Sequence[Claim],
    baseline: ReadBaseline,
    unread: Callable[[BaselineError], object] = lambda error: None,
) -> Iterator[Subject]:
    """All effects of some claims that have a baseline, tier by tier.

    Args:
        baseline: reads the baseline of a claim at a tier.
        unread: told of each baseline that cannot be read, once for every case; by default that is another's to report.
    """
    for claim in claims:
        for case in claim.cases:
            for tier in case.tiers.values():
                try:
                    found = baseline(claim, tier.name)
                except BaselineError as error:
                    unread(error)
                    continue
                for effect in case.effects.values() if found is not None else ():
                    stored = found.effects.get(item_key(effect.key, case.id)) if found is not None else None
                    if stored is not None and (claim.exact or stored.interval is not None):
                        yield Subject(claim, case, tier, effect, stored, stored.seeds, {})


def edge(expect: Expectation, margin: float) -> float:
    """The limit whose wrong side would be a wrong decision: of a band its upper end."""
    if expect.relation == ">":
        return expect.target + margin
    return expect.target - margin if expect.relation == "<" else expect.target + (expect.band or 0.0)


def limits(effect: Effect) -> tuple[float, float]:
    """Between which numbers the value is expected: (edge, inf), (-inf, edge) or the band."""
    limit = edge(effect.expect, effect.margin)
    if effect.expect.relation == ">":
        return limit, math.inf
    if effect.expect.relation == "<":
        return -math.inf, limit
    return effect.expect.target - (effect.expect.band or 0.0), limit
