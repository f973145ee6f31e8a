"""A loaded claim: everything resolved, checked and frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from edgebench.claim.configured import is_setting
from edgebench.claim.expression import Expression
from edgebench.claim.metrics import EXACT_KINDS
from edgebench.claim.models import PaperFile
from edgebench.claim.problems import Mark
from edgebench.claim.settings import Kind, Settings
from edgebench.judge.expectation import Expectation

DEFAULT_LOOKS = (5, 10, 20)


@dataclass(frozen=True)
class Effect:
    """A quantity, what the claim expects of it, and what the paper published."""

    key: str
    value: Expression
    expect: Expectation
    margin: float
    published: float | None
    unit: str
    note: str | None
    mark: Mark

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms of which the value reads a measurement, in order of appearance."""
        return tuple(dict.fromkeys(arm for arm, name in self.value.references if not is_setting(name)))


@dataclass(frozen=True)
class Tier:
    """A budget: the resolved settings of every arm, and at which numbers of seeds to look.

    Attributes:
        floor: least means of the metrics of the claim's reference arm.
        floors: the same for further arms: a trend's reference arms, one of each case that it is taken over.
        folds: for each cross-validated arm, which is not among `arms`, the names of its folds, which are.
    """

    name: str
    arms: Mapping[str, Settings]
    looks: tuple[int, ...]
    floor: Mapping[str, float]
    timeout: float | None
    memory: float | None
    floors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    folds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def parts(self, arm: str) -> tuple[str, ...]:
        """The names among `arms` of what is trained for an arm: of its folds, or its own."""
        return self.folds.get(arm, (arm,))

    def settings(self, arm: str) -> Settings | None:
        """The settings of an arm, of the first fold where it is cross-validated; None when there is no such arm."""
        return self.arms.get(self.parts(arm)[0])


class Place(NamedTuple):
    """Where a case stands on one axis of a matrix: the number of its entry, from 0, and what that is called."""

    axis: str
    entry: int
    label: str


@dataclass(frozen=True)
class Case:
    """One case of a claim's matrix (the only one, with an empty id, where there is no matrix).

    Attributes:
        place: its entry on each axis of the matrix, in their order.
        over: ids of the cases that trends are taken over, where this is the case of a claim's trends: its id is empty,
            and its arms are those of all the others, as `arm[case]`.
    """

    id: str
    tiers: Mapping[str, Tier]
    effects: Mapping[str, Effect]
    place: tuple[Place, ...] = ()
    over: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """A claim file, resolved.

    Attributes:
        id: `<paper>/<file name without .yaml>`.
        reference: the arm whose floor decides whether a comparison means anything.
        lint: rules of `edgebench.judge.lint` that it is an exception to, each with the reason.
    """

    id: str
    path: Path
    statement: str
    where: str
    tags: tuple[str, ...]
    note: str | None
    kind: Kind
    reference: str
    cases: tuple[Case, ...]
    lint: Mapping[str, str] = field(default_factory=dict)

    @property
    def paper(self) -> str:
        return self.id.split("/")[0]

    @property
    def exact(self) -> bool:
        """Whether the values do not depend on a seed."""
        return self.kind in EXACT_KINDS

    def floors(self, tier: Tier) -> dict[str, Mapping[str, float]]:
        """The least means that arms must reach at a tier, by arm; none where there is no floor."""
        return {arm: floor for arm, floor in {self.reference: tier.floor, **tier.floors}.items() if floor}

    @property
    def tiers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for case in self.cases for name in case.tiers))


@dataclass(frozen=True)
class Paper:
    """A folder of claims."""

    id: str
    path: Path
    file: PaperFile


def item_key(effect: str, case: str) -> str:
    """The name of one judged item of a claim, in test ids and baselines: `params[conv]`, or `mixup`.

    Among all cases of a matrix, arms are called in the same way: `plain[conv]`.
    """
    return f"{effect}[{case}]" if case else effect
