"""`edgebench report`: everything that is known as one HTML file; nothing is run."""

from __future__ import annotations

from contextlib import closing, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from edgebench.claim.catalogue import load_catalogue
from edgebench.cli.options import DEFAULT_ROOT, Device, Keyword, Root, StoreFile
from edgebench.cli.selection import complain, nothing, select


def report(
    output: Annotated[Path, typer.Option(help="File to write; an earlier one is replaced.", metavar="FILE")],
    root: Root = DEFAULT_ROOT,
    keyword: Keyword = None,
    tier: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this budget; may be repeated (default: all of which there is a result or a baseline)."
        ),
    ] = None,
    store: StoreFile = None,
    device: Device = "cpu",
) -> None:
    """Write all that store and baselines say as one HTML file. Example: edgebench report --output report.html"""
    from edgebench.report.files import claimed, write
    from edgebench.report.findings.gather import gather
    from edgebench.report.html.page import render
    from edgebench.report.tables import counted
    from edgebench.run.options import Options
    from edgebench.run.store import Store

    for each in tier or ():
        Options(each).check()
    path = Options(store=store, device=device).check().store_path()
    catalogue = load_catalogue([root.absolute()])
    # Opening a store makes its file; a report leaves nothing behind but itself.
    with closing(Store(path)) if path.is_file() else nullcontext() as opened:
        claims = select(catalogue.claims, keyword)
        findings = gather(catalogue, claims, tier or (), store=opened, device=device)
    if not any(findings.claims()):
        complain(catalogue)
        raise nothing(", ".join(tier) if tier else None)
    write(claimed(output), render(findings))
    items = sum(len(paper.items(name)) for paper in findings.papers for name in findings.tiers)
    count = len(list(findings.claims()))
    typer.echo(
        f"{output}: {counted(items, 'item')} of {counted(count, 'claim')} at {', '.join(findings.tiers)}"
    )
    complain(catalogue)
