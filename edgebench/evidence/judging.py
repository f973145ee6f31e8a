"""Verdicts from the records of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

from edgebench.claim.claim import Case, Claim, Tier
from edgebench.errors import EvidenceError, ExpressionError
from edgebench.evidence.forms import StatedCase, StoredTrial
from edgebench.judge.effects import Observations, arms_to_run, judge_stored
from edgebench.judge.verdict import Verdict
from edgebench.run.record import Measured


def observations(stated: StatedCase, trials: Mapping[str, StoredTrial]) -> Observations:
    """What the arms of a case measured; a trial without a record has measured nothing."""
    found: dict[tuple[str, int], Measured] = {}
    for arm, hashes in stated.arms.items():
        for seed, trial in enumerate(hashes):
            if (record := trials[trial].record) is not None:
                diverged = record.status == "diverged"
                found[arm, seed] = Measured(record.metrics, record.curves, diverged=diverged)
    return found


def verdict_of(
    claim: Claim, case: Case, tier: Tier, key: str, stated: StatedCase, observed: Observations
) -> Verdict | None:
    """The verdict of an effect; None where the records do not decide, or do not have what it reads.

    Raises:
        EvidenceError: numbers with which nothing can be calculated.
        EdgebenchError: when it cannot be judged.
    """
    effect = case.effects[key]
    arms = arms_to_run(effect, claim, tier)
    seeds = next(seed for seed in count() if not all((arm, seed) in observed for arm in arms))
    try:
        return judge_stored(effect, claim, tier, observed, seeds)
    except ExpressionError:
        if key in stated.open:
            return None
        raise
    except (ArithmeticError, ValueError) as error:
        raise EvidenceError(f"nothing can be calculated with its records: {error}") from None
