"""`edgebench baseline record | refresh | diff`: the results that claims are held against."""

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
from edgebench.errors import SettingsError

Markdown = Annotated[
    bool, typer.Option("--markdown", help="What changed, old beside new, as text for a pull request.")
]


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


def refresh(
    why: Annotated[str, typer.Option(help="Why what moved is right as it is now; goes into the files.")],
    root: Root = DEFAULT_ROOT,
    keyword: Keyword = None,
    tier: Tier = "smoke",
    store: StoreFile = None,
    workers: Workers = None,
    executor: Executor = "local",
    address: Address = None,
    resource: Resource = None,
    device: Device = "cpu",
    by: Annotated[str | None, typer.Option(help="Who records it (default: git's user.name).")] = None,
    markdown: Markdown = False,
) -> None:
    """Record anew what flipped or drifted, and nothing else. Example: edgebench baseline refresh --why "torch 2.16" """
    from edgebench.report.baseline_changes import changes_markdown
    from edgebench.report.recording import sign
    from edgebench.report.refreshing import refresh_baselines
    from edgebench.report.tables import counted
    from edgebench.run.options import Options

    recorded = sign(by, why)
    catalogue = load_catalogue([root.absolute()])
    options = Options(tier, None, store, workers, None, executor, address, resource, device).check()
    changes = refresh_baselines(select(catalogue.claims, keyword), options, recorded=recorded, warn=warn)
    if markdown:
        typer.echo(changes_markdown(changes, tier, recorded), nl=False)
    else:
        for change in changes:
            typer.echo(f"{change.id}: {change.told}")
        typer.echo(f"{counted(len(changes), 'item')} recorded anew; every other one is as it was")
    complain(catalogue)


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
    markdown: Markdown = False,
) -> None:
    """Show what is not as recorded, measured beside baseline. Example: edgebench baseline diff --tier short"""
    from edgebench.report.baseline_changes import changes_markdown, changes_of
    from edgebench.report.documents import run_document, text_of
    from edgebench.report.live import run_claims
    from edgebench.report.result import orphans
    from edgebench.report.tables import failure, moved
    from edgebench.run.options import Options

    if as_json and markdown:
        raise SettingsError(
            "--json and --markdown together",
            expected="one of the two",
            hint="the standard output holds one document",
        )
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
    if results and markdown:
        typer.echo(changes_markdown(changes_of(catalogue.claims, results), tier), nl=False)
        for result in red:
            if result.baseline not in ("flipped", "drifted"):
                typer.echo(f"{result.id}: {'; '.join(result.said)}", err=True)
    elif results:
        typer.echo(
            "\n\n".join(failure(result) for result in red) or f"all {len(results)} items are as recorded"
        )
    if not markdown and (slow := moved(results)):
        typer.echo(f"\n{slow}")
    leave(catalogue, results, tier)
