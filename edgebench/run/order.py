"""Which work comes first: the cases that promise the most verdicts for a second of training."""

from __future__ import annotations

from collections.abc import Sequence

from edgebench.claim.claim import Case, Claim, Effect, Tier
from edgebench.run.trial import Trial


class Outlook:
    """What is expected of work that is not done yet; this one expects nothing in particular."""

    def seconds(self, trial: Trial) -> float | None:
        """How long a trial will take, by whatever is known of it; None when nothing is."""
        return None

    def timed(self, trial: Trial) -> float | None:
        """How long equal trials took here; None when none was run."""
        return None

    def decided(
        self, claim: Claim, case: Case, tier: Tier, effect: Effect, looks: Sequence[int]
    ) -> Sequence[float]:
        """The chance that the effect is decided at each of the looks or before."""
        return [(index + 1) / len(looks) for index in range(len(looks))]


def promise(seconds: Sequence[float], verdicts: Sequence[float]) -> float:
    """Expected verdicts per second of work, by the look at which that ratio is best.

    A case is a job of unknown length: after each look it may be done. To finish as many such jobs as possible as early
    as possible, work on the one with the greatest ratio of the chance to finish within some amount of work to the work
    that this is expected to take, the amount chosen freely (Gittins 1979; Sevcik 1974).

    Args:
        seconds: what each further look costs on top of the one before, if it comes to that.
        verdicts: how many effects are expected to be decided at each of these looks or before; the last decides all.

    Returns:
        Verdicts per second; infinite when a look costs nothing.
    """
    total = verdicts[-1]
    best = expected = 0.0
    pending = 1.0  # chance that the look is reached, taken as the share of effects that are open before it
    for cost, decided in zip(seconds, verdicts, strict=True):
        expected += pending * cost
        best = max(best, decided / expected if expected > 0 else float("inf"))
        pending = max(0.0, 1.0 - decided / total)
    return best
