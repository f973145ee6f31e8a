"""Writes baselines from results, as files for a person to review and commit."""

from __future__ import annotations

import datetime
import getpass
import subprocess
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from edgebench.claim.claim import Claim, item_key
from edgebench.claim.problems import display_path
from edgebench.errors import BaselineError, EdgebenchError, SettingsError, TrialError
from edgebench.judge.baseline import Baseline, BaselineEffect, Recorded, derive, dump
from edgebench.report.live import Settled, settle_claims
from edgebench.report.result import Baselines
from edgebench.run import environment
from edgebench.run.harness import Options


def record_baselines(
    claims: Sequence[Claim], options: Options, *, why: str, by: str | None, say: Callable[[str], Any]
) -> list[Path]:
    """Settle the claims and write one baseline file each; returns the files written.

    A reason that somebody wrote for a verdict is kept while that verdict stays.

    Raises:
        TrialError: when an effect could not be judged; all other claims are written first.
        BaselineError: when a verdict is invalid (likewise), or a file cannot be written.
        SettingsError: without a reason.
    """
    if not why.strip():
        raise SettingsError("--why is empty", expected="why these results may be relied on")
    today = datetime.datetime.now(datetime.UTC).date()
    recorded = Recorded(by=(by or "").strip() or _author(), when=today, why=why)
    state = environment.state()
    described: dict[str, JsonValue] = {
        **environment.identity(),
        **{key: state[key] for key in ("python", "edgebench")},
    }
    baselines = Baselines()
    written: list[Path] = []
    left_out: list[EdgebenchError] = []
    with closing(settle_claims(claims, options)) as settling:
        for claim, settled in settling:
            try:
                effects = _effects(claim, settled, _before(baselines, claim, options.tier))
            except (TrialError, BaselineError) as error:
                left_out.append(error)
                continue
            path = baselines.path(claim, options.tier)
            baseline = Baseline(
                claim=claim.id, tier=options.tier, recorded=recorded, environment=described, effects=effects
            )
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(dump(baseline), encoding="utf-8")
            except OSError as error:
                reason = error.strerror or str(error)
                raise BaselineError(f"cannot be written: {reason}", where=display_path(path)) from None
            verdicts = ", ".join(f"{item} {effect.verdict}" for item, effect in effects.items())
            say(f"{display_path(path)}: {verdicts}")
            written.append(path)
    if len(left_out) > 1:
        raise TrialError(f"{len(left_out)} claims were left out:\n" + "\n".join(map(str, left_out)))
    if left_out:
        raise left_out[0]
    return written


def _effects(claim: Claim, settled: Settled, before: dict[str, BaselineEffect]) -> dict[str, BaselineEffect]:
    effects: dict[str, BaselineEffect] = {}
    for case, judged in settled:
        for key, each in judged.items():
            item = item_key(key, case.id)
            where = f"{claim.id}::{item}"
            if each.verdict is None:
                raise TrialError(f"nothing to record: {each.failure}", where=where)
            try:
                new = derive(each.verdict)
            except BaselineError as error:
                raise BaselineError(error.found, expected=error.expected, where=where) from None
            effects[item] = _keep_reason(new, before.get(item))
    return effects


def _before(baselines: Baselines, claim: Claim, tier: str) -> dict[str, BaselineEffect]:
    try:
        baseline = baselines.get(claim, tier)
    except BaselineError:
        return {}  # recording is how an unusable file is replaced
    return dict(baseline.effects) if baseline else {}


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
