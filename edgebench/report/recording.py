"""Writes baselines from results, as files for a person to review and commit."""

from __future__ import annotations

import datetime
import getpass
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from edgebench.claim.claim import Claim, item_key
from edgebench.claim.problems import display_path
from edgebench.errors import BaselineError, TrialError
from edgebench.judge.baseline import Baseline, BaselineEffect, Recorded, derive, dump
from edgebench.report.live import settle_claims
from edgebench.report.result import Baselines
from edgebench.run import environment
from edgebench.run.harness import Options


def record_baselines(
    claims: Sequence[Claim], options: Options, *, why: str, by: str | None, say: Callable[[str], Any]
) -> list[Path]:
    """Settle the claims and write one baseline file each; returns the files written.

    A reason that somebody wrote for a verdict is kept while that verdict stays.

    Raises:
        TrialError: when an effect could not be judged; the claims before it are written.
        BaselineError: when a verdict is invalid, or a file cannot be written.
    """
    baselines = Baselines()
    author = by or _author()
    written = []
    for claim, settled in settle_claims(claims, options):
        effects: dict[str, BaselineEffect] = {}
        before = _before(baselines, claim, options.tier)
        for case, judged in settled:
            for key, each in judged.items():
                if each.verdict is None:
                    raise TrialError(
                        f"nothing to record: {each.failure}", where=f"{claim.id}::{item_key(key, case.id)}"
                    )
                item = item_key(key, case.id)
                effects[item] = _keep_reason(derive(each.verdict), before.get(item))
        path = baselines.path(claim, options.tier)
        recorded = Recorded(by=author, when=datetime.datetime.now(datetime.UTC).date(), why=why)
        state = {
            key: value
            for key, value in environment.state().items()
            if key in ("python", "edgebench", "torchvision")
        }
        described: dict[str, JsonValue] = {**environment.identity(), **state}
        baseline = Baseline(
            claim=claim.id, tier=options.tier, recorded=recorded, environment=described, effects=effects
        )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dump(baseline), encoding="utf-8")
        except OSError as error:
            raise BaselineError(f"cannot be written: {error.strerror}", where=display_path(path)) from None
        say(
            f"{display_path(path)}: "
            + ", ".join(f"{item} {effect.verdict}" for item, effect in effects.items())
        )
        written.append(path)
    return written


def _before(baselines: Baselines, claim: Claim, tier: str) -> dict[str, BaselineEffect]:
    try:
        baseline = baselines.get(claim, tier)
    except BaselineError:
        return {}  # recording is how an unusable file is replaced
    return dict(baseline.effects) if baseline else {}


def _keep_reason(new: BaselineEffect, old: BaselineEffect | None) -> BaselineEffect:
    if old is None or not old.reason or old.verdict is not new.verdict:
        return new
    return new.model_copy(update={"reason": old.reason})


def _author() -> str:
    """git's user.name here, else the login name."""
    try:
        asked = subprocess.run(
            ["git", "config", "user.name"], capture_output=True, text=True, timeout=10, check=False
        )
        if asked.returncode == 0 and asked.stdout.strip():
            return asked.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        pass
    return getpass.getuser()
