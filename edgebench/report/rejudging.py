"""Judges claims again, as they and the statistics are now, from the records that the store has; nothing is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgebench.claim.claim import Claim
from edgebench.claim.models import TIERS
from edgebench.report.result import Baselines, Result, assess
from edgebench.run import environment
from edgebench.run.inputs import Known
from edgebench.run.outlook import StoredOutlook
from edgebench.run.store import Store
from edgebench.run.stored import judged


@dataclass(frozen=True)
class Rejudged:
    """Verdicts of the store.

    Attributes:
        results: by tier, in the order of the claims; of tiers that were not asked for, those that have a record.
        left_out: the items, `short: PAPER/CLAIM::ITEM`, of which no seed has all its trials in the store.
    """

    results: dict[str, list[Result]]
    left_out: tuple[str, ...]

    @property
    def every(self) -> list[Result]:
        return [result for of_tier in self.results.values() for result in of_tier]


def rejudge(
    claims: Sequence[Claim], tiers: Sequence[str] = (), *, store: Store, device: str = "cpu"
) -> Rejudged:
    """Judge every effect by the store's records, and hold it against its baseline.

    Data and weights need not be here: their trials are then looked up by their settings.

    Args:
        tiers: those to judge, with all their effects; if none is given, all tiers, with what the store has of them.
        store: only read.
        device: records count that were made on it, on this machine.

    Raises:
        StoreError: when the store cannot be read.
        SettingsError: when the device cannot be had.
    """
    identity = environment.identity(device)
    baselines = Baselines()
    outlook = StoredOutlook(
        store, environment.identity_key(identity), lambda claim, tier: None, inputs=Known()
    )
    results: dict[str, list[Result]] = {}
    left_out: list[str] = []
    for name in [tier for tier in TIERS if not tiers or tier in tiers]:
        results[name] = []
        for claim in claims:
            for case in claim.cases:
                if (tier := case.tiers.get(name)) is None:
                    continue
                for effect in case.effects.values():
                    found = judged(claim, case, tier, effect, outlook, identity)
                    result = assess(claim, case, tier, found, baselines)
                    if found.pending and not found.cached and not tiers:
                        left_out.append(f"{name}: {result.id}")
                    else:
                        results[name].append(result)
    return Rejudged({name: found for name, found in results.items() if found}, tuple(left_out))
