"""The judge's rules for many series at once, held to the judge itself.

An audit judges hundreds of thousands of series. It does so with the intervals, the level and the rules that
`edgebench.judge.forecast` has for arrays; some series of every kind are judged by `judge_seeds`, too, and both have to
agree, so that what is audited is the judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgebench.judge import forecast, statistics, verdict
from edgebench.judge.expectation import Expectation
from edgebench.judge.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from edgebench.judge.forecast import Flags, Floats


def decided(values: Floats, expect: Expectation, margin: float, looks: Sequence[int]) -> tuple[Flags, Flags]:
    """Which series end reproduced and which contradicted, by the first look that decides.

    Args:
        values: one series a row, at least as long as the last look.

    Returns:
        Two flags for each series, neither where no look decides.
    """
    import numpy as np

    level = statistics.pocock_level(tuple(looks))
    reproduced, contradicted = np.zeros(len(values), bool), np.zeros(len(values), bool)
    for look in looks:
        low, high = forecast.intervals(values[:, :look], level)
        yes, no = forecast.decisions(low, high, expect, margin)
        open_ = ~(reproduced | contradicted)
        reproduced |= open_ & yes
        contradicted |= open_ & no
    return reproduced, contradicted


def disagreements(values: Floats, expect: Expectation, margin: float, looks: Sequence[int], most: int) -> int:
    """Of the first `most` series, how many the judge itself judges otherwise than `decided`."""
    yes, no = decided(values[:most], expect, margin, looks)
    wrong = 0
    for series, reproduced, contradicted in zip(values[:most].tolist(), yes, no, strict=True):
        found = verdict.judge_seeds(series, expect, margin, looks)
        outcome = found.outcome if isinstance(found, Verdict) else None
        wrong += (outcome is Outcome.reproduced) != reproduced
        wrong += (outcome is Outcome.contradicted) != contradicted
    return wrong
