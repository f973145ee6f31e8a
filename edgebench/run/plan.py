"""What a run would do: which trials it would train, what it would cost, and how its verdicts would probably end.

Nothing is run and nothing is written: the store is only read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from edgebench.claim.claim import Case, Claim, Effect, Tier, item_key
from edgebench.errors import DataError
from edgebench.judge.forecast import Forecast
from edgebench.judge.verdict import Outcome, Verdict
from edgebench.run import environment
from edgebench.run.costs import Cost
from edgebench.run.options import Options
from edgebench.run.outlook import Prospect, ReadBaseline, StoredOutlook
from edgebench.run.store import Store
from edgebench.run.trial import Trial


@dataclass(frozen=True)
class Look:
    """What an effect lacks up to one of its looks.

    Attributes:
        seeds: the look.
        missing: hashes of the trials up to it that the store does not have.
        seconds: expected time of these, one after another; None when that of any is unknown.
    """

    seeds: int
    missing: frozenset[str]
    seconds: float | None


@dataclass(frozen=True)
class Item:
    """The plan of one effect of one case.

    Attributes:
        seeds: of how many seeds, from the first, the store has all trials.
        verdict: the verdict that the store gives already.
        error: why nothing can be said, such as a dataset that is not here.
        looks: those still to come, none when the verdict is there; a single one of 1 seed for exact quantities.
        forecast: None when there is nothing to go by, for exact quantities, and where the verdict is there.
        sources: where the expected times come from.
        remarks: sentences on what could not be used.
    """

    claim: Claim
    case: Case
    tier: Tier
    effect: Effect
    seeds: int = 0
    verdict: Verdict | None = None
    error: str | None = None
    looks: tuple[Look, ...] = ()
    forecast: Forecast | None = None
    sources: frozenset[str] = frozenset()
    remarks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Effect key, with the case where the claim has a matrix."""
        return item_key(self.effect.key, self.case.id)

    @property
    def reach(self) -> tuple[float, ...]:
        """The chance that each of `looks` is reached; without a forecast, all of them count as certain."""
        if self.forecast is None:
            return (1.0,) * len(self.looks)
        decided = dict(zip(self.tier.looks, self.forecast.decided, strict=True))
        return (1.0, *(1 - decided[look.seeds] for look in self.looks[:-1]))[: len(self.looks)]

    @property
    def seconds(self) -> float | None:
        """Expected time of the trials that it will take, one after another; None when unknown."""
        if self.error is not None or (self.looks and self.looks[-1].seconds is None):
            return None
        upto = [0.0, *(look.seconds or 0.0 for look in self.looks)]
        return sum(chance * (b - a) for chance, (a, b) in zip(self.reach, pairwise(upto), strict=True))

    @property
    def inconclusive(self) -> float | None:
        """The chance of an inconclusive verdict; None when unknown."""
        if self.verdict is not None:
            return float(self.verdict.outcome is Outcome.inconclusive)
        if self.claim.exact and self.error is None:
            return 0.0
        return None if self.forecast is None else self.forecast.inconclusive


@dataclass
class Needed:
    """A trial that a run may need, once however many cases share it.

    Attributes:
        cached: the store has it.
        cost: None when unknown.
        spared: the chance that it will not be needed, effects taken as independent; 0 where a next look needs it.
        cases: the claims, with the case where there is a matrix, that share it.
    """

    trial: Trial
    cached: bool
    cost: Cost | None
    spared: float = 1.0
    is_next: bool = False
    cases: dict[str, None] = field(default_factory=dict)


_Weight = Callable[[Needed], float]


