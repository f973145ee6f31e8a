"""Opens a session from options; the one place where command line and pytest meet the harness."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from edgebench.claim.claim import Case, Claim, Tier
from edgebench.claim.models import TIERS
from edgebench.errors import SettingsError, did_you_mean
from edgebench.run import environment
from edgebench.run.local import LocalExecutor
from edgebench.run.session import Progress, Session
from edgebench.run.store import Store

STORE_VARIABLE = "EDGEBENCH_STORE"


@dataclass(frozen=True)
class Options:
    """What a run is asked for.

    Attributes:
        tier: smoke, short or paper.
        seeds: number of seeds to look at once, instead of the claim's looks; the baseline is then not compared.
        store: the results' file; `EDGEBENCH_STORE`, else `.edgebench/store.sqlite`, if not given.
        workers: trials at a time; as many as cores if not given.
    """

    tier: str = "smoke"
    seeds: int | None = None
    store: Path | None = None
    workers: int | None = None

    def check(self) -> Options:
        """These options, if they make sense.

        Raises:
            SettingsError: an unknown tier, or numbers that make no sense.
        """
        if self.tier not in TIERS:
            hint = did_you_mean(self.tier, TIERS)
            raise SettingsError(
                f"no tier is called '{self.tier}'", expected=f"one of {', '.join(TIERS)}", hint=hint
            )
        if self.seeds is not None and self.seeds < 2:
            raise SettingsError(f"--seeds {self.seeds}", expected="at least 2: one seed has no interval")
        if self.workers is not None and self.workers < 1:
            raise SettingsError(f"{self.workers} workers", expected="at least 1")
        return self

    def store_path(self) -> Path:
        return self.store or Path(os.environ.get(STORE_VARIABLE) or Path(".edgebench") / "store.sqlite")

    def compares(self, claim: Claim) -> bool:
        """Whether verdicts are held against baselines: not when this run overrides the claim's looks."""
        return self.seeds is None or claim.exact

    def tier_of(self, claim: Claim, case: Case) -> Tier | None:
        """The case's tier as this run wants it, or None when the claim does not have it."""
        tier = case.tiers.get(self.tier)
        if tier is None or self.seeds is None or claim.exact:
            return tier
        return replace(tier, looks=(self.seeds,))


def open_session(
    options: Options,
    *,
    shared_by: int = 1,
    notify: Callable[[Progress], None] | None = None,
) -> Session:
    """A session over the options' store; `shared_by` processes of one test run divide the cores between them.

    Raises:
        StoreError: when the store cannot be opened.
    """
    workers = options.workers or max(1, environment.available_cores() // shared_by)
    store = Store(options.store_path())
    return Session(store, LocalExecutor(workers), prefetch=shared_by == 1, notify=notify)
