"""Settles claims under a live progress line (on a terminal; silent elsewhere)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from itertools import groupby

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column

from edgebench.claim.claim import Case, Claim
from edgebench.report.result import Baselines, Result, assess
from edgebench.run.harness import Options, open_session
from edgebench.run.session import Judged
from edgebench.run.session import Progress as Snapshot

Settled = list[tuple[Case, dict[str, Judged]]]


def settle_claims(claims: Sequence[Claim], options: Options) -> Generator[tuple[Claim, Settled]]:
    """Settle the claims one after the other, each with its cases at the options' tier.

    Claims without the tier are left out. While one claim is settled, idle workers go on with those behind it.

    Raises:
        StoreError: when results cannot be written; whatever was finished before stays in the store.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("[bold]{task.description}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        # What runs now takes the room that is left, so that a narrow terminal loses nothing else.
        TextColumn("{task.fields[running]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
    )
    with Progress(
        *columns, console=console, transient=True, expand=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("starting", total=None, running="")

        def notify(now: Snapshot) -> None:
            done = now.cached + now.finished
            bar.update(task, completed=done, total=done + now.waiting, running="; ".join(now.running))

        session = open_session(options, notify=notify)
        try:
            # All are added before the first is settled, so that there is work for idle workers.
            chosen = [
                (claim, case, session.add(claim, case, tier))
                for claim in claims
                for case in claim.cases
                if (tier := options.tier_of(claim, case))
            ]
            for claim, group in groupby(chosen, key=lambda each: each[0]):
                bar.update(task, description=claim.id)
                yield claim, [(case, session.settle(key)) for _, case, key in group]
        finally:
            session.close()


def run_claims(claims: Sequence[Claim], options: Options) -> list[Result]:
    """Settle the claims and hold every effect against its baseline."""
    baselines = Baselines()
    results = []
    with closing(settle_claims(claims, options)) as settling:
        for claim, settled in settling:
            for case, judged in settled:
                tier = options.tier_of(claim, case)
                assert tier is not None, "settled cases have the tier"
                results += [
                    assess(claim, case, tier, judged[key], baselines, comparing=options.compares(claim))
                    for key in case.effects
                ]
    return results
