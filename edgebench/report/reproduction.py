"""What came of running a trial again: beside the store's record, the baseline's values, and its environment."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edgebench.claim.claim import Case, Claim, Tier, item_key
from edgebench.claim.problems import display_path
from edgebench.errors import BaselineError, EdgebenchError
from edgebench.judge.baseline import TIMED_FLOOR, Baseline, BaselineEffect
from edgebench.judge.effects import effect_values
from edgebench.judge.statistics import prediction_half_width
from edgebench.report.recording import describe
from edgebench.report.result import Baselines
from edgebench.report.tables import number
from edgebench.run import environment
from edgebench.run.record import Measured, Record
from edgebench.run.reproduce import Compared, Repeated, compare
from edgebench.run.store import Store
from edgebench.run.trial import trials_of

# What writing a baseline's values with nine digits may change in them.
_WRITTEN = 1e-8


@dataclass(frozen=True)
class Reproduction:
    """What there is to say of a repeated trial.

    Attributes:
        runs: the two runs beside each other.
        stored: the first beside the store's record; None without one.
        values: sentences on the effects at this seed, of the runs and of the baseline.
        environment: sentences on what the baseline was recorded on and this machine is not.
        holds: nothing that has to be equal here differs.
    """

    repeated: Repeated
    runs: Compared
    stored: Compared | None
    values: tuple[str, ...]
    environment: tuple[str, ...]
    holds: bool


class Reproducer:
    """Holds a repeated trial of one arm of a case against what is known of it.

    Args:
        store: None where there is none.
    """

    def __init__(
        self,
        claim: Claim,
        case: Case,
        tier: Tier,
        arm: str,
        repeated: Repeated,
        *,
        store: Store | None,
        device: str,
    ) -> None:
        self._claim, self._case, self._tier, self._arm = claim, case, tier, arm
        self._repeated, self._store = repeated, store
        self._identity = environment.identity(device)
        self._failed = False

    def report(self) -> Reproduction:
        """Compare everything.

        Raises:
            StoreError: the store cannot be read.
        """
        kind, (first, second) = self._claim.kind, self._repeated.records[:2]
        runs = compare(kind, first, second)
        record = self._record(self._repeated.trial.hash)
        stored = (
            None if record is None else compare(kind, first, record, ("run", "store's record"), stored=True)
        )
        try:
            baseline = Baselines().get(self._claim, self._tier.name)
            told = self._told(baseline)
        except BaselineError as error:
            baseline, told = None, (str(error),)
        values = tuple(self._values(baseline))
        differing = bool(runs.differing or (stored and stored.differing))
        return Reproduction(self._repeated, runs, stored, values, told, not (differing or self._failed))

    def _record(self, trial: str) -> Record | None:
        if self._store is None:
            return None
        return self._store.get(trial, environment.identity_key(self._identity))

    def _told(self, baseline: Baseline | None) -> tuple[str, ...]:
        """What of the baseline's environment is otherwise here."""
        if baseline is None:
            return (f"there is no baseline at tier {self._tier.name}",)
        path = display_path(Baselines().path(self._claim, self._tier.name))
        here: dict[str, Any] = describe(self._identity)
        there = baseline.environment
        unlike = [
            f"{name}: {there.get(name, '–')} there, {here.get(name, '–')} here"
            for name in sorted(there.keys() | here.keys())
            if there.get(name) != here.get(name)
        ]
        recorded = f"{path}, recorded on {baseline.recorded.when}"
        return tuple(unlike) or (f"the environment is that of {recorded}",)

    def _values(self, baseline: Baseline | None) -> Iterator[str]:
        """The effects that read the arm, at this seed."""
        same = baseline is not None and environment.matches(baseline.environment, self._identity)
        for key, effect in self._case.effects.items():
            parts = {part for arm in effect.arms for part in self._tier.parts(arm)}
            if self._arm not in parts and self._claim.kind != "latency":
                continue
            item = item_key(key, self._case.id)
            stored = baseline.effects.get(item) if baseline is not None else None
            found: list[float] = []
            lacking = ""
            for record in self._repeated.records[:2]:
                observed, lacking = self._observed(parts, record)
                if lacking:
                    break
                try:
                    found += effect_values(effect, self._tier, observed, (self._repeated.trial.seed,))
                except EdgebenchError as error:
                    lacking = str(error)
                    break
            yield f"{item}: {lacking}" if lacking else f"{item}: {self._value(found, stored, same)}"

    def _observed(self, parts: set[str], record: Record) -> tuple[dict[tuple[str, int], Measured], str]:
        """What all arms of an effect measured at the seed, and what is lacking."""
        assert record.measured is not None
        seed = self._repeated.trial.seed
        observed: dict[tuple[str, int], Measured] = {}
        for arm, trial in trials_of(self._claim, self._tier, tuple(sorted(parts)), range(seed, seed + 1)):
            known: Record | None = record
            if trial.hash != self._repeated.trial.hash:
                known = self._record(trial.hash)
            if known is None or known.measured is None:
                return {}, f"not compared: the store has no trial of '{arm}' at this seed"
            observed[arm, trial.seed] = known.measured
        return observed, ""

    def _value(self, found: list[float], stored: BaselineEffect | None, same: bool) -> str:
        """A sentence on an effect's values; notes where they had to agree and do not."""
        first, second = found
        if self._claim.kind == "latency":
            reach = self._reach(first, stored)
            near = abs(first - second) <= reach
            self._failed |= not near
            told = f"{number(first)} and {number(second)}, {'within' if near else 'further apart than'} {number(reach)}"
        else:
            told = number(first)
        seed = self._repeated.trial.seed
        if stored is None or seed >= len(stored.seeds):
            return f"{told}; no baseline has it"
        before = stored.seeds[seed]
        if stored.timed:
            return f"{told}; {number(before)} in the baseline, times of another run"
        if math.isclose(first, before, rel_tol=_WRITTEN, abs_tol=_WRITTEN):
            return f"{told}, as in the baseline"
        if stored.packed and abs(first - before) <= stored.tolerance:
            return f"{told}; {number(before)} in the baseline, within the tolerance of a file's size"
        self._failed |= same
        return f"{told}; {number(before)} in the baseline, {'' if same else 'recorded on another machine'}".rstrip(
            ", "
        )

    def _reach(self, value: float, stored: BaselineEffect | None) -> float:
        """How far two repetitions of a comparison of times may lie apart."""
        floor = TIMED_FLOOR * abs(value)
        if stored is None or len(stored.seeds) < 2:
            return floor
        # Of single values: `prediction_half_width` is of a mean of as many.
        return max(floor, prediction_half_width(stored.seeds) * math.sqrt(len(stored.seeds)))


