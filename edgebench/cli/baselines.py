"""`edgebench baseline record | diff`: the results that claims are held against."""

from __future__ import annotations

from typing import Annotated

import typer

from edgebench.claim.catalogue import load_catalogue
from edgebench.cli.options import (
    DEFAULT_ROOT,
    Address,
    AsJson,
    Device,
    Executor,
    Keyword,
    Resource,
    Root,
    StoreFile,
    Tier,
    Workers,
)
from edgebench.cli.selection import complain, exit_status, leave, nothing, one, select, warn


def record(
    why: Annotated[str, typer.Option(help="Why this result may be relied on; goes into the file.")],
    claims: Annotated[list[str] | None, typer.Argument(metavar="[CLAIM]…", show_default="all")] = None,
    root: Root = DEFAULT_ROOT,
    tier: Tier = "smoke",
    store: StoreFile = None,
    workers: Workers = None,
    executor: Executor = "local",
    address: Address = None,
    resource: Resource = None,
    device: Device = "cpu",
    by: Annotated[str | None, typer.Option(help="Who records it (default: git's user.name).")] = None,
    afresh: Annotated[
        bool, typer.Option("--afresh", help="Begin a new line: forget what was accepted first.")
    ] = False,
) -> None:
    """Record results as baselines, to be reviewed. Example: edgebench baseline record --why "first run" """
    from edgebench.report.recording import record_baselines
    from edgebench.run.options import Options

    catalogue = load_catalogue([root.absolute()])
    chosen = [one(catalogue, each) for each in claims] if claims else list(catalogue.claims)
    options = Options(tier, None, store, workers, None, executor, address, resource, device).check()
    written = record_baselines(chosen, options, why=why, by=by, say=typer.echo, afresh=afresh)
    if not claims:
        complain(catalogue)
    if not written:
        raise nothing(tier)


def diff(
    root: Root = DEFAULT_ROOT,
    keyword: Keyword = None,
    tier: Tier = "smoke",
    store: StoreFile = None,
    workers: Workers = None,
    executor: Executor = "local",
    address: Address = None,
    resource: Resource = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Show what is not as recorded, measured beside baseline. Example: edgebench baseline diff --tier short"""
    from edgebench.report.documents import run_document, text_of
    from edgebench.report.live import run_claims
    from edgebench.report.result import orphans
    from edgebench.report.tables import failure, moved
    from edgebench.run.options import Options

    catalogue = load_catalogue([root.absolute()])
    results = run_claims(
        select(catalogue.claims, keyword),
        Options(tier, None, store, workers, None, executor, address, resource, device).check(),
        warn,
    )
    red = [result for result in results if not result.green]
    for left in orphans(select(catalogue.claims, keyword), tier):
        typer.echo(left, err=True)
    if as_json:
        broken = catalogue.broken.values()
        typer.echo(text_of(run_document(tier, results, broken, exit_status(catalogue, results))))
        leave(catalogue, results, tier)
        return
    if results:
        typer.echo(
            "\n\n".join(failure(result) for result in red) or f"all {len(results)} items are as recorded"
        )
    if slow := moved(results):
        typer.echo(f"\n{slow}")
    leave(catalogue, results, tier)
