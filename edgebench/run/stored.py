"""What the store says of effects, without running anything."""

from __future__ import annotations

from edgebench.claim.claim import Case, Claim, Effect, Tier
from edgebench.errors import EdgebenchError, MissingDataError, StoreError
from edgebench.run.case import Judged
from edgebench.run.outlook import Prospect, StoredOutlook
from edgebench.run.record import Status


def judged(
    claim: Claim,
    case: Case,
    tier: Tier,
    effect: Effect,
    outlook: StoredOutlook,
    identity: dict[str, str | int],
) -> Judged:
    """An effect as a run would judge it that finds everything in the store; pending where that is not enough.

    Args:
        outlook: reads the store.
        identity: under which the store's records count.

    Raises:
        StoreError: when the store cannot be read.
    """
    try:
        prospect = outlook.prospect(claim, case, tier, effect)
    except StoreError:
        raise
    except EdgebenchError as error:  # a dataset, a checkpoint or a package that is not here
        missing = isinstance(error, MissingDataError)
        return Judged(effect, None, pending=str(error), missing=missing, identity=identity)
    if prospect.verdict is None and not prospect.remarks:
        return Judged(
            effect, None, pending=_lacking(prospect, tier), cached=prospect.seeds, identity=identity
        )
    verdict = prospect.verdict
    used = prospect.seeds if verdict is None else verdict.n or prospect.seeds
    records = [outlook.record(trial) for trial in prospect.trials if trial.seed < used]
    known = [record for record in records if record is not None]
    return Judged(
        effect,
        verdict,
        failure=None if verdict else "; ".join(prospect.remarks),
        cached=len(known),
        diverged=sum(record.status is Status.diverged for record in known),
        seconds=sum(record.seconds for record in known),
        identity=identity,
    )


def _lacking(prospect: Prospect, tier: Tier) -> str:
    if not prospect.seeds:
        return "the store has no trials of it"
    later = [look for look in tier.looks if look > prospect.seeds]
    return f"{prospect.seeds} of the {later[0] if later else tier.looks[-1]} seeds of its next look are in the store"
