"""`edgebench rejudge`: verdicts from the store, by the claims and the statistics as they are now."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from edgebench.claim.catalogue import load_catalogue
from edgebench.cli.options import DEFAULT_ROOT, AsJson, Device, Keyword, Quiet, Root, StoreFile
from edgebench.cli.running import All, show
from edgebench.cli.selection import exit_status, leave, select
from edgebench.errors import StoreError


def rejudge(
    root: Root = DEFAULT_ROOT,
    keyword: Keyword = None,
    tier: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this budget, with all its effects; may be repeated (default: what the store has of any)."
        ),
    ] = None,
    store: StoreFile = None,
    device: Device = "cpu",
    quiet: Quiet = False,
    as_json: AsJson = False,
    everything: All = False,
) -> None:
    """Judge again from the store, after a change of a margin, an expectation or the statistics; nothing is run.

    Example: edgebench rejudge -k netaug

    Leaves with the status of a run: 0 when all is as recorded, 1 when a verdict or a value is not, 3 when the store has
    nothing of what was selected, 4 when a claim is broken, 5 when trials are missing for a verdict.
    """
    from edgebench.report.documents import rejudge_document, text_of
    from edgebench.report.rejudging import rejudge as judge_again
    from edgebench.run.options import Options
    from edgebench.run.store import Store

    for each in tier or ():
        Options(each).check()
    path = Options(store=store, device=device).check().store_path()
    if not path.is_file():  # opening one would make it
        raise StoreError(
            "there is no store", where=str(path), hint="runs make one; choose another file with --store"
        )
    catalogue = load_catalogue([root.absolute()])
    with closing(Store(path)) as opened:
        found = judge_again(select(catalogue.claims, keyword), tier or (), store=opened, device=device)
    status = exit_status(catalogue, found.every)
    if as_json:
        typer.echo(text_of(rejudge_document(found, catalogue.broken.values(), status)))
    else:
        for name, results in found.results.items():
            typer.echo(f"{name}\n")
            show(results, quiet=quiet, everything=everything)
            typer.echo("")
        if found.left_out:
            count = len(found.left_out)
            what = f"{count} effect{' has' if count == 1 else 's have'} no trials in the store"
            typer.echo(f"{what} and {'is' if count == 1 else 'are'} left out; see `edgebench plan`")
    leave(catalogue, found.every, ", ".join(tier or found.results) or None)
