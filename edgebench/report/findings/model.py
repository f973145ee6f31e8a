"""What a report says, as plain data: papers, their claims, each at its tiers, with items and what is drawn of them.

Nothing here reads files or knows of pages. `edgebench.report.findings.gather` fills it, and every form of report draws
from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from edgebench.judge.audit.audit import Audit
from edgebench.judge.expectation import Expectation
from edgebench.report.heatmap import Grid
from edgebench.report.result import Result

NOT_RUN = "not run"
# The order in which verdicts are listed and counted.
VERDICTS = ("reproduced", "contradicted", "inconclusive", "invalid", "failed", NOT_RUN)


class Source(StrEnum):
    """Where an item's value comes from."""

    store = "store"
    baseline = "baseline"
    nothing = "nothing"


@dataclass(frozen=True)
class Item:
    """One effect of one case of a claim at one tier.

    Attributes:
        result: the item judged from the store; where the store does not decide it, what its baseline says; where there
            is none either, without values, and its verdict is `not run`.
        subtype: in which way the verdict is contradicted or inconclusive; None where it has none.
        diverged: how many of its trials diverged.
        proxy: the verdict is of a shortened run, and speaks of that budget alone.
        state: how it stands to its baseline, in words.
    """

    result: Result
    source: Source
    expect: Expectation
    subtype: str | None
    diverged: int
    proxy: bool
    state: str

    @property
    def verdict(self) -> str:
        return self.result.verdict


@dataclass(frozen=True)
class Band:
    """The curve of one arm over its seeds.

    Attributes:
        trials: how many curves it is of: seeds, times folds where the arm is cross-validated.
        mean, low, high: by epoch: the mean, the smallest and the largest value of the curves that go so far.
    """

    arm: str
    trials: int
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Curves:
    """A metric by epoch, of all arms of a case that have it."""

    case: str
    metric: str
    unit: str
    summary: str
    bands: tuple[Band, ...]


@dataclass(frozen=True)
class Bar:
    """A metric of one arm: mean, smallest and largest over its seeds."""

    arm: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Bars:
    """A cost (memory, operations, parameters, time) of the arms of a case."""

    case: str
    metric: str
    unit: str
    summary: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Point:
    """An arm by gain and cost, means over its seeds; `low` and `high` are of the gain.

    Attributes:
        on_front: no other arm, and not doing nothing (gain 0 at no cost), gives as much at no more cost.
    """

    arm: str
    cost: float
    gain: float
    low: float
    high: float
    on_front: bool


@dataclass(frozen=True)
class Front:
    """The arms that an effect of `front(…)` compares; the first one is the arm that it asks of."""

    case: str
    effect: str
    gain: str
    gain_unit: str
    cost: str
    cost_unit: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Environment:
    """What trials ran on.

    Attributes:
        source: the store's records, or a baseline's.
        facts: what is known of it, in words, by name.
    """

    source: Source
    facts: Mapping[str, str]


@dataclass(frozen=True)
class Seen:
    """How many trials of a tier an environment made, and when; `first` and `last` are empty where nobody noted it."""

    environment: Environment
    trials: int
    first: str
    last: str


@dataclass(frozen=True)
class AtTier:
    """A claim at one tier.

    Attributes:
        items: in the claim's order of cases and effects.
        recorded: who recorded the baseline, when and why; empty without one.
        command: runs exactly this again.
    """

    name: str
    items: tuple[Item, ...]
    curves: tuple[Curves, ...]
    costs: tuple[Bars, ...]
    fronts: tuple[Front, ...]
    grids: tuple[Grid, ...]
    environments: tuple[Seen, ...]
    recorded: str
    command: str

    @property
    def holds(self) -> bool | None:
        """Whether every effect was reproduced; None where that is open."""
        return _holds([item.verdict for item in self.items])


@dataclass(frozen=True)
class ClaimFindings:
    """One claim.

    Attributes:
        arms: all of them, cases and tiers apart, in the claim's order: their colours go by it.
        source: the claim file as it stands.
        path: of that file, as a person types it.
    """

    id: str
    statement: str
    where: str
    kind: str
    tags: tuple[str, ...]
    note: str | None
    arms: tuple[str, ...]
    source: str
    path: str
    tiers: tuple[AtTier, ...]


@dataclass(frozen=True)
class PaperFindings:
    """One paper with its claims, of which there is at least one."""

    id: str
    title: str
    authors: tuple[str, ...]
    year: int
    link: str
    note: str | None
    claims: tuple[ClaimFindings, ...]

    def items(self, tier: str) -> list[Item]:
        """All items of the paper at a tier."""
        return [item for claim in self.claims for at in claim.tiers if at.name == tier for item in at.items]

    def counts(self, tier: str) -> dict[str, int]:
        """How many items at a tier have each verdict, in the order of `VERDICTS`, those that none has left out."""
        counted = Counter(item.verdict for item in self.items(tier))
        return {verdict: counted[verdict] for verdict in VERDICTS if counted[verdict]}

    def holding(self, tier: str) -> tuple[int, int]:
        """How many claims hold at a tier with all their effects, and of how many that is known."""
        known = [at.holds for claim in self.claims for at in claim.tiers if at.name == tier]
        return sum(held is True for held in known), sum(held is not None for held in known)


@dataclass(frozen=True)
class Findings:
    """What a report says.

    Attributes:
        made: when it was put together.
        version: EdgeBench's.
        commit: of the claims, in seven digits with `*` when files differed from it; None outside a repository.
        tiers: those that it has.
        left_out: how many items each further tier has, of which there is neither a result nor a baseline.
        broken: what is wrong with claim files that could not be used.
        audit: of the judge and of these claims; None where none has a baseline.
    """

    made: datetime
    version: str
    commit: str | None
    tiers: tuple[str, ...]
    left_out: Mapping[str, int]
    papers: tuple[PaperFindings, ...]
    broken: tuple[str, ...]
    audit: Audit | None = None

    def claims(self) -> Iterator[ClaimFindings]:
        """All claims, in the order of the papers."""
        for paper in self.papers:
            yield from paper.claims


def _holds(verdicts: list[str]) -> bool | None:
    if any(verdict not in ("reproduced", NOT_RUN) for verdict in verdicts):
        return False
    return None if NOT_RUN in verdicts else True
