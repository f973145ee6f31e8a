"""The reviewed result that a claim is held against: derive one from a verdict, compare a verdict with one.

A baseline whose verdict is contradicted or inconclusive is legal as long as it gives the reason: the item is
green while the verdict stays the same. An invalid verdict has nothing to hold anyone to and cannot be recorded.

Effects of times (`timed`, of claims of kind `latency`) are ratios, yet they belong to a machine more than others do:
what costs much on one processor may cost little on another. On another machine their value is therefore not held to
the tolerance, only their decision. On the same machine, the repetitions of one run differ less from each other than two
runs that are days apart do: the tolerance has a floor.

Sizes of files (`packed`) are exact with the libraries that write them, and the next version of one may pack the same
numbers a little differently: their tolerance is a share of the value.

A new baseline moves what the next value is held against, so that small steps, each within its tolerance or each
accepted by somebody, may add up. Every baseline therefore keeps the first accepted one of its line in sight.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from edgebench.claim.fields import Strict, as_tuple
from edgebench.errors import BaselineError
from edgebench.judge.statistics import prediction_half_width
from edgebench.judge.verdict import SUBTYPES, Outcome, Subtype, Verdict

# What writing and reading a float, or summing it in another order, may change.
_FLOAT_ALLOWANCE = 1e-9
# What rounding the stored seeds and the tolerance may do to their ratio.
_TOLERANCE_ROUNDING = 1e-3
# Least tolerance of times, as a share of the value: what another run on the same machine may well show.
TIMED_FLOOR = 0.15
# Tolerance of sizes of files, as a share of the value.
PACKED_SHARE = 0.05

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]


def as_outcome(value: Any) -> Any:
    """The outcome that a text names; anything else as it is, for the validation to refuse."""
    return Outcome(value) if isinstance(value, str) and value in list(Outcome) else value


def _subtype(value: Any) -> Any:
    return Subtype(value) if isinstance(value, str) and value in list(Subtype) else value


def _date(value: Any) -> Any:
    """A date is text in YAML 1.2."""
    return datetime.date.fromisoformat(value) if isinstance(value, str) else value


class Recorded(Strict):
    """Who recorded or last reviewed a baseline, when and why."""

    by: Text
    when: Annotated[datetime.date, BeforeValidator(_date)]
    why: Text


class First(Strict):
    """The first accepted baseline of an effect, in the effect's own unit."""

    when: Annotated[datetime.date, BeforeValidator(_date)]
    verdict: Annotated[Outcome, BeforeValidator(as_outcome)]
    value: float
    tolerance: Annotated[float, Field(ge=0)]


class BaselineEffect(Strict):
    """The expected verdict of one effect, with what it rests on, in the effect's own unit."""

    verdict: Annotated[Outcome, BeforeValidator(as_outcome)]
    subtype: Annotated[Subtype, BeforeValidator(_subtype)] | None = None
    reason: str = Field("", description="why this is the expected verdict; required unless reproduced")
    value: float = Field(description="mean over the seeds, or the exact value")
    interval: Annotated[tuple[float, float], BeforeValidator(as_tuple)] | None = Field(
        None, description="[low, high]; left out for exact quantities"
    )
    seeds: Annotated[tuple[float, ...], BeforeValidator(as_tuple), Field(min_length=1)] = Field(
        description="the value of each seed"
    )
    tolerance: Annotated[float, Field(ge=0)] = Field(description="how far the value may move; 0 is exact")
    timed: bool = Field(False, description="a comparison of times, of a claim of kind `latency`")
    packed: bool = Field(False, description="of sizes of files, of a claim of kind `file`")
    trial_seconds: Annotated[float, Field(ge=0)] | None = Field(
        None, description="mean time of a trial that the verdict rests on, where it was recorded"
    )
    first: First | None = Field(
        None, description="the first accepted baseline; left out while this is the first"
    )

    @model_validator(mode="after")
    def _consistent(self) -> BaselineEffect:
        if self.verdict is Outcome.invalid:
            raise ValueError("an invalid verdict cannot be expected")
        if self.subtype is not None and self.subtype not in SUBTYPES[self.verdict]:
            raise ValueError(f"a {self.verdict} effect has no subtype '{self.subtype}'")
        if self.verdict is not Outcome.reproduced and not self.reason.strip():
            raise ValueError(f"a {self.verdict} effect needs a reason")
        self._check_tolerance()
        if self.interval is not None and not self.interval[0] <= self.value <= self.interval[1]:
            raise ValueError("the value lies outside its interval")
        return self

    def _check_tolerance(self) -> None:
        """A reviewer may tighten a tolerance; a wider one than the seeds give would guard against nothing."""
        if self.interval is None:
            most = PACKED_SHARE * abs(self.value) if self.packed else 0.0
            if len(self.seeds) > 1 or self.tolerance > most * (1 + _TOLERANCE_ROUNDING):
                allowed = f"at most {most:.6g}" if self.packed else "0"
                raise ValueError(
                    f"an exact value (without interval) has one seed and a tolerance of {allowed}"
                )
            return
        if len(self.seeds) < 2:
            raise ValueError("an interval needs the values of at least 2 seeds")
        derived = _tolerance(self.seeds, self.value, timed=self.timed)
        if self.tolerance > derived * (1 + _TOLERANCE_ROUNDING):
            raise ValueError(
                f"the tolerance is {self.tolerance:g}; the seeds give {derived:.6g}, and no more"
            )


