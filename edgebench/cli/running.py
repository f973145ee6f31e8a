"""`edgebench run`: the harness under a progress line."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgebench.claim.catalogue import load_catalogue
from edgebench.cli.options import (
    DEFAULT_ROOT,
    Address,
    AsJson,
    Device,
    Executor,
    Keyword,
    Quiet,
    Resource,
    Root,
    Seeds,
    StoreFile,
    Tier,
    TimeBudget,
    Workers,
)
from edgebench.cli.selection import exit_status, leave, select, warn

if TYPE_CHECKING:
    from edgebench.report.result import Result

JUnit = Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML there too.", metavar="FILE")]
All = Annotated[bool, typer.Option("--all", help="Give every effect a row of its own in the closing table.")]


def run(
    root: Root = DEFAULT_ROOT,
    keyword: Keyword = None,
    tier: Tier = "smoke",
    seeds: Seeds = None,
    store: StoreFile = None,
    workers: Workers = None,
    time_budget: TimeBudget = None,
    executor: Executor = "local",
    address: Address = None,
    resource: Resource = None,
    device: Device = "cpu",
    quiet: Quiet = False,
    as_json: AsJson = False,
    junit: JUnit = None,
    everything: All = False,
) -> None:
    """Run claims, judge them, hold them against their baselines. Example: edgebench run -k mobiletl

    Leaves with status 0 when all is as recorded, 1 when a verdict or a value is not, 3 when nothing was selected, 4
    when a claim is broken or failed to run, 5 when the time budget ended before a verdict.
    """
    from edgebench.report.documents import run_document, text_of
    from edgebench.report.files import claimed, write
    from edgebench.report.junit import junit_xml
    from edgebench.report.live import run_claims
    from edgebench.run.options import Options, duration

    catalogue = load_catalogue([root.absolute()])
    budget = None if time_budget is None else duration(time_budget)
    options = Options(tier, seeds, store, workers, budget, executor, address, resource, device).check()
    if junit is not None:
        claimed(junit)  # before hours of training, not after
    results = run_claims(select(catalogue.claims, keyword), options, warn, quiet=quiet)
    broken = list(catalogue.broken.values())
    if junit is not None:
        write(junit, junit_xml(results, broken))
    if as_json:
        typer.echo(text_of(run_document(tier, results, broken, exit_status(catalogue, results))))
    elif results:
        show(results, quiet=quiet, everything=everything)
    leave(catalogue, results, tier)


def show(results: list[Result], *, quiet: bool, everything: bool) -> None:
    """Print results: what is not as recorded at length, and unless `quiet` all of them in a table."""
    from rich.console import Console

    from edgebench.report.closing import closing
    from edgebench.report.heatmap import heat_maps
    from edgebench.report.tables import claims_holding, failure, still_pending, tally

    console = Console()
    # rich takes every dumb terminal for 80 columns wide.
    width = shutil.get_terminal_size().columns if console.is_terminal else None
    for result in results:
        if not result.green and result.verdict != "pending":
            typer.echo(failure(result, width) + "\n")
    if quiet:
        typer.echo(tally(results))
        return
    if waiting := still_pending(results):
        waiting += "\n"
    maps = heat_maps(results, colour=console.color_system is not None and not console.no_color)
    maps += "\n\n" if maps else ""
    table = closing(results, width, everything=everything)
    typer.echo(f"{table}\n\n{maps}{waiting}{claims_holding(results)}\n{tally(results)}")
