"""A loaded claim: everything resolved, checked and frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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
        """The arms that the value reads, in order of appearance."""
        return tuple(dict.fromkeys(arm for arm, _ in self.value.references))


@dataclass(frozen=True)
class Tier:
    """A budget: the resolved settings of every arm, and at which numbers of seeds to look."""

    name: str
    arms: Mapping[str, Settings]
    looks: tuple[int, ...]
    floor: Mapping[str, float]
    timeout: float | None
    memory: float | None


@dataclass(frozen=True)
class Case:
    """One case of a claim's matrix (the only one, with an empty id, where there is no matrix)."""

    id: str
    tiers: Mapping[str, Tier]
    effects: Mapping[str, Effect]


@dataclass(frozen=True)
class Claim:
    """A claim file, resolved.

    Attributes:
        id: `<paper>/<file name without .yaml>`.
        reference: the arm whose floor decides whether a comparison means anything.
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

    @property
    def paper(self) -> str:
        return self.id.split("/")[0]

    @property
    def exact(self) -> bool:
        """Whether the values do not depend on a seed."""
        return self.kind in EXACT_KINDS

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
    """The name of one judged item of a claim, in test ids and baselines: `params[conv]`, or `mixup`."""
    return f"{effect}[{case}]" if case else effect