class Baseline(Strict):
    """The committed result of one claim at one tier."""

    claim: Text = Field(description="claim id, e.g. `netaug/regularisers-hurt-tiny`")
    tier: Text
    recorded: Recorded
    environment: dict[str, JsonValue] = Field(default_factory=dict)
    effects: Annotated[dict[str, BaselineEffect], Field(min_length=1)]


@dataclass(frozen=True)
class Comparison:
    """How a verdict stands to its baseline.

    Attributes:
        matches: neither flipped nor drifted; the item is green.
        flipped: the outcome is another one (a change of subtype alone is explained, not a flip).
        drifted: the value lies further from the stored one than the tolerance.
        compatible: another outcome, yet no flip: one of the two is inconclusive, and the machine is another one or the
            effect compares times.
        moved: what has moved since the first accepted baseline: another verdict, or a value further from the first one
            than its tolerance; None when nothing has. It makes no item red: a person accepted every step.
        explanation: plain sentences, empty only when there is nothing to remark.
    """

    matches: bool
    flipped: bool
    drifted: bool
    compatible: bool
    moved: str | None
    explanation: tuple[str, ...]


def derive(verdict: Verdict, *, timed: bool = False, packed: bool = False) -> BaselineEffect:
    """The baseline that expects this verdict again.

    The tolerance is 0 for exact values (of sizes of files `PACKED_SHARE` of the value), else the 99 % prediction
    half-width of the mean of as many new seeds; of times at least `TIMED_FLOOR` of the value. Numbers are rounded to 6
    significant digits (seeds to 9) where the tolerance makes the rest meaningless.

    Raises:
        BaselineError: an invalid verdict.
    """
    if verdict.outcome is Outcome.invalid or verdict.value is None:
        raise BaselineError(
            f"an invalid verdict cannot be recorded: {verdict.reason}",
            expected="a verdict on trials whose reference arm reaches its sanity floor",
        )
    exact = verdict.low is None or verdict.high is None
    tolerance = PACKED_SHARE * abs(verdict.value) if packed else 0.0
    if not exact:
        tolerance = _tolerance(verdict.values, verdict.value, timed=timed)
    interval = None
    if verdict.low is not None and verdict.high is not None:
        interval = (_rounded(verdict.low, tolerance), _rounded(verdict.high, tolerance))
    return BaselineEffect(
        verdict=verdict.outcome,
        subtype=verdict.subtype,
        reason="" if verdict.outcome is Outcome.reproduced else verdict.reason,
        value=_rounded(verdict.value, tolerance),
        interval=interval,
        seeds=tuple(_rounded(value, tolerance, digits=9) for value in verdict.values),
        tolerance=float(f"{tolerance:.6g}"),
        timed=timed,
        packed=packed,
    )


def _tolerance(seeds: Sequence[float], value: float, *, timed: bool) -> float:
    floor = TIMED_FLOOR * abs(value) if timed else 0.0
    return max(prediction_half_width(seeds), floor)


