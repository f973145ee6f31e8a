"""`edgebench certify`: does what a shortened run found hold with a longer schedule?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from edgebench.claim.catalogue import load_catalogue
from edgebench.cli.options import (
    DEFAULT_ROOT,
    Address,
    Device,
    Executor,
    Resource,
    Root,
    StoreFile,
    Workers,
)
from edgebench.cli.selection import one
from edgebench.errors import SettingsError

if TYPE_CHECKING:
    from edgebench.report.certifying import Length


def certify(
    claims: Annotated[list[str], typer.Argument(metavar="CLAIM…")],
    why: Annotated[str, typer.Option(help="What was run, and why it may be relied on; goes into the files.")],
    against: Annotated[
        str,
        typer.Option(
            help="4x: train that many times as long as the tier says; paper: that tier's baselines.",
            metavar="LENGTH",
        ),
    ] = "4x",
    root: Root = DEFAULT_ROOT,
    tier: Annotated[str, typer.Option(help="Whose verdicts are certified: smoke or short.")] = "short",
    seeds: Annotated[
        int | None, typer.Option(help="Seeds of the longer run (default: the tier's looks).")
    ] = None,
    store: StoreFile = None,
    workers: Workers = None,
    executor: Executor = "local",
    address: Address = None,
    resource: Resource = None,
    device: Device = "cpu",
    by: Annotated[str | None, typer.Option(help="Who certifies it (default: git's user.name).")] = None,
) -> None:
    """Compare verdicts of a shortened run with one longer run, and keep in certificates/ whether sign and size hold.

    Example: edgebench certify mobilenet-ablation/mixup-accuracy --against 4x --seeds 5 --why "checked once"
    """
    from edgebench.report.certifying import certify_claims
    from edgebench.run.options import Options

    length = _length(against)
    longer = length if isinstance(length, int) else 1
    options = Options(
        tier, seeds, store, workers, None, executor, address, resource, device, longer=longer
    ).check()
    catalogue = load_catalogue([root.absolute()])
    chosen = [one(catalogue, each) for each in claims]
    certify_claims(chosen, options, length, why=why, by=by, say=typer.echo)


def _length(text: str) -> Length:
    found = re.fullmatch(r"([1-9][0-9]{0,2})x", text)
    if text == "paper":
        return "paper"
    if found is None or int(found[1]) < 2:
        raise SettingsError(f"--against {text}", expected="4x or the like (from 2x to 999x), or paper")
    return int(found[1])