def told(claim: Claim, case: Case, tier: Tier, arm: str, found: Reproduction) -> str:
    """The whole as text."""
    trial, records = found.repeated.trial, found.repeated.records
    where = f"{claim.id}{f'[{case.id}]' if case.id else ''}, {tier.name} tier, arm '{arm}'"
    lines = [f"{where}: {trial.describe()} (trial {trial.hash})"]
    if found.repeated.starts:
        lines.append(f"starts from {found.repeated.starts}")
    seconds = " and ".join(f"{record.seconds:.3g} s" for record in records)
    lines.append(f"run {len(records)} times, each in a new process: {seconds}")
    if claim.kind == "latency":
        lines.append("times are not expected to be equal to the bit; what is compared of them is the effects")
    lines += _lines("between the two runs", found.runs)
    if found.stored is None:
        lines.append("the store has no record of it")
    else:
        lines += _lines("with the store's record", found.stored)
    lines += [f"effect at seed {trial.seed}: {each}" for each in found.values]
    lines += [f"environment: {each}" for each in found.environment]
    return "\n".join(lines)


def _lines(what: str, compared: Compared) -> list[str]:
    lines = [f"equal {what}, bit for bit: {', '.join(compared.equal)}"] if compared.equal else []
    return lines + [f"not equal {what}: {each}" for each in compared.differing]
