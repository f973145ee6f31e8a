"""Writes baselines from results, as files for a person to review and commit."""

from __future__ import annotations

import datetime
import getpass
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from edgebench.claim.claim import Claim, item_key
from edgebench.claim.metrics import packed
from edgebench.claim.problems import display_path
from edgebench.errors import BaselineError, EdgebenchError, SettingsError, TrialError
from edgebench.judge.baseline import Baseline, BaselineEffect, First, Recorded, derive, since_first
from edgebench.judge.baseline_file import dump
from edgebench.report.live import Settled, live_session, logged, settle_claims
from edgebench.report.result import Baselines, assess
from edgebench.run import environment
from edgebench.run.case import Judged
from edgebench.run.options import Options
from edgebench.writing import write_atomically


def record_baselines(
    claims: Sequence[Claim],
    options: Options,
    *,
    why: str,
    by: str | None,
    say: Callable[[str], Any],
    afresh: bool = False,
) -> list[Path]:
    """Settle the claims and write one baseline file each; returns the files written.

    A reason that somebody wrote for a verdict is kept while that verdict stays. So is the first accepted baseline of
    an effect, for as long as its line goes on; `afresh` begins a new line.

    Raises:
        TrialError: when an effect could not be judged; all other claims are written first.
        BaselineError: when a verdict is invalid (likewise), or a file cannot be written.
        SettingsError: without a reason.
    """
    recorded = sign(by, why)
    today = recorded.when
    baselines = Baselines()
    written: list[Path] = []
    left_out: list[EdgebenchError] = []
    with live_session(options) as session, logged(session, claims, options, say) as log:
        described = describe(session.executor.identity)
        for claim, settled in settle_claims(session, claims, options):
            try:
                before = _before(baselines, claim, options.tier, say)
                effects = derive_all(claim, settled, before)
                if before is not None and not afresh:
                    effects = {key: carry_first(new, key, before, today) for key, new in effects.items()}
            except (TrialError, BaselineError) as error:
                left_out.append(error)
                continue
            path = baselines.path(claim, options.tier)
            baseline = Baseline(
                claim=claim.id, tier=options.tier, recorded=recorded, environment=described, effects=effects
            )
            write(path, dump(baseline))
            verdicts = ", ".join(f"{item} {effect.verdict}" for item, effect in effects.items())
            say(f"{display_path(path)}: {verdicts}")
            for item, effect in effects.items():
                if effect.first and (moved := since_first(effect.verdict, effect.value, effect.first)):
                    say(f"  {item}: {moved}")
            written.append(path)
            accepted = Baselines()
            for case, judged in settled:
                tier = options.tier_of(claim, case)
                assert tier is not None, "settled cases have the tier"
                for each in judged.values():
                    log.add(assess(claim, case, tier, each, accepted).to_json())
    complain(left_out)
    return written


def complain(left_out: Sequence[EdgebenchError]) -> None:
    """Raise what kept claims from being recorded, all of it at once."""
    if len(left_out) > 1:
        raise TrialError(f"{len(left_out)} claims were left out:\n" + "\n".join(map(str, left_out)))
    if left_out:
        raise left_out[0]


def sign(by: str | None, why: str) -> Recorded:
    """Who records today, and why.

    Raises:
        SettingsError: without a reason.
    """
    if not why.strip():
        raise SettingsError("--why is empty", expected="why these results may be relied on")
    today = datetime.datetime.now(datetime.UTC).date()
    return Recorded(by=(by or "").strip() or _author(), when=today, why=why)


def describe(identity: Mapping[str, str | int]) -> dict[str, JsonValue]:
    """What a baseline says of the machines that its trials ran on, and of the versions of this process."""
    state = environment.state()
    return {**identity, **{key: state[key] for key in ("python", "edgebench")}}


def write(path: Path, text: str) -> None:
    """Write a baseline's file. Raises BaselineError when that cannot be done; an earlier one is then as it was."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    except OSError as error:
        reason = error.strerror or str(error)
        raise BaselineError(
            f"cannot be written: {reason}",
            where=display_path(path),
            hint="what was measured is in the store: the same command writes it without running it again",
        ) from None


def derive_all(claim: Claim, settled: Settled, before: Baseline | None) -> dict[str, BaselineEffect]:
    """The effects of a new baseline by item; a reason that somebody wrote is kept while its verdict stays.

    Raises:
        TrialError, BaselineError: an effect without a verdict, or with an invalid one.
    """
    stored = before.effects if before else {}
    effects: dict[str, BaselineEffect] = {}
    for case, judged in settled:
        for key, each in judged.items():
            item = item_key(key, case.id)
            where = f"{claim.id}::{item}"
            if each.verdict is None:
                raise TrialError(f"nothing to record: {each.failure}", where=where)
            try:
                new = derive(
                    each.verdict,
                    timed=claim.kind == "latency",
                    packed=packed(claim.kind, each.effect.value.references),
                )
            except BaselineError as error:
                raise BaselineError(error.found, expected=error.expected, where=where) from None
            new = new.model_copy(update={"trial_seconds": _trial_seconds(each)})
            effects[item] = _keep_reason(new, stored.get(item))
    return effects


def _before(baselines: Baselines, claim: Claim, tier: str, say: Callable[[str], Any]) -> Baseline | None:
    try:
        return baselines.get(claim, tier)
    except BaselineError as error:  # recording is how an unusable file is replaced
        say(f"{error}\n  it is replaced, and what it said of the first accepted baseline is lost")
        return None


def _trial_seconds(judged: Judged) -> float | None:
    """Mean time of its trials, to the three digits that it is good for."""
    count = judged.cached + judged.trained
    return float(f"{judged.seconds / count:.3g}") if count else None


def carry_first(new: BaselineEffect, item: str, before: Baseline, today: datetime.date) -> BaselineEffect:
    """The effect with the first accepted baseline of its line, unless it is that one itself."""
    if (old := before.effects.get(item)) is None:
        return new
    first = old.first or _as_first(old, before.recorded.when)
    return new if first == _as_first(new, today) else new.model_copy(update={"first": first})


def _as_first(effect: BaselineEffect, when: datetime.date) -> First:
    return First(when=when, verdict=effect.verdict, value=effect.value, tolerance=effect.tolerance)


def _keep_reason(new: BaselineEffect, old: BaselineEffect | None) -> BaselineEffect:
    if old is None or not old.reason or old.verdict is not new.verdict or _is_generated(old):
        return new
    return new.model_copy(update={"reason": old.reason})


def _is_generated(effect: BaselineEffect) -> bool:
    """Whether the reason is the verdict's own sentence, which begins with numbers that are now out of date."""
    return effect.reason.startswith((f"{effect.value:.6g} [", f"{effect.value:.10g} contradicts"))


def _author() -> str:
    """git's user.name here, else the login name, else `unknown`."""
    try:
        asked = subprocess.run(
            ["git", "config", "user.name"], capture_output=True, text=True, timeout=10, check=False
        )
        if asked.returncode == 0 and asked.stdout.strip():
            return asked.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        pass
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "unknown"
