"""`edgebench list | show | validate | schema`: claims as they are written; nothing is run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebench.claim.catalogue import load_catalogue
from edgebench.cli.options import DEFAULT_ROOT, NOTHING_SELECTED, AsJson, Keyword, Root
from edgebench.cli.selection import complain, one, select


def list_claims(root: Root = DEFAULT_ROOT, keyword: Keyword = None, as_json: AsJson = False) -> None:
    """List papers and claims. Example: edgebench list -k netaug"""
    from edgebench.report.describe import listing
    from edgebench.report.documents import list_document, text_of

    catalogue = load_catalogue([root.absolute()])
    chosen = select(catalogue.claims, keyword)
    typer.echo(
        text_of(list_document(catalogue.papers, chosen)) if as_json else listing(catalogue.papers, chosen)
    )
    complain(catalogue)


def show(claim_id: Annotated[str, typer.Argument(metavar="CLAIM")], root: Root = DEFAULT_ROOT) -> None:
    """Show one claim: statement, arms, tiers, effects. Example: edgebench show netaug/regularisers-hurt-tiny"""
    from edgebench.report.describe import describe_claim

    typer.echo(describe_claim(one(load_catalogue([root.absolute()]), claim_id)))


def validate(
    paths: Annotated[list[Path] | None, typer.Argument(metavar="[PATH]…", show_default="claims")] = None,
) -> None:
    """Check claim files without running anything; every problem at once. Example: edgebench validate claims/netaug"""
    catalogue = load_catalogue([path.absolute() for path in paths or [DEFAULT_ROOT]])
    count = len(catalogue.claims)
    typer.echo(
        f"{count} claim{'s' if count != 1 else ''} in order" + (", broken:" if catalogue.broken else "")
    )
    complain(catalogue)
    if not count:
        raise typer.Exit(NOTHING_SELECTED)


def schema() -> None:
    """Print the JSON schema of claim files, for editors. Example: edgebench schema > claims/schema.json"""
    import json

    from edgebench.claim.schema import claim_schema

    typer.echo(json.dumps(claim_schema(), indent=2, ensure_ascii=False))
