"""`edgebench evidence | verify`: verdicts with all that they rest on in one file, and what follows from such a file."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgebench.claim.catalogue import load_catalogue
from edgebench.cli.options import DEFAULT_ROOT, NOT_AS_RECORDED, Device, Root, StoreFile
from edgebench.cli.selection import one, warn
from edgebench.errors import StoreError

if TYPE_CHECKING:
    from edgebench.evidence.bundle import Bundle
    from edgebench.evidence.verify import Verification


def evidence(
    claim_ids: Annotated[list[str], typer.Argument(metavar="CLAIM...")],
    output: Annotated[Path, typer.Option(help="File to write; an earlier one is replaced.", metavar="FILE")],
    root: Root = DEFAULT_ROOT,
    tier: Annotated[
        list[str] | None,
        typer.Option(help="Only this budget; may be repeated (default: all that the store has)."),
    ] = None,
    store: StoreFile = None,
    device: Device = "cpu",
) -> None:
    """Export claims with trials, records, verdicts and digests as one file that others can verify; nothing is run.

    Example: edgebench evidence netaug/regularisers-hurt-tiny --output evidence.zip
    """
    from edgebench.evidence.bundle import read_bundle
    from edgebench.evidence.collect import Collection
    from edgebench.report.files import claimed, write
    from edgebench.run.options import Options
    from edgebench.run.store import Store

    for each in tier or ():
        Options(each).check()
    path = Options(store=store, device=device).check().store_path()
    if not path.is_file():  # opening one would make it
        raise StoreError(
            "there is no store", where=str(path), hint="runs make one; choose another file with --store"
        )
    claimed(output)
    catalogue = load_catalogue([root.absolute()])
    claims = [one(catalogue, name) for name in dict.fromkeys(claim_ids)]
    with closing(Store(path)) as opened:
        collection = Collection(opened, device, warn)
        for claim in claims:
            collection.add(claim, tier or ())
        write(output, collection.sealed())
    bundle = read_bundle(output)
    typer.echo(f"{output}: {_held(bundle)}\nsha256 {bundle.digest}")


def verify(
    bundle_file: Annotated[Path, typer.Argument(metavar="BUNDLE")],
    root: Root = DEFAULT_ROOT,
) -> None:
    """Verify a file of evidence offline: digests, trials' hashes, verdicts judged again; and what is otherwise here.

    Example: edgebench verify evidence.zip

    Leaves with status 0 when all that it states follows from what it holds, 1 when something does not, 4 when the file
    was changed or cannot be read. What this checkout and machine differ in is said, and is no failure.
    """
    from edgebench.evidence.bundle import read_bundle
    from edgebench.evidence.here import differences
    from edgebench.evidence.verify import verify as follow

    bundle = read_bundle(bundle_file)
    found = follow(bundle)
    typer.echo(_told(bundle, found))
    for each in found.problems:
        typer.echo(f"does not follow: {each}")
    if found.problems:
        typer.echo(f"{bundle_file}: not verified")
        raise typer.Exit(NOT_AS_RECORDED)
    for each in differences(bundle, root.absolute()):
        typer.echo(f"other here: {each}")
    typer.echo(f"{bundle_file}: verified; unchanged since it was written, which does not say by whom")


def _held(bundle: Bundle) -> str:
    from edgebench.report.tables import counted

    stated = [
        case for of in bundle.statements.values() for cases in of.tiers.values() for case in cases.values()
    ]
    verdicts = sum(len(case.verdicts) for case in stated)
    records = sum(trial.record is not None for trial in bundle.trials.values())
    return (
        f"{counted(verdicts, 'verdict')} of {counted(len(bundle.statements), 'claim')} with "
        f"{counted(records, 'record')}, {counted(len(bundle.members), 'member')}"
    )


def _told(bundle: Bundle, found: Verification) -> str:
    from edgebench.printable import printable
    from edgebench.report.tables import number, table

    rows: list[list[object]] = []
    for each in found.items:
        stated = each.stated
        if stated is None:
            rows.append([each.claim, each.tier, each.item, "–", "–", "undecided"])
            continue
        interval = "" if stated.low is None else f" [{number(stated.low)}, {number(stated.high)}]"
        verdict = f"{stated.outcome}{f' ({stated.subtype})' if stated.subtype else ''}"
        rows.append(
            [each.claim, each.tier, each.item, f"{number(stated.value)}{interval}", stated.n, verdict]
        )
    about = bundle.manifest
    commit = f" at commit {printable(about.commit[:40])}{'*' if about.dirty else ''}" if about.commit else ""
    listed = table(("claim", "tier", "effect", "measured [interval]", "n", "stated"), rows, right=("n",))
    return (
        f"{listed}\n\nwritten by EdgeBench {printable(about.edgebench)}{commit}; sha256 {bundle.digest}\n"
        f"{len(about.members)} members are as its manifest says; {found.trials} trials' hashes and "
        f"{len(found.items)} verdicts were computed again"
    )
