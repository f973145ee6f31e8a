"""How an item stands without running anything: by the stored records, else by its baseline, else not run."""

from __future__ import annotations

from dataclasses import replace

from edgebench.claim.claim import Case, Claim, Effect, Tier, item_key
from edgebench.errors import BaselineError
from edgebench.judge.baseline import Baseline, BaselineEffect
from edgebench.judge.verdict import Verdict
from edgebench.report import tables
from edgebench.report.findings.model import NOT_RUN, Item, Source
from edgebench.report.result import Baselines, Result, assess
from edgebench.run.case import Judged
from edgebench.run.outlook import StoredOutlook
from edgebench.run.stored import judged as stored

Identity = dict[str, str | int]


def standing(
    claim: Claim,
    case: Case,
    tier: Tier,
    effect: Effect,
    outlook: StoredOutlook,
    baselines: Baselines,
    identity: Identity,
) -> Item:
    """An item as a run would judge it that finds everything in the store.

    Args:
        outlook: reads the store, and no baselines: what they say counts only where the store says nothing.
        identity: under which the store's records count.

    Raises:
        StoreError: when the store cannot be read.
    """
    judged = stored(claim, case, tier, effect, outlook, identity)
    if judged.pending:
        return _without(claim, case, tier, effect, baselines, judged.pending, identity)
    result = assess(claim, case, tier, judged, baselines)
    subtype = judged.verdict.subtype if judged.verdict else None
    return _item(claim, tier, effect, result, Source.store, subtype, judged.diverged, tables.state_of(result))


def _without(
    claim: Claim, case: Case, tier: Tier, effect: Effect, baselines: Baselines, why: str, identity: Identity
) -> Item:
    """The item by its baseline, or as one that was not run."""
    stored, state = None, "–"
    try:
        baseline = baselines.get(claim, tier.name)
    except BaselineError as error:
        baseline, state, why = None, tables.STATE["unreadable"], f"{why}; {error}"
    if baseline is not None:
        stored = baseline.effects.get(item_key(effect.key, case.id))
    if baseline is None or stored is None:
        judged = Judged(effect, None, pending=why, identity=identity)
        result = assess(claim, case, tier, judged, baselines, comparing=False)
        result = replace(result, verdict=NOT_RUN, label=NOT_RUN)
        return _item(claim, tier, effect, result, Source.nothing, None, 0, state)
    verdict = recorded_verdict(stored)
    judged = Judged(effect, verdict, identity=identity)
    result = assess(claim, case, tier, judged, baselines, comparing=False)
    said = (*(each for each in (stored.reason,) if each), f"as the baseline has it: {why}")
    result = replace(
        result, said=(*said, *result.said[1:])
    )  # what goes without saying: the reason, said above
    return _item(claim, tier, effect, result, Source.baseline, verdict.subtype, 0, _recorded(baseline))


def recorded_verdict(stored: BaselineEffect) -> Verdict:
    """The verdict that a baseline expects, with the values that it rests on."""
    low, high = stored.interval or (None, None)
    return Verdict(
        stored.verdict,
        stored.subtype,
        stored.reason,
        stored.value,
        low,
        high,
        len(stored.seeds),
        None,
        stored.seeds,
    )


def _recorded(baseline: Baseline) -> str:
    return f"recorded {baseline.recorded.when}"


def _item(
    claim: Claim,
    tier: Tier,
    effect: Effect,
    result: Result,
    source: Source,
    subtype: str | None,
    diverged: int,
    state: str,
) -> Item:
    proxy = not claim.exact and tier.name != "paper" and result.value is not None
    return Item(
        result, source, effect.expect, None if subtype is None else str(subtype), diverged, proxy, state
    )