def _rounded(value: float, tolerance: float, digits: int = 6) -> float:
    """The value at so many significant digits, unless that would move it noticeably within its tolerance."""
    short = float(f"{value:.{digits}g}")
    return short if abs(short - value) <= 1e-4 * tolerance else value


def compare(verdict: Verdict, baseline: BaselineEffect, *, same_machine: bool = True) -> Comparison:
    """Hold a verdict against the expected one: the outcome must be equal, the value within the tolerance.

    On another machine (processor, torch, …) rounding differs, training amplifies it, and a trained value is a new
    sample. An effect near its limit is then decided on one machine and not on the other, with nothing wrong on either:
    between `inconclusive` and a decision, a value within the tolerance of a new sample is compatible. A decision that
    is turned into its opposite is a flip everywhere.

    Of times, that holds on the same machine too; and on another machine their value may be anything, as long as no
    decision is turned.
    """
    changed = verdict.outcome is not baseline.verdict
    said: list[str] = []
    if not changed and verdict.subtype is not baseline.subtype:
        said.append(
            f"the verdict is {verdict.outcome} as before, now {verdict.subtype}, then {baseline.subtype}"
        )
    drifted = False
    if verdict.value is not None:
        tolerance = baseline.tolerance * (
            1.0 if same_machine else _sample_factor(verdict.n, len(baseline.seeds))
        )
        drifted = not _within(verdict.value, baseline.value, tolerance)
        if drifted and baseline.timed and not same_machine:
            drifted = False
            said.append(
                f"the value was {baseline.value:.4g} and is now {verdict.value:.4g}: "
                "times of another machine, which nobody is held to"
            )
        if drifted:
            limit = f"the tolerance is {tolerance:.6g}" if tolerance else "it should be exact"
            said.append(
                f"the value was {baseline.value:.10g} and is now {verdict.value:.10g}: "
                f"a change of {verdict.value - baseline.value:+.6g} where {limit}"
            )
        if verdict.n != len(baseline.seeds):
            said.append(f"the verdict rests on {verdict.n} seeds, the baseline on {len(baseline.seeds)}")
    undecided = Outcome.inconclusive in (verdict.outcome, baseline.verdict)
    invalid = verdict.outcome is Outcome.invalid
    compatible = changed and undecided and not (drifted or invalid) and (baseline.timed or not same_machine)
    if changed:
        what = f"the verdict was {baseline.verdict} and is now {verdict.outcome}"
        where = "on this machine" if same_machine else "on another machine"
        held = "" if baseline.timed and not same_machine else ", the value within its tolerance"
        why = f"recorded {where}{held}" if compatible else verdict.reason
        said.insert(0, f"{what}: {why}")
    flipped = changed and not compatible
    comparable = same_machine or not baseline.timed
    moved = (
        since_first(verdict.outcome, verdict.value, baseline.first) if baseline.first and comparable else None
    )
    if moved:
        said.append(moved)
    return Comparison(not flipped and not drifted, flipped, drifted, compatible, moved, tuple(said))


def since_first(outcome: Outcome, value: float | None, first: First) -> str | None:
    """A sentence on what has moved since the first accepted baseline, or None when nothing has.

    Nothing is said of an invalid verdict, which has no value.
    """
    if value is None:
        return None
    moved = []
    if outcome is not first.verdict:
        moved.append(f"the verdict went from {first.verdict} to {outcome}")
    if not _within(value, first.value, first.tolerance):
        limit = f"its tolerance was {first.tolerance:.6g}" if first.tolerance else "it should be exact"
        moved.append(
            f"the value went from {first.value:.10g} to {value:.10g}, a change of {value - first.value:+.6g} "
            f"where {limit}"
        )
    return f"since the first accepted baseline ({first.when}) {' and '.join(moved)}" if moved else None


def _within(value: float, stored: float, tolerance: float) -> bool:
    return abs(value - stored) <= tolerance + _FLOAT_ALLOWANCE * max(abs(value), abs(stored))


def _sample_factor(now: int, then: int) -> float:
    """How much wider a prediction interval for the mean of `now` new values is than one for as many as `then`."""
    return math.sqrt(max(1.0, (1 / then + 1 / now) / (2 / then)))
