"""A case of a claim on its way to verdicts: what is still pending, at which look, and what became of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgebench.claim.claim import Case, Claim, Effect, Tier
from edgebench.judge.verdict import Verdict
from edgebench.run import environment


@dataclass(frozen=True)
class Judged:
    """What became of an effect: a verdict, or why there is none.

    Attributes:
        failure: what went wrong, when it cannot be judged.
        missing: it failed because data or weights are not on this machine.
        pending: what is still to be done, when the time budget ended before a verdict.
        cached, trained: how many of its trials came from the store, and how many were run.
        diverged: how many of its trials diverged; they count with their worst values.
        seconds: how long its trials took, all of them together, whoever ran them.
        identity: of the machines that its trials ran on.
    """

    effect: Effect
    verdict: Verdict | None
    failure: str | None = None
    pending: str | None = None
    missing: bool = False
    cached: int = 0
    trained: int = 0
    diverged: int = 0
    seconds: float = 0.0
    identity: Mapping[str, str | int] = field(default_factory=environment.identity)


@dataclass
class CaseState:
    """How far a case is.

    Attributes:
        pending: the effects that are not settled.
        look: the number of seeds that is worked towards.
        needed: hash of each trial that this takes, by (arm, seed).
        planned: the look and the arms that `needed` was made for.
        verdicts: how many effects are expected to be decided at each of `looks` or before; empty until somebody asks.
        promise: verdicts per second (`edgebench.run.order`) when so many trials were still to be started.
    """

    claim: Claim
    case: Case
    tier: Tier
    pending: dict[str, Effect]
    look: int
    judged: dict[str, Judged] = field(default_factory=dict)
    needed: dict[tuple[str, int], str] = field(default_factory=dict)
    planned: tuple[int, tuple[str, ...]] | None = None
    verdicts: tuple[float, ...] = ()
    promise: tuple[int, float] | None = None

    @property
    def looks(self) -> tuple[int, ...]:
        """The current look and those after it; exact values are decided by the first."""
        later = () if self.claim.exact else self.tier.looks
        return (self.look, *(look for look in later if look > self.look))

    def settle(self, judged: Judged) -> None:
        """Note what became of an effect."""
        self.judged[judged.effect.key] = judged
        del self.pending[judged.effect.key]
