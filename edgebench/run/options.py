"""What a run is asked for. Imports little: collecting claims needs it, and runs nothing."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from edgebench.claim.claim import Case, Claim, Tier
from edgebench.claim.longer import lengthened
from edgebench.claim.models import TIERS
from edgebench.errors import SettingsError, did_you_mean

STORE_VARIABLE = "EDGEBENCH_STORE"
EXECUTORS = ("local", "ray")
DEVICES = ("cpu", "cuda")
_NUMBER = r"(\d+(?:\.\d+)?|\.\d+)"
_DURATION = re.compile(rf"(?:{_NUMBER} ?h)? ?(?:{_NUMBER} ?m(?:in)?)? ?(?:{_NUMBER} ?s?)?")


def duration(text: str) -> float:
    """Seconds of a duration such as `90`, `90s`, `30m`, `1.5h` or `1h30m`.

    Raises:
        SettingsError: anything else, or no time at all.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None or not text.strip():
        raise SettingsError(f"'{text}' is no duration", expected="a number with a unit, such as 30m or 1.5h")
    hours, minutes, rest = (float(part or 0) for part in found.groups())
    seconds = 3600 * hours + 60 * minutes + rest
    if seconds <= 0:
        raise SettingsError(f"a time budget of {text}", expected="some time")
    return seconds


@dataclass(frozen=True)
class Options:
    """What a run is asked for.

    Attributes:
        tier: smoke, short or paper.
        seeds: number of seeds to look at once, instead of the claim's looks; the baseline is then not compared.
        store: the results' file; `EDGEBENCH_STORE`, else `.edgebench/store.sqlite`, if not given.
        workers: trials at a time; as many as cores if not given.
        time_budget: seconds after which the run stops; what has no verdict by then is pending.
        executor: `local`, processes of this machine, or `ray`, tasks of a Ray cluster.
        address: of the Ray cluster; a new one on this machine if not given.
        resource: a custom resource of the Ray nodes to run on; any node if not given.
        device: `cpu` or `cuda`.
        longer: how many times as long as the tier says every training is; the baseline is then not compared.
    """

    tier: str = "smoke"
    seeds: int | None = None
    store: Path | None = None
    workers: int | None = None
    time_budget: float | None = None
    executor: str = "local"
    address: str | None = None
    resource: str | None = None
    device: str = "cpu"
    longer: int = 1

    def check(self) -> Options:
        """These options, if they make sense.

        Raises:
            SettingsError: an unknown tier, or numbers that make no sense.
        """
        for what, given, known in (
            ("tier", self.tier, TIERS),
            ("executor", self.executor, EXECUTORS),
            ("device", self.device, DEVICES),
        ):
            if given not in known:
                hint = did_you_mean(given, known)
                raise SettingsError(
                    f"no {what} is called '{given}'", expected=f"one of {', '.join(known)}", hint=hint
                )
        if self.seeds is not None and self.seeds < 2:
            raise SettingsError(f"--seeds {self.seeds}", expected="at least 2: one seed has no interval")
        if self.longer < 1:
            raise SettingsError(f"trainings {self.longer} times as long", expected="at least 1")
        if self.workers is not None and self.workers < 1:
            raise SettingsError(f"{self.workers} workers", expected="at least 1")
        for option in ("address", "resource"):
            if getattr(self, option) is not None and self.executor != "ray":
                raise SettingsError(f"a Ray {option} without Ray", expected="the executor ray")
        return self

    def store_path(self) -> Path:
        return self.store or Path(os.environ.get(STORE_VARIABLE) or Path(".edgebench") / "store.sqlite")

    def compares(self, claim: Claim) -> bool:
        """Whether verdicts are held against baselines: not when this run overrides the claim's looks or lengths."""
        return (self.seeds is None and self.longer == 1) or claim.exact

    def tier_of(self, claim: Claim, case: Case) -> Tier | None:
        """The case's tier as this run wants it, or None when the claim does not have it."""
        tier = case.tiers.get(self.tier)
        if tier is None or claim.exact:
            return tier
        if self.longer > 1:
            tier = lengthened(tier, self.longer)
        return tier if self.seeds is None else replace(tier, looks=(self.seeds,))
