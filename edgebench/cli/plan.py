"""`edgebench plan`: what a run would do; nothing is run."""

from __future__ import annotations

from contextlib import closing, nullcontext

import typer

from edgebench.claim.catalogue import load_catalogue
from edgebench.cli.options import DEFAULT_ROOT, AsJson, Device, Keyword, Root, Seeds, StoreFile, Tier, Workers
from edgebench.cli.selection import complain, nothing, select


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
