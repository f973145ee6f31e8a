"""`edgebench run`: the harness under a progress line."""

from __future__ import annotations

import typer

from edgebench.claim.catalogue import load_catalogue
from edgebench.cli.options import (
    DEFAULT_ROOT,
    Address,
    Device,
    Executor,
    Keyword,
    Resource,
    Root,
    Seeds,
    StoreFile,
    Tier,
    TimeBudget,
    Workers,
)
from edgebench.cli.selection import leave, select, warn


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
) -> None:
    """Run claims, judge them, hold them against their baselines. Example: edgebench run -k mobiletl"""
    from rich.console import Console

    from edgebench.report.heatmap import heat_maps
    from edgebench.report.live import run_claims
    from edgebench.report.tables import claims_holding, failure, still_pending, summary, tally
    from edgebench.run.options import Options, duration

    catalogue = load_catalogue([root.absolute()])
    budget = None if time_budget is None else duration(time_budget)
    options = Options(tier, seeds, store, workers, budget, executor, address, resource, device).check()
    results = run_claims(select(catalogue.claims, keyword), options, warn)
    for result in results:
        if not result.green and result.verdict != "pending":
            typer.echo(failure(result) + "\n")
    if results:
        if waiting := still_pending(results):
            waiting += "\n"
        console = Console()
        maps = heat_maps(results, colour=console.color_system is not None and not console.no_color)
        maps += "\n\n" if maps else ""
        typer.echo(f"{summary(results)}\n\n{maps}{waiting}{claims_holding(results)}\n{tally(results)}")
    leave(catalogue, results, tier)