@dataclass(frozen=True)
class Total:
    """Trials to run, with their time.

    Attributes:
        trials: how many, without doubles.
        seconds: wall-clock time on the plan's workers, never below that of the longest trial.
        unknown: how many of them are of unknown length, and not in `seconds`.
    """

    trials: float
    seconds: float
    unknown: float


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes:
        items: every effect of the claims that have the tier.
        trials: every trial that may be needed, by its hash.
        workers: trials at a time.
    """

    items: tuple[Item, ...]
    trials: dict[str, Needed]
    workers: int

    @property
    def cached(self) -> int:
        return sum(trial.cached for trial in self.trials.values())

    @property
    def next(self) -> Total:
        """Up to the next look of every effect."""
        return self._total(lambda trial: float(trial.is_next))

    @property
    def expected(self) -> Total:
        """What will probably be run; effects without a forecast count up to their last look."""
        return self._total(lambda trial: 1 - trial.spared)

    @property
    def most(self) -> Total:
        """Up to the last look of every effect."""
        return self._total(lambda trial: 1.0)

    @property
    def shared(self) -> dict[tuple[str, ...], int]:
        """How many trials, to run or cached, are shared by which cases."""
        found: dict[tuple[str, ...], int] = {}
        for trial in self.trials.values():
            if len(trial.cases) > 1:
                found[tuple(trial.cases)] = found.get(tuple(trial.cases), 0) + 1
        return found

    @property
    def spared(self) -> int:
        """Runs that sharing saves, of trials that the store does not have."""
        return sum(len(trial.cases) - 1 for trial in self.trials.values() if not trial.cached)

    @property
    def inconclusive(self) -> float:
        """Expected number of inconclusive verdicts, among the effects of which anything is known."""
        return sum(item.inconclusive or 0.0 for item in self.items)

    def _total(self, weight: _Weight) -> Total:
        left = [(trial, weight(trial)) for trial in self.trials.values() if not trial.cached]
        known = [(trial, trial.cost.seconds, share) for trial, share in left if trial.cost is not None]
        beside = [(seconds, share) for trial, seconds, share in known if not trial.trial.alone]
        longest = max((seconds for seconds, share in beside if share), default=0.0)
        seconds = max(sum(seconds * share for seconds, share in beside) / self.workers, longest)
        seconds += sum(seconds * share for trial, seconds, share in known if trial.trial.alone)
        unknown = sum(share for trial, share in left if trial.cost is None)
        return Total(sum(share for _, share in left), seconds, unknown)


def plan(claims: Sequence[Claim], options: Options, store: Store | None, baseline: ReadBaseline) -> Plan:
    """Plan a run of the claims that have the options' tier.

    Args:
        store: None where there is none yet; it is only read.
        baseline: reads the baseline of a claim at a tier.

    Raises:
        StoreError: when the store cannot be read.
    """
    outlook = StoredOutlook(store, environment.identity_key(environment.identity(options.device)), baseline)
    items: list[tuple[Item, Prospect | None]] = []
    for claim in claims:
        for case in claim.cases:
            if (tier := options.tier_of(claim, case)) is not None:
                items += [_item(outlook, claim, case, tier, effect) for effect in case.effects.values()]
    # Costs come after all items, because the trials of one may tell what those of another cost.
    trials: dict[str, Needed] = {}
    planned = [
        item if prospect is None else _with_costs(outlook, item, prospect, trials) for item, prospect in items
    ]
    return Plan(tuple(planned), trials, options.workers or environment.available_cores())


def seconds_of(hashes: Iterable[str], trials: Mapping[str, Needed]) -> float | None:
    """Time of some trials, one after another; None when that of any is unknown."""
    costs = [trials[each].cost for each in hashes]
    known = [cost.seconds for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def _item(
    outlook: StoredOutlook, claim: Claim, case: Case, tier: Tier, effect: Effect
) -> tuple[Item, Prospect | None]:
    item = Item(claim, case, tier, effect)
    try:
        prospect = outlook.prospect(claim, case, tier, effect)
    except DataError as error:
        return replace(item, error=str(error)), None
    known = replace(
        item,
        seeds=prospect.seeds,
        verdict=prospect.verdict,
        forecast=prospect.forecast,
        remarks=prospect.remarks,
    )
    return known, prospect


def _with_costs(outlook: StoredOutlook, item: Item, prospect: Prospect, trials: dict[str, Needed]) -> Item:
    """The item with the looks that it still needs; its trials are added to `trials`."""
    ahead: tuple[int, ...] = ()
    if item.verdict is None:
        # Past looks did not decide, and a look of which every trial is there is past.
        later = tuple(look for look in item.tier.looks if look > item.seeds)
        ahead = (1,) if item.claim.exact else later or item.tier.looks[-1:]
    needed = ahead[-1] if item.verdict is None else item.verdict.n
    case = f"{item.claim.id}[{item.case.id}]" if item.case.id else item.claim.id
    mine = [trial for trial in prospect.trials if trial.seed < needed]
    used: list[tuple[int, Trial]] = []  # the seed for which each is needed first
    for trial in mine:
        used += [(trial.seed, each) for each in _with_needs(outlook, trial)]
    seeds: dict[str, int] = {}
    for seed, trial in used:
        seeds.setdefault(trial.hash, seed)
        if trial.hash not in trials:
            trials[trial.hash] = Needed(trial, True, outlook.cost(trial))
        trials[trial.hash].cached &= outlook.record(trial) is not None  # one may want more of it than another
        trials[trial.hash].cases[case] = None
    looks: list[Look] = []
    sources: set[str] = set()
    for look in ahead:
        upto = {trial: trials[trial] for trial, seed in seeds.items() if seed < look}
        missing = frozenset(trial for trial, needed in upto.items() if not needed.cached)
        looks.append(Look(look, missing, seconds_of(missing, trials)))
        sources |= {cost.source for trial in missing if (cost := trials[trial].cost) is not None}
    item = replace(item, looks=tuple(looks), sources=frozenset(sources))
    for each, seed in seeds.items() if ahead else ():
        index = next(index for index, look in enumerate(ahead) if seed < look)
        trials[each].spared *= 1 - item.reach[index]
        trials[each].is_next |= index == 0
    return item


def _with_needs(outlook: StoredOutlook, trial: Trial) -> list[Trial]:
    """The trial after what has to be run before it."""
    needs = (
        [] if trial.needs is None or outlook.record(trial) is not None else _with_needs(outlook, trial.needs)
    )
    return [*needs, trial]
