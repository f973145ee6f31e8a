"""Settles claims while showing the progress."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from edgebench.claim.claim import Case, Claim, Tier
from edgebench.errors import StoreError
from edgebench.report.progress import Display, shown
from edgebench.report.result import Baselines, Result, assess
from edgebench.run.case import Judged
from edgebench.run.harness import open_session
from edgebench.run.history import RunLog, new_uid
from edgebench.run.options import Options
from edgebench.run.session import Key, Session

Settled = list[tuple[Case, dict[str, Judged]]]


@contextmanager
def live_session(options: Options, display: Display | None = None) -> Iterator[Session]:
    """A session that shows its progress, on the given display if there is one; closed at the end.

    Raises:
        StoreError, SettingsError: as `open_session`.
    """
    with nullcontext(display) if display is not None else shown() as told:
        session = open_session(options, baseline=Baselines().get, notify=told.notify)
        try:
            yield session
        finally:
            session.close()


@contextmanager
def logged(
    session: Session, claims: Sequence[Claim], options: Options, warn: Callable[[str], object]
) -> Iterator[RunLog]:
    """This command's place in the store's history; `warn` is told when its results could not be written there."""
    log = RunLog(
        session.store,
        new_uid(),
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        tier=options.tier,
        identity=session.executor.identity,
        executor=options.executor,
        claims=claims[0].path.parent.parent if claims else None,
    )
    yield log
    try:
        log.end()
    except StoreError as error:
        warn(str(error))


def settle_claims(
    session: Session, claims: Sequence[Claim], options: Options
) -> Iterator[tuple[Claim, Settled]]:
    """Settle the claims, each with its cases at the options' tier, and yield each when its last case is settled.

    Claims without the tier are left out. The order is that of the work: the most verdicts as early as possible.

    Raises:
        StoreError: when results cannot be written; whatever was finished before stays in the store.
    """
    # All are added before the first is settled, so that there is work for idle workers.
    cases: dict[Path, dict[Key, Case]] = {
        claim.path: {session.add(claim, case, tier): case for case, tier in _cases_at(claim, options)}
        for claim in claims
    }
    owners = {key: claim for claim in claims for key in cases[claim.path]}
    done: dict[Key, dict[str, Judged]] = {}
    for key, judged in session.settled():
        done[key] = judged
        claim = owners[key]
        if all(each in done for each in cases[claim.path]):
            yield claim, [(case, done[each]) for each, case in cases[claim.path].items()]


def _cases_at(claim: Claim, options: Options) -> list[tuple[Case, Tier]]:
    return [(case, tier) for case in claim.cases if (tier := options.tier_of(claim, case))]


def run_claims(
    claims: Sequence[Claim], options: Options, warn: Callable[[str], object], *, quiet: bool = False
) -> list[Result]:
    """Settle the claims and hold every effect against its baseline; results in the order of the claims.

    `quiet` shows no progress.

    The results go into the store's history too; `warn` is told when they could not.
    """
    baselines = Baselines()
    results: dict[Path, list[Result]] = {}
    with (
        shown(quiet=quiet) as display,
        live_session(options, display) as session,
        logged(session, claims, options, warn) as log,
    ):
        for claim, settled in settle_claims(session, claims, options):
            tiers = {case.id: tier for case, tier in _cases_at(claim, options)}
            results[claim.path] = [
                assess(claim, case, tiers[case.id], judged[key], baselines, comparing=options.compares(claim))
                for case, judged in settled
                for key in case.effects
            ]
            for result in results[claim.path]:
                log.add(result.to_json())
            display.notify(session.progress())
            display.settled(claim.id, results[claim.path])
    return [result for claim in claims for result in results.get(claim.path, ())]
