"""`edgebench list | validate`: claims as they are written; nothing is run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebench.claim.catalogue import load_catalogue
from edgebench.cli.options import DEFAULT_ROOT, NOTHING_SELECTED, Keyword, Root
from edgebench.cli.selection import complain, select


def list_claims(root: Root = DEFAULT_ROOT, keyword: Keyword = None) -> None:
    """List papers and claims. Example: edgebench list -k netaug"""
    from edgebench.report.describe import listing

    catalogue = load_catalogue([root.absolute()])
    typer.echo(listing(catalogue.papers, select(catalogue.claims, keyword)))
    complain(catalogue)


def validate(
    paths: Annotated[list[Path] | None, typer.Argument(metavar="[PATH]…", show_default="claims")] = None,
) -> None:
    """Check claim files without running anything; every problem at once. Example: edgebench validate claims/netaug"""
    catalogue = load_catalogue([path.absolute() for path in paths or [DEFAULT_ROOT]])
    count = len(catalogue.claims)
    typer.echo(
        f"{count} claim{'s' if count != 1 else ''} in order"
        + (f", {len(catalogue.broken)} broken:" if catalogue.broken else "")
    )
    complain(catalogue)
    if not count:
        raise typer.Exit(NOTHING_SELECTED)
