"""`edgebench list | validate`: claims as they are written; nothing is run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebench.claim.catalogue import load_catalogue
from edgebench.claim.excerpt import excerpts
from edgebench.cli.options import DEFAULT_ROOT, FAILED, AsJson, Keyword, Root
from edgebench.cli.selection import complain, nothing, select


def list_claims(root: Root = DEFAULT_ROOT, keyword: Keyword = None, as_json: AsJson = False) -> None:
    """List papers and claims. Example: edgebench list -k netaug"""
    from edgebench.report.describe import listing
    from edgebench.report.documents import list_document, text_of

    catalogue = load_catalogue([root.absolute()])
    chosen = select(catalogue.claims, keyword)
    if as_json:
        typer.echo(text_of(list_document(catalogue.papers, chosen)))
    elif chosen:
        typer.echo(listing(catalogue.papers, chosen))
    complain(catalogue)
    if not chosen:
        raise nothing()


def validate(
    paths: Annotated[list[Path] | None, typer.Argument(metavar="[PATH]…", show_default="claims")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail, too.")] = False,
) -> None:
    """Check claim files without running anything; every problem at once. Example: edgebench validate claims/netaug

    Warns of effects that can hardly fail (vacuous), or that the seeds cannot show (weak), of arms that do not differ
    (equal-arms), and of a claim without its place in the paper (where).
    """
    from edgebench.judge.lint import lint
    from edgebench.report.result import Baselines
    from edgebench.report.tables import counted

    catalogue = load_catalogue([path.absolute() for path in paths or [DEFAULT_ROOT]])
    count, read = len(catalogue.claims), Baselines().get
    warnings = [problem for claim in catalogue.claims for problem in lint(claim, read)]
    said = f"{counted(count, 'claim')} in order"
    said += f", {len(catalogue.broken)} broken" if catalogue.broken else ""
    said += f", {counted(len(warnings), 'warning')}" if warnings else ""
    typer.echo(said + (":" if warnings or catalogue.broken else ""))
    for text in excerpts(warnings):
        typer.echo(text, err=True)
    complain(catalogue)
    if not count:
        raise nothing()
    if strict and warnings:
        raise typer.Exit(FAILED)
