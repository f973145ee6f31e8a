"""What the store knows of the effects that are audited: their values, and what every arm measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from edgebench.claim.claim import Claim, Tier
from edgebench.errors import EdgebenchError, ExpressionError, StoreError
from edgebench.judge.audit.subject import Subject
from edgebench.judge.effects import effect_values
from edgebench.run.inputs import Known
from edgebench.run.outlook import StoredOutlook
from edgebench.run.record import Measured
from edgebench.run.trial import trials_of

Seen = dict[tuple[str, int], Measured]


def with_store(subjects: Iterable[Subject], outlook: StoredOutlook) -> Iterator[Subject]:
    """The effects with the store's values in place of the baseline's, where the store has at least as many seeds.

    Args:
        outlook: reads the store; data and weights need not be here.

    Raises:
        StoreError: when the store cannot be read.
    """
    known: dict[tuple[str, str, str], Seen] = {}
    for subject in subjects:
        key = (subject.claim.id, subject.case.id, subject.tier.name)
        if key not in known:
            known[key] = _measured(subject.claim, subject.tier, outlook)
        seen = known[key]
        arms = [part for arm in subject.effect.arms for part in subject.tier.parts(arm)]
        seeds = _seeds(seen, arms)
        try:
            values = effect_values(subject.effect, subject.tier, seen, range(seeds))
        except ExpressionError:  # the claim reads something that these records lack
            values = []
        if len(values) < len(subject.stored.seeds):
            yield subject
        else:
            yield replace(subject, values=tuple(values), observed=seen)


def _seeds(seen: Seen, arms: list[str]) -> int:
    """Of how many seeds, from the first, all arms have a record."""
    count = 0
    while all((arm, count) in seen for arm in arms):
        count += 1
    return count


def _measured(claim: Claim, tier: Tier, outlook: StoredOutlook) -> Seen:
    """What the arms of a tier measured, by (arm, seed)."""
    try:
        pairs = trials_of(claim, tier, tuple(tier.arms), range(tier.looks[-1]), inputs=Known())
    except StoreError:
        raise
    except EdgebenchError:  # weights or a package whose digest nobody knows here: the baseline has to do
        return {}
    seen: Seen = {}
    for arm, trial in pairs:
        record = outlook.record(trial)
        if record is not None and record.measured is not None:
            seen[arm, trial.seed] = record.measured
    return seen
