"""A store that is stocked with records without running anything, and baselines beside it."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path

from edgebench.claim.claim import Claim
from edgebench.judge.baseline import Baseline, BaselineEffect, Recorded
from edgebench.judge.statistics import mean_and_spread, paired_interval
from edgebench.judge.verdict import Outcome
from edgebench.run import environment
from edgebench.run.record import Measured, Record, Status
from edgebench.run.store import Store
from edgebench.run.trial import trials_of
from tests.run.scripted import Script

IDENTITY = environment.identity_key(environment.identity())


def stock(
    path: Path, claim: Claim, script: Script, arms: Iterable[str], seeds: Iterable[int], *, old: bool = False
) -> Store:
    """Add the records of some trials at the smoke tier, of 10 s each; `old` ones do not know their settings."""
    store = Store(path)
    tier = claim.cases[0].tiers["smoke"]
    wanted = set(seeds)
    for _, trial in trials_of(claim, tier, tuple(arms), range(max(wanted, default=-1) + 1)):
        if trial.seed in wanted:
            measured = script(trial)
            assert isinstance(measured, Measured)
            record = Record(trial.hash, Status.ok, measured, 10.0)
            store.finish(record, IDENTITY, trial.describe(), "" if old else trial.settings_json)
    return store


def baseline_of(claim: Claim, values: tuple[float, ...], seconds: float | None = None) -> Baseline:
    """A baseline of the effect `better` with these values."""
    mean, _ = mean_and_spread(values)
    interval = paired_interval(values, 0.05)
    effect = BaselineEffect(
        verdict=Outcome.reproduced,
        value=mean,
        interval=(interval.low, interval.high),
        seeds=values,
        tolerance=0.0,
        trial_seconds=seconds,
    )
    recorded = Recorded(by="A. Reviewer", when=datetime.date(2026, 1, 31), why="first recording")
    return Baseline(claim=claim.id, tier="smoke", recorded=recorded, effects={"better": effect})
