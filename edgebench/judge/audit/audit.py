"""The whole audit of a suite: false decisions, coverage, power and mutations, and what of it is not as it must be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgebench.judge.audit.mutation import Fate, Mutated, mutate
from edgebench.judge.audit.noise import Tails, tails
from edgebench.judge.audit.simulation import DRAWS, Simulated, simulate
from edgebench.judge.audit.splits import LIMIT, Splits, splits
from edgebench.judge.audit.subject import Subject


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        splits: false decisions on stored differences; None where no effect has seeds that differ.
        tails: of the stored noise; None where too few effects have enough seeds.
        mutated: each effect at each tier.
    """

    splits: Splits | None
    tails: Tails | None
    simulated: Simulated
    mutated: tuple[Mutated, ...]

    @property
    def vacuous(self) -> tuple[Mutated, ...]:
        """The effects that a mutation leaves reproduced, those apart of which the claim itself says why."""
        return tuple(each for each in self.mutated if each.survivors and each.explained is None)

    @property
    def explained(self) -> tuple[Mutated, ...]:
        """The effects that a mutation leaves reproduced, and of which the claim says why."""
        return tuple(each for each in self.mutated if each.survivors and each.explained is not None)

    def fates(self) -> dict[str, Counter[Fate]]:
        """For each kind of mutation, how many effects' mutants met which fate."""
        found: dict[str, Counter[Fate]] = {}
        for each in self.mutated:
            for mutant in each.mutants:
                found.setdefault(mutant.kind, Counter())[mutant.fate] += 1
        return found

    def tried(self, kind: str) -> int:
        """How many mutants of a kind were judged."""
        return sum(mutant.tried for each in self.mutated for mutant in each.mutants if mutant.kind == kind)

    def failures(self) -> list[str]:
        """What must not be, one sentence each; none for a judge and a suite that can be trusted."""
        found = [*self._of_splits(), *self._of_simulation()]
        for each in self.vacuous:
            for mutant in each.survivors:
                name = f"{each.subject.name} at {each.subject.tier.name}"
                found.append(f"{name} is vacuous under '{mutant.kind}': {mutant.said}")
        return found

    def _of_splits(self) -> Iterable[str]:
        if self.splits is None:
            return
        if self.splits.overall.above:
            yield f"of A/A series {self.splits.overall.rate:.2f} % are decided, more than {LIMIT} %"
        for looks, rate in self.splits.by_looks.items():
            if rate.above:
                series = f"A/A series looked at {_listed(looks)} seeds"
                yield f"of {series} {rate.rate:.2f} % are decided, more than {LIMIT} %"
        if self.splits.halves is not None and self.splits.halves.above:
            yield f"of halves {self.splits.halves.rate:.2f} % turn each other's decision, more than {LIMIT} %"

    def _of_simulation(self) -> Iterable[str]:
        for coverage in self.simulated.coverage:
            for missed in coverage.missed:
                if missed.above:
                    where = f"looked at {_listed(coverage.looks)} seeds with {missed.noise} noise"
                    yield f"intervals {where} leave out the mean in {missed.rate:.2f} % of cases, more than {LIMIT} %"
        wrong = self.simulated.disagreements + (self.splits.disagreements if self.splits else 0)
        if wrong:
            yield f"the judge decides {wrong} series otherwise than the rules that the rates rest on"


def audit(subjects: Sequence[Subject], draws: int = DRAWS) -> Audit:
    """Audit the judge on some effects, and these effects by mutation; the same twice, and without training.

    Args:
        draws: series of each simulated noise.
    """
    together: dict[tuple[str, str], list[Subject]] = {}
    for subject in subjects:
        together.setdefault((subject.claim.id, subject.tier.name), []).append(subject)
    return Audit(
        splits=splits(subjects),
        tails=tails([subject for subject in subjects if not subject.exact]),
        simulated=simulate(subjects, draws),
        mutated=tuple(mutate(each, together[each.claim.id, each.tier.name]) for each in subjects),
    )


def _listed(looks: Sequence[int]) -> str:
    return (
        " and ".join([", ".join(map(str, looks[:-1])), str(looks[-1])]) if len(looks) > 1 else str(looks[0])
    )
