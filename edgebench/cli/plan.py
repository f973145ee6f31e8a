"""`edgebench plan | explain`: what a run would do; nothing is run."""

from __future__ import annotations

from contextlib import closing, nullcontext
from dataclasses import replace
from typing import Annotated

import typer

from edgebench.claim.catalogue import load_catalogue
from edgebench.cli.options import DEFAULT_ROOT, AsJson, Device, Keyword, Root, Seeds, StoreFile, Tier, Workers
from edgebench.cli.selection import complain, left_with_nothing, nothing, one, select


def plan(
    root: Root = DEFAULT_ROOT,
    keyword: Keyword = None,
    tier: Tier = "smoke",
    seeds: Seeds = None,
    store: StoreFile = None,
    workers: Workers = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Show what a run on this machine would train, cost, and how it may end. Example: edgebench plan --tier short"""
    from edgebench.report.documents import plan_document, text_of
    from edgebench.report.plan import table, totals
    from edgebench.report.result import Baselines
    from edgebench.run.options import Options
    from edgebench.run.plan import plan as make_plan
    from edgebench.run.store import Store

    options = Options(tier, seeds, store, workers, device=device).check()
    catalogue = load_catalogue([root.absolute()])
    path = options.store_path()
    # Opening a store makes its file; a plan leaves nothing behind.
    with closing(Store(path)) if path.is_file() else nullcontext() as opened:
        made = make_plan(select(catalogue.claims, keyword), options, opened, Baselines().get)
    if as_json:
        typer.echo(text_of(plan_document(tier, made)))
    elif made.items:
        typer.echo(f"{table(made)}\n\n{totals(made)}")
    complain(catalogue)
    if not made.items:
        raise nothing(tier)


def explain(
    claim_id: Annotated[str, typer.Argument(metavar="CLAIM")],
    root: Root = DEFAULT_ROOT,
    tier: Annotated[str | None, typer.Option(help="Plan this tier only (default: all it has).")] = None,
    seeds: Seeds = None,
    store: StoreFile = None,
    workers: Workers = None,
    device: Device = "cpu",
) -> None:
    """Tell a claim in words: arms, their differences, what verdicts need, trials and cost.

    Example: edgebench explain netaug/regularisers-hurt-tiny
    """
    from edgebench.report.explain import explain as explained
    from edgebench.report.result import Baselines
    from edgebench.run.options import Options
    from edgebench.run.plan import plan as make_plan
    from edgebench.run.store import Store

    options = Options(tier or "smoke", seeds, store, workers, device=device).check()
    claim = one(load_catalogue([root.absolute()]), claim_id)
    if tier is not None and tier not in claim.tiers:
        raise left_with_nothing(f"{claim_id} has no tier {tier}; it has {', '.join(claim.tiers)}")
    tiers = claim.tiers if tier is None else (tier,)
    path = options.store_path()
    with closing(Store(path)) if path.is_file() else nullcontext() as opened:
        plans = {
            each: make_plan([claim], replace(options, tier=each), opened, Baselines().get) for each in tiers
        }
    typer.echo(explained(claim, plans))
