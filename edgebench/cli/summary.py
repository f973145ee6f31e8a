"""`edgebench summary`: the newest run for those who watch over it; nothing is run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebench.cli.options import FAILED, NOT_AS_RECORDED, StoreFile


def summary(
    tier: Annotated[str | None, typer.Option(help="The newest run of this tier (default: of any).")] = None,
    store: StoreFile = None,
    within: Annotated[
        str | None,
        typer.Option(help="Refuse a run that began longer ago, such as 7h.", metavar="TIME"),
    ] = None,
    badge: Annotated[
        Path | None,
        typer.Option(help="Write the JSON of a badge, too, for shields.io's endpoint.", metavar="FILE"),
    ] = None,
) -> None:
    """Tell in Markdown what the newest run found. Example: edgebench summary --tier short --badge badge.json

    Leaves with status 1 when a verdict flipped or a value drifted, and with 4 when something was not watched: the
    run was cut off, nothing was judged, or an item failed to run twice in a row.
    """
    import json

    from edgebench.report import night_summary
    from edgebench.report.files import claimed, write
    from edgebench.report.night import Group, open_night
    from edgebench.run.options import Options, duration

    options = Options(tier=tier or Options.tier, store=store).check()
    night = open_night(options.store_path(), tier, None if within is None else duration(within))
    if badge is not None:
        content = json.dumps(night_summary.badge(night), ensure_ascii=False, indent=2)
        write(claimed(badge), f"{content}\n")
    typer.echo(night_summary.night_summary(night))
    if night.of(Group.changed):
        raise typer.Exit(NOT_AS_RECORDED)
    if night.unwatched:
        raise typer.Exit(FAILED)
