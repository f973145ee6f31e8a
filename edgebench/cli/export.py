"""`edgebench export`: what the store has, for other tools; nothing is run."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from edgebench.claim.catalogue import load_catalogue
from edgebench.cli.options import DEFAULT_ROOT, Keyword, Root, StoreFile
from edgebench.cli.selection import complain, left_with_nothing, warn


def export(
    output: Annotated[
        str, typer.Argument(metavar="OUTPUT", help="File, folder, `-` (text), or MLflow's tracking URI.")
    ],
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="json, csv, parquet, junit, tensorboard or mlflow (default: by the file's name).",
        ),
    ] = None,
    of: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A run (12, last, last~1), commit or torch=VERSION (default: the newest result of each item).",
        ),
    ] = None,
    keyword: Keyword = None,
    tier: Annotated[str | None, typer.Option(help="Only this tier (default: all).")] = None,
    table: Annotated[
        str, typer.Option(help="items, or trials: what a table (csv, parquet) has its rows of.")
    ] = "items",
    root: Root = DEFAULT_ROOT,
    store: StoreFile = None,
) -> None:
    """Write the results of earlier runs for other tools. Example: edgebench export --format csv results.csv

    JSON, TensorBoard and MLflow hold the trials too, with settings, metrics and curves.
    """
    from edgebench.report.export.content import chosen, with_trials
    from edgebench.report.export.formats import format_of
    from edgebench.report.sides import find_side
    from edgebench.report.tables import counted
    from edgebench.run.options import Options
    from edgebench.run.store import Store

    wanted = format_of(format_, output)
    path = Options(tier or Options.tier, store=store).check().store_path()
    content = chosen(find_side(of, path), keyword or (), tier)
    if not content.entries:
        raise left_with_nothing(f"no result was selected in {path}; see `edgebench history`")
    wanted.check(output, table)
    catalogue = None
    if wanted.wants_trials(table):
        catalogue = load_catalogue([root.absolute()])
        with closing(Store(path)) as opened:
            content = with_trials(content, catalogue.claims, opened)
    wanted.write(content, output, table)
    for remark in content.remarks:
        warn(remark)
    trials = f" and {counted(len(content.trials), 'trial')}" if catalogue is not None else ""
    typer.echo(f"{output}: {counted(len(content.entries), 'item')}{trials} ({content.told})", err=True)
    if catalogue is not None:
        complain(catalogue)
