"""The reviewed result that a claim is held against: derive one from a verdict, compare a verdict with one.

A baseline file is YAML, one per claim and tier. A baseline whose verdict is contradicted or inconclusive is
legal as long as it gives the reason: the item is green while the verdict stays the same. An invalid verdict
has nothing to hold anyone to and cannot be recorded.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field, JsonValue, model_validator

from edgebench.claim.nodes import read_file
from edgebench.claim.problems import ClaimFileError, Problem
from edgebench.claim.settings import Strict, as_tuple
from edgebench.claim.validation import validate
from edgebench.errors import BaselineError
from edgebench.judge.statistics import prediction_half_width
from edgebench.judge.verdict import SUBTYPES, Outcome, Subtype, Verdict

# What writing and reading a float, or summing it in another order, may change.
_FLOAT_ALLOWANCE = 1e-9
# What rounding the stored seeds and the tolerance may do to their ratio.
_TOLERANCE_ROUNDING = 1e-3

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]


def _outcome(value: Any) -> Any:
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


class BaselineEffect(Strict):
    """The expected verdict of one effect, with what it rests on, in the effect's own unit."""

    verdict: Annotated[Outcome, BeforeValidator(_outcome)]
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
            if len(self.seeds) > 1 or self.tolerance > 0:
                raise ValueError("an exact value (without interval) has one seed and a tolerance of 0")
            return
        if len(self.seeds) < 2:
            raise ValueError("an interval needs the values of at least 2 seeds")
        derived = prediction_half_width(self.seeds)
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
        compatible: another outcome, yet no flip: one of the two is inconclusive, and the machine is another one.
        explanation: plain sentences, empty only when there is nothing to remark.
    """

    matches: bool
    flipped: bool
    drifted: bool
    compatible: bool
    explanation: tuple[str, ...]


def derive(verdict: Verdict) -> BaselineEffect:
    """The baseline that expects this verdict again.

    The tolerance is 0 for exact values, else the 99 % prediction half-width of the mean of as many new seeds.
    Numbers are rounded to 6 significant digits (seeds to 9) where the tolerance makes the rest meaningless.

    Raises:
        BaselineError: an invalid verdict.
    """
    if verdict.outcome is Outcome.invalid or verdict.value is None:
        raise BaselineError(
            f"an invalid verdict cannot be recorded: {verdict.reason}",
            expected="a verdict on trials whose reference arm reaches its sanity floor",
        )
    exact = verdict.low is None or verdict.high is None
    tolerance = 0.0 if exact else prediction_half_width(verdict.values)
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
    )


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
        distance = abs(verdict.value - baseline.value)
        allowance = _FLOAT_ALLOWANCE * max(abs(verdict.value), abs(baseline.value))
        drifted = not distance <= tolerance + allowance
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
    compatible = changed and undecided and not (same_machine or drifted or invalid)
    if changed:
        what = f"the verdict was {baseline.verdict} and is now {verdict.outcome}"
        why = "recorded on another machine, the value within its tolerance" if compatible else verdict.reason
        said.insert(0, f"{what}: {why}")
    flipped = changed and not compatible
    return Comparison(not flipped and not drifted, flipped, drifted, compatible, tuple(said))


def _sample_factor(now: int, then: int) -> float:
    """How much wider a prediction interval for the mean of `now` new values is than one for as many as `then`."""
    return math.sqrt(max(1.0, (1 / then + 1 / now) / (2 / then)))


def dump(baseline: Baseline) -> str:
    """The baseline as YAML that `load` gives back equal: declared order, seeds on one line, whole numbers
    whole."""
    document = baseline.model_dump(mode="python", exclude_defaults=True)
    for effect in document["effects"].values():
        effect["verdict"] = str(effect["verdict"])
        if "subtype" in effect:
            effect["subtype"] = str(effect["subtype"])
    if "environment" in document:
        document["environment"] = _sorted(document["environment"])
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=math.inf)


def _sorted(value: Any) -> Any:
    return {key: _sorted(value[key]) for key in sorted(value)} if isinstance(value, dict) else value


class _Dumper(yaml.SafeDumper):
    """Lists on one line, whole floats as integers, no anchors; text that could be a number in quotes.

    The quotes are needed because PyYAML writes for YAML 1.1, in which `1e5` is text, and baselines are read
    as 1.2.
    """

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_list(dumper: yaml.SafeDumper, data: Any) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)


def _represent_text(dumper: yaml.SafeDumper, data: str) -> yaml.Node:
    style = "'" if re.match(r"[-+]?\.?[0-9][0-9_.eE+-]*\Z", data) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


def _represent_float(dumper: yaml.SafeDumper, data: float) -> yaml.Node:
    if data.is_integer() and abs(data) < 2**53:
        return dumper.represent_int(int(data))
    return yaml.SafeDumper.represent_float(dumper, data)


_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(tuple, _represent_list)
_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(float, _represent_float)


def load(path: Path | str) -> Baseline:
    """Read a baseline file.

    Raises:
        BaselineError: missing, unreadable, or not a baseline; every problem with its line and column.
    """
    path = Path(path)
    if not path.exists():
        raise BaselineError("there is no baseline", where=str(path))
    try:
        node = read_file(path)
    except ClaimFileError as error:
        raise _malformed(error.problems) from None
    problems: list[Problem] = []
    baseline = validate(Baseline, node, problems)
    if baseline is None:
        raise _malformed(sorted(problems))
    return baseline


def _malformed(problems: Sequence[Problem]) -> BaselineError:
    """All problems of a file in one error, each on its line with its own position and hint."""
    first = problems[0]
    if len(problems) == 1:
        return BaselineError(first.message, where=str(first.mark), hint=first.hint)
    return BaselineError("\n".join(str(problem) for problem in problems))
