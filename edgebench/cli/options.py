"""The options that several commands share, and the exit codes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# Exit codes, told apart so that a script can act on them; 2 is also what an unknown option gives, 130 an interrupt.
NOT_AS_RECORDED, USAGE, NOTHING_SELECTED, FAILED, PENDING = 1, 2, 3, 4, 5
INTERRUPTED = 130

Root = Annotated[Path, typer.Option("--claims", help="Folder of claims.", metavar="DIR")]
Keyword = Annotated[
    list[str] | None,
    typer.Option(
        "-k",
        help="Only claims of which the id, an effect or a tag contains this; may be repeated.",
        metavar="TEXT",
    ),
]
Tier = Annotated[str, typer.Option(help="Budget: smoke, short or paper.")]
Seeds = Annotated[int | None, typer.Option(help="Look once, at this many seeds; baselines are not compared.")]
StoreFile = Annotated[
    Path | None, typer.Option("--store", help="Results (default: .edgebench/store.sqlite).")
]
Workers = Annotated[int | None, typer.Option(help="Trials at a time (default: one per core).")]
DEFAULT_ROOT = Path("claims")
TimeBudget = Annotated[
    str | None,
    typer.Option(
        "--time-budget",
        help="Stop after this long, such as 30m; what has no verdict by then is pending.",
        metavar="TIME",
    ),
]
Executor = Annotated[str, typer.Option(help="Where trials run: local, or ray (a Ray cluster).")]
Address = Annotated[
    str | None, typer.Option(help="Address of the Ray cluster (default: a new one here).", metavar="HOST")
]
Resource = Annotated[
    str | None, typer.Option(help="Custom resource of the Ray nodes to run on.", metavar="NAME")
]
Device = Annotated[str, typer.Option(help="What trials run on: cpu or cuda.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Write one JSON document (docs/json.md), all else to standard error.")
]
Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", help="Show only what is not as recorded, and the last line.")
]
