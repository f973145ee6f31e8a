"""What the store and the baselines say of work that is not done yet: what is there, what is likely, what it costs.

The plan shows it before a run, and a session may order its work by it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from edgebench.claim.claim import Case, Claim, Effect, Tier, item_key
from edgebench.errors import BaselineError, DataError, ExpressionError
from edgebench.judge.baseline import Baseline, BaselineEffect
from edgebench.judge.effects import arms_to_run, effect_values, judge_stored
from edgebench.judge.forecast import Forecast, forecast
from edgebench.judge.statistics import prediction_half_width
from edgebench.judge.verdict import Verdict
from edgebench.run.costs import Cost, Costs
from edgebench.run.inputs import HERE, Inputs
from edgebench.run.order import Outlook
from edgebench.run.record import Measured, Record, Status
from edgebench.run.store import Store
from edgebench.run.trial import SEMANTICS, Trial, trials_of

ReadBaseline = Callable[[Claim, str], Baseline | None]

# What writing a baseline's values with nine digits may change in them.
_WRITTEN = 1e-8


@dataclass(frozen=True)
class Prospect:
    """How an effect stands.

    Attributes:
        trials: all that it may need, to the last look, seed by seed.
        seeds: of how many seeds, from the first, the store has all trials.
        verdict: the verdict, where these decide.
        forecast: what is expected otherwise; None when there is nothing to go by, and for exact quantities.
        remarks: sentences on what could not be used.
    """

    trials: tuple[Trial, ...]
    seeds: int
    verdict: Verdict | None
    forecast: Forecast | None
    remarks: tuple[str, ...] = ()


class StoredOutlook(Outlook):
    """Expectations from stored timings and values, and from baselines.

    Args:
        store: None when there is none yet.
        identity: key of the identity under which records count.
        baseline: reads the baseline of a claim at a tier.
        inputs: finds the files that settings name. A trial whose files it cannot read is looked up by its settings.
    """

    def __init__(
        self, store: Store | None, identity: str, baseline: ReadBaseline, inputs: Inputs = HERE
    ) -> None:
        self.costs = Costs(store, identity)
        self._store = store
        self._identity = identity
        self._baseline = baseline
        self._inputs = inputs
        self._named: dict[tuple[str, str], list[str]] | None = None  # what `Store.named` says
        self._records: dict[str, Record] = {}
        self._recorded: dict[str, float] = {}  # seconds that baselines give, by settings

    def record(self, trial: Trial) -> Record | None:
        """The trial's record, when the store has it.

        Raises:
            DataError: it can only be looked up by its settings, and the store has several that differ.
        """
        found = self._records.get(trial.hash)
        if found is not None and not found.has(trial.wanted):
            return None
        if found is None and self._store is not None:
            found = self._found(self._store, trial)
            if found is not None:
                self._records[trial.hash] = found
                if found.status is Status.ok:
                    self.costs.add(trial, found.seconds)
        return found

    def _found(self, store: Store, trial: Trial) -> Record | None:
        if trial.is_read:
            return store.get(trial.hash, self._identity, trial.wanted)
        if trial.is_versioned:
            return None  # its settings do not tell which versions its record is of
        if self._named is None:
            self._named = store.named(self._identity)
        hashes = self._named.get((trial.settings_json, trial.describe()), [])
        found = [store.get(each, self._identity, trial.wanted) for each in hashes]
        # Those of other code count as little as they do by their hash. What was stored before it was noted is of 1.
        records = [
            each for each in found if each is not None and each.environment.get("semantics", 1) == SEMANTICS
        ]
        if len({repr(_told(each)) for each in records}) > 1:
            raise DataError(
                f"its data are not here, and the store has {len(records)} different records of '{trial.describe()}'",
                hint="set EDGEBENCH_DATA, which tells which of them counts",
            )
        return records[0] if records else None

    def cost(self, trial: Trial) -> Cost | None:
        """What the trial will cost; baselines count for the effects that were looked at before."""
        return self.costs.of(trial, self._recorded.get(trial.settings_json))

    def seconds(self, trial: Trial) -> float | None:
        cost = self.cost(trial)
        return None if cost is None else cost.seconds

    def timed(self, trial: Trial) -> float | None:
        cost = self.cost(trial)
        return cost.seconds if cost is not None and cost.source == "timed" else None

    def decided(
        self, claim: Claim, case: Case, tier: Tier, effect: Effect, looks: Sequence[int]
    ) -> Sequence[float]:
        prospect = self.prospect(claim, case, tier, effect)
        if prospect.verdict is not None:
            return [1.0] * len(looks)
        if prospect.forecast is None:
            return super().decided(claim, case, tier, effect, looks)
        by_look = dict(zip(tier.looks, prospect.forecast.decided, strict=True))
        return [by_look[look] for look in looks]

    def prospect(self, claim: Claim, case: Case, tier: Tier, effect: Effect) -> Prospect:
        """How an effect stands, and what is expected of it.

        Raises:
            DataError: when a dataset is missing.
            StoreError: when the store cannot be read.
        """
        arms = arms_to_run(effect, claim, tier)
        pairs = trials_of(claim, tier, arms, range(tier.looks[-1]), (effect,), self._inputs)
        trials = tuple({trial.hash: trial for _, trial in pairs}.values())
        observed: dict[tuple[str, int], Measured] = {}
        for arm, trial in pairs:
            record = self.record(trial)
            if record is None or record.measured is None:
                break
            observed[arm, trial.seed] = record.measured
        seeds = len(observed) // len(arms)
        remarks: list[str] = []
        stored = self._stored(claim, tier, item_key(effect.key, case.id), remarks)
        if stored is not None and stored.trial_seconds is not None:
            for trial in trials[: len(arms)]:
                # A trend has the mean over all its cases, and comes after them.
                self._recorded.setdefault(trial.settings_json, stored.trial_seconds)
        try:
            verdict = judge_stored(effect, claim, tier, observed, seeds)
            if verdict is not None or claim.exact:
                return Prospect(trials, seeds, verdict, None, tuple(remarks))
            values = effect_values(effect, tier, observed, range(seeds))
        except ExpressionError as error:
            return Prospect(trials, seeds, None, None, (*remarks, str(error)))
        expected = forecast(values, elsewhere(values, stored), effect.expect, effect.margin, tier.looks)
        return Prospect(trials, seeds, None, expected, tuple(remarks))

    def _stored(self, claim: Claim, tier: Tier, item: str, remarks: list[str]) -> BaselineEffect | None:
        try:
            baseline = self._baseline(claim, tier.name)
        except BaselineError as error:
            remarks.append(str(error))
            return None
        return None if baseline is None else baseline.effects.get(item)


def _told(record: Record) -> tuple[object, ...]:
    """What two trainings of the same on the same data have in common: all but how long they took."""
    assert record.measured is not None
    metrics = {name: each for name, each in record.measured.metrics.items() if name != "train_seconds"}
    return sorted(metrics.items()), sorted(record.measured.curves.items()), record.measured.diverged


def elsewhere(values: Sequence[float], stored: BaselineEffect | None) -> tuple[float, ...]:
    """The values of a baseline that tell something which the observed ones do not.

    Where the first ones are equal, the baseline was recorded on this machine: they are the same trials, and count once.
    A baseline that has nothing to do with what is observed (the 99 % prediction interval of its own values does not
    reach the observed mean) is left aside: the claim may have changed since.
    """
    if stored is None or stored.interval is None:
        return ()
    if not values:
        return stored.seeds
    n, m = len(values), len(stored.seeds)
    if all(math.isclose(a, b, rel_tol=_WRITTEN) for a, b in zip(values, stored.seeds, strict=False)):
        return stored.seeds[n:]
    reach = prediction_half_width(stored.seeds) * math.sqrt((1 / n + 1 / m) / (2 / m))
    return stored.seeds if abs(fmean(values) - fmean(stored.seeds)) <= reach else ()
