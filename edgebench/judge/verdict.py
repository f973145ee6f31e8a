"""What the records say of an effect: reproduced, contradicted, inconclusive or invalid.

With the interval [L, U] oriented so that positive is the claimed direction, and the margin m:

    reproduced    L > m
    contradicted  U < m: `negligible` inside ±m, `reversed` U < -m, else `unsupported`
    inconclusive  otherwise, once the last look is reached: `underpowered` or `borderline`

For `~ x ± y` the effect is reproduced when [L, U] lies within the band and contradicted (`above`, `below`)
when it lies wholly outside. Exact quantities are decided by their one value; they are never inconclusive.

Comparisons treat numbers that differ by rounding alone (1e-12 of the larger one) as equal: a value that
exceeds a margin only by the last bits of a division has not cleared it, and one that misses a target by them
equals it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from edgebench.errors import ExpressionError, SettingsError
from edgebench.judge.expectation import Expectation
from edgebench.judge.statistics import Interval, paired_interval, pocock_level, seeds_needed

# Beyond this many times the last look, more seeds are not a plan: the effect sits on its margin.
BORDERLINE_FACTOR = 10
ROUNDING = 1e-12  # share of a number, below which two are equal


class Outcome(StrEnum):
    reproduced = "reproduced"
    contradicted = "contradicted"
    inconclusive = "inconclusive"
    invalid = "invalid"


class Subtype(StrEnum):
    """In which way a verdict is contradicted or inconclusive."""

    negligible = "negligible"
    reversed = "reversed"
    unsupported = "unsupported"
    above = "above"
    below = "below"
    underpowered = "underpowered"
    borderline = "borderline"


SUBTYPES: dict[Outcome, frozenset[Subtype]] = {
    Outcome.reproduced: frozenset(),
    Outcome.contradicted: frozenset(
        {Subtype.negligible, Subtype.reversed, Subtype.unsupported, Subtype.above, Subtype.below}
    ),
    Outcome.inconclusive: frozenset({Subtype.underpowered, Subtype.borderline}),
    Outcome.invalid: frozenset(),
}


@dataclass(frozen=True)
class Verdict:
    """The verdict of one effect and what it rests on, in the effect's own unit and sign.

    Attributes:
        outcome, subtype: the verdict; a subtype only where the outcome has one.
        reason: one sentence for the report.
        value: mean over the seeds used, or the exact value; None when there is nothing to show.
        low, high: interval; None for exact quantities and invalid verdicts.
        n: seeds used (1 for exact quantities, 0 when nothing was judged).
        level: two-sided significance level of the interval, corrected for the number of looks.
        values: the per-seed values that the verdict rests on, in the order of the seeds.
        seeds_needed: for `underpowered`, the seeds it would take if mean and spread stay as they are.
    """

    outcome: Outcome
    subtype: Subtype | None
    reason: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    level: float | None
    values: tuple[float, ...]
    seeds_needed: int | None = None


@dataclass(frozen=True)
class Pending:
    """No verdict yet: the values so far do not decide, and another look at `next_look` seeds is declared."""

    next_look: int


def judge_exact(value: float, expectation: Expectation, margin: float = 0.0) -> Verdict:
    """Judge a deterministic quantity by its one value.

    A value at the margin itself has not cleared it and counts as contradicted.

    Raises:
        ExpressionError: a value that is not finite.
        SettingsError: a negative or infinite margin, or a margin on `~` or `==`.
    """
    _check_margin(expectation, margin)
    _check_values((value,))
    at_margin = (Outcome.contradicted, Subtype.negligible)
    outcome, subtype = _decide(value, value, expectation, margin) or at_margin
    reason = _reason(f"{value:.10g}", subtype, expectation, margin)
    return Verdict(outcome, subtype, reason, value, None, None, 1, None, (value,))


def judge_seeds(
    values: Sequence[float], expectation: Expectation, margin: float, looks: Sequence[int]
) -> Verdict | Pending:
    """Judge a stochastic effect from its per-seed values, looked at only at the declared numbers of seeds.

    The first look whose interval decides is final, so values beyond it never change the verdict.

    Args:
        values: the effect per seed, in the order of the public seed sequence.
        expectation: `> x`, `< x` or `~ x ± y`.
        margin: smallest effect worth the name, ≥ 0, in the effect's unit; 0 for `~`, which has its band.
        looks: increasing numbers of seeds, the first at least 2.

    Raises:
        ExpressionError: `==`, or a value that is not finite.
        SettingsError: an impossible margin or looks.
    """
    _check_margin(expectation, margin)
    if expectation.relation == "==":
        raise ExpressionError(
            f"'{expectation}' is asked of an effect that varies from seed to seed",
            expected="'==' for exact quantities only",
            hint="write '~ x ± y' with the band that counts as equal",
        )
    try:
        level = pocock_level(tuple(looks))
    except ValueError as error:
        raise SettingsError(
            f"looks {list(looks)} cannot be used: {error}",
            expected="increasing whole numbers such as [5, 10, 20]",
        ) from None
    for look in looks:
        if len(values) < look:
            return Pending(look)
        seen = tuple(float(value) for value in values[:look])
        _check_values(seen)
        interval = _interval(seen, level)
        decision = _decide(interval.low, interval.high, expectation, margin)
        if decision is not None:
            outcome, subtype = decision
            reason = _reason(_shown(interval), subtype, expectation, margin)
            return _verdict(outcome, subtype, reason, interval, seen)
    return _inconclusive(interval, seen, expectation, margin)


def invalid_verdict(reason: str, values: Sequence[float] = ()) -> Verdict:
    """The verdict when a comparison means nothing, such as a reference arm below its sanity floor."""
    seen = tuple(float(value) for value in values)
    return Verdict(Outcome.invalid, None, reason, None, None, None, len(seen), None, seen)


def _decide(
    low: float, high: float, expectation: Expectation, margin: float
) -> tuple[Outcome, Subtype | None] | None:
    """The decision of an interval (or of a value as [v, v]); None when it does not decide."""
    target = expectation.target
    if expectation.relation in ("~", "=="):
        band = expectation.band or 0.0
        if _below(high, target - band, target):
            return Outcome.contradicted, Subtype.below
        if _below(target + band, low, target):
            return Outcome.contradicted, Subtype.above
        inside = not _below(low, target - band, target) and not _below(target + band, high, target)
        return (Outcome.reproduced, None) if inside else None
    if expectation.relation == "<":  # larger values in the claimed direction; negation is exact in floats
        low, high, target = -high, -low, -target
    if _below(target + margin, low, target):
        return Outcome.reproduced, None
    if not _below(high, target + margin, target):
        return None
    if _below(high, target - margin, target):
        return Outcome.contradicted, Subtype.reversed
    inside = not _below(low, target - margin, target)
    return Outcome.contradicted, Subtype.negligible if inside else Subtype.unsupported


def _below(a: float, b: float, target: float) -> bool:
    """a < b by more than the rounding of numbers of this size."""
    return b - a > ROUNDING * max(abs(a), abs(b), abs(target))


def _inconclusive(
    interval: Interval, seen: tuple[float, ...], expectation: Expectation, margin: float
) -> Verdict:
    edge = _nearest_edge(interval.mean, expectation, margin)
    cap = BORDERLINE_FACTOR * interval.n
    needed = seeds_needed(seen, edge, interval.level, cap)
    shown = f"{_shown(interval)} does not decide {_claimed(expectation, margin)}"
    if needed is not None and needed > interval.n:
        reason = f"{shown}; it would take about {needed} seeds if mean and spread stay as they are"
        return _verdict(Outcome.inconclusive, Subtype.underpowered, reason, interval, seen, needed)
    if min(seen) == max(seen):
        reason = f"{shown}: every seed gave exactly this value, so check that the arms differ at all"
    else:
        reason = f"{shown}: the mean is so near {edge:.6g} that even {cap} seeds would not"
    return _verdict(Outcome.inconclusive, Subtype.borderline, reason, interval, seen)


def _nearest_edge(mean: float, expectation: Expectation, margin: float) -> float:
    """The limit that the interval has to clear: of a band, the one nearer to the mean."""
    if expectation.band is not None:
        target, band = expectation.target, expectation.band
        return target + band if mean > target else target - band
    return expectation.target + (margin if expectation.relation == ">" else -margin)


def _verdict(
    outcome: Outcome,
    subtype: Subtype | None,
    reason: str,
    interval: Interval,
    seen: tuple[float, ...],
    needed: int | None = None,
) -> Verdict:
    return Verdict(
        outcome,
        subtype,
        reason,
        interval.mean,
        interval.low,
        interval.high,
        interval.n,
        interval.level,
        seen,
        needed,
    )


def _shown(interval: Interval) -> str:
    return f"{interval.mean:.6g} [{interval.low:.6g}, {interval.high:.6g}] from {interval.n} seeds"


def _claimed(expectation: Expectation, margin: float) -> str:
    return f"'{expectation}'" + (f" with margin {margin:.6g}" if margin else "")


_MEANING: dict[Subtype, str] = {
    Subtype.negligible: "no effect worth the name",
    Subtype.reversed: "the effect goes the other way",
    Subtype.unsupported: "the claimed effect is excluded, a reversed one is not",
    Subtype.above: "the value is too large",
    Subtype.below: "the value is too small",
}


def _reason(shown: str, subtype: Subtype | None, expectation: Expectation, margin: float) -> str:
    claimed = _claimed(expectation, margin)
    if subtype is None:
        return f"{shown} satisfies {claimed}"
    return f"{shown} contradicts {claimed}: {_MEANING[subtype]}"


def _interval(seen: tuple[float, ...], level: float) -> Interval:
    try:
        return paired_interval(seen, level)
    except ValueError as error:
        raise ExpressionError(f"the per-seed values have no interval: {error}") from None


def _check_values(values: Sequence[float]) -> None:
    for index, value in enumerate(values):
        if not math.isfinite(value):
            raise ExpressionError(
                f"the value at seed {index} is {value}",
                expected="finite values (a diverged arm counts with its worst value)",
            )


def _check_margin(expectation: Expectation, margin: float) -> None:
    if not (math.isfinite(margin) and margin >= 0):
        raise SettingsError(f"the margin is {margin}", expected="a finite number, 0 or greater")
    if margin and expectation.relation in ("~", "=="):
        raise SettingsError(
            f"'{expectation}' has a margin of {margin:.6g}",
            expected="a margin with '>' and '<' only",
            hint="the band of '~ x ± y' is its margin",
        )
