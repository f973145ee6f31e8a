"""The command line: `edgebench list | show | validate | run | baseline | schema | data`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgebench import __version__
from edgebench.claim.catalogue import Catalogue, load_catalogue
from edgebench.claim.claim import Claim, item_key
from edgebench.errors import ClaimError, EdgebenchError, SettingsError, did_you_mean

if TYPE_CHECKING:
    from edgebench.report.result import Result

# Exit codes, told apart so that a script can act on them; 2 is also what an unknown option gives, 130 an interrupt.
NOT_AS_RECORDED, USAGE, NOTHING_SELECTED, FAILED = 1, 2, 3, 4
INTERRUPTED = 130

app = typer.Typer(
    help="Checks whether published claims about edge-ML training hold here, and with what certainty.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
baseline_app = typer.Typer(
    help="Record and compare the results that claims are held against.", no_args_is_help=True
)
data_app = typer.Typer(help="Get datasets.", no_args_is_help=True)
app.add_typer(baseline_app, name="baseline")
app.add_typer(data_app, name="data")

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


def main() -> None:
    """Entry point: every error of ours is one clear message and an exit status, never a traceback."""
    try:
        app()
    except EdgebenchError as error:
        typer.echo(f"edgebench: {error}", err=True)
        sys.exit(USAGE if isinstance(error, SettingsError) else FAILED)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:  # typer's own answer to Ctrl-C, without a word
            said = "interrupted; finished trials are kept, the same command goes on from there"
            typer.echo(f"\nedgebench: {said}", err=True)
        raise


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"edgebench {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command("list")
def list_claims(root: Root = DEFAULT_ROOT, keyword: Keyword = None) -> None:
    """List papers and claims. Example: edgebench list -k netaug"""
    from edgebench.report.describe import listing

    catalogue = load_catalogue([root.absolute()])
    typer.echo(listing(catalogue.papers, _select(catalogue.claims, keyword)))
    _complain(catalogue)


@app.command()
def show(claim_id: Annotated[str, typer.Argument(metavar="CLAIM")], root: Root = DEFAULT_ROOT) -> None:
    """Show one claim: statement, arms, tiers, effects. Example: edgebench show netaug/regularisers-hurt-tiny"""
    from edgebench.report.describe import describe_claim

    typer.echo(describe_claim(_one(load_catalogue([root.absolute()]), claim_id)))


@app.command()
def validate(
    paths: Annotated[list[Path] | None, typer.Argument(metavar="[PATH]…", show_default="claims")] = None,
) -> None:
    """Check claim files without running anything; every problem at once. Example: edgebench validate claims/netaug"""
    catalogue = load_catalogue([path.absolute() for path in paths or [DEFAULT_ROOT]])
    count = len(catalogue.claims)
    typer.echo(
        f"{count} claim{'s' if count != 1 else ''} in order" + (", broken:" if catalogue.broken else "")
    )
    _complain(catalogue)
    if not count:
        raise typer.Exit(NOTHING_SELECTED)


@app.command()
def run(
    root: Root = DEFAULT_ROOT,
    keyword: Keyword = None,
    tier: Tier = "smoke",
    seeds: Seeds = None,
    store: StoreFile = None,
    workers: Workers = None,
) -> None:
    """Run claims, judge them, hold them against their baselines. Example: edgebench run -k mobiletl"""
    from edgebench.report.live import run_claims
    from edgebench.report.tables import claims_holding, failure, summary, tally
    from edgebench.run.harness import Options

    catalogue = load_catalogue([root.absolute()])
    options = Options(tier, seeds, store, workers).check()
    results = run_claims(_select(catalogue.claims, keyword), options)
    for result in results:
        if not result.green:
            typer.echo(failure(result) + "\n")
    if results:
        typer.echo(f"{summary(results)}\n\n{claims_holding(results)}\n{tally(results)}")
    _leave(catalogue, results, tier)


@baseline_app.command("record")
def record(
    why: Annotated[str, typer.Option(help="Why this result may be relied on; goes into the file.")],
    claims: Annotated[list[str] | None, typer.Argument(metavar="[CLAIM]…", show_default="all")] = None,
    root: Root = DEFAULT_ROOT,
    tier: Tier = "smoke",
    store: StoreFile = None,
    workers: Workers = None,
    by: Annotated[str | None, typer.Option(help="Who records it (default: git's user.name).")] = None,
) -> None:
    """Record results as baselines, to be reviewed. Example: edgebench baseline record --why "first run" """
    from edgebench.report.recording import record_baselines
    from edgebench.run.harness import Options

    catalogue = load_catalogue([root.absolute()])
    chosen = [_one(catalogue, each) for each in claims] if claims else list(catalogue.claims)
    written = record_baselines(
        chosen, Options(tier, None, store, workers).check(), why=why, by=by, say=typer.echo
    )
    if not claims:
        _complain(catalogue)
    if not written:
        raise _nothing(tier)


@baseline_app.command("diff")
def diff(
    root: Root = DEFAULT_ROOT,
    keyword: Keyword = None,
    tier: Tier = "smoke",
    store: StoreFile = None,
    workers: Workers = None,
) -> None:
    """Show what is not as recorded, measured beside baseline. Example: edgebench baseline diff --tier short"""
    from edgebench.report.live import run_claims
    from edgebench.report.result import orphans
    from edgebench.report.tables import failure
    from edgebench.run.harness import Options

    catalogue = load_catalogue([root.absolute()])
    results = run_claims(_select(catalogue.claims, keyword), Options(tier, None, store, workers).check())
    red = [result for result in results if not result.green]
    for left in orphans(_select(catalogue.claims, keyword), tier):
        typer.echo(left, err=True)
    if results:
        typer.echo(
            "\n\n".join(failure(result) for result in red) or f"all {len(results)} items are as recorded"
        )
    _leave(catalogue, results, tier)


@app.command()
def schema() -> None:
    """Print the JSON schema of claim files, for editors. Example: edgebench schema > claims/schema.json"""
    import json

    from edgebench.claim.schema import claim_schema

    typer.echo(json.dumps(claim_schema(), indent=2, ensure_ascii=False))


@data_app.command("fetch")
def fetch(name: Annotated[str, typer.Argument(help="mnist, fashion-mnist, cifar10 or cifar100")]) -> None:
    """Download a dataset into the cache folder. Example: edgebench data fetch cifar10"""
    from edgebench.data.fetch import fetch as download

    source = download(name)
    typer.echo(f"{name}: {source.origin}")


def _select(claims: tuple[Claim, ...], keywords: list[str] | None) -> list[Claim]:
    """Claims of which the id, an item, a tag or the kind contains one of the words."""
    if not keywords:
        return list(claims)

    def matches(claim: Claim) -> bool:
        items = (item_key(key, case.id) for case in claim.cases for key in case.effects)
        names = " ".join([claim.id, claim.kind, *claim.tags, *items])
        return any(word.lower() in names.lower() for word in keywords)

    return [claim for claim in claims if matches(claim)]


def _one(catalogue: Catalogue, claim_id: str) -> Claim:
    by_id = {claim.id: claim for claim in catalogue.claims}
    if claim_id in by_id:
        return by_id[claim_id]
    paper, _, name = claim_id.partition("/")
    for path, error in catalogue.broken.items():
        # A broken paper takes its claims with it.
        if path.parent.name == paper and path.stem in (name, "paper"):
            raise error
    raise ClaimError(
        f"no claim is called '{claim_id}'",
        expected="<paper>/<claim>, as `edgebench list` prints them",
        hint=did_you_mean(claim_id, by_id),
    )


def _complain(catalogue: Catalogue) -> None:
    """Print what is wrong with broken files, all of it, and leave with the status of a failure."""
    for error in catalogue.broken.values():
        typer.echo(str(error), err=True)
    if catalogue.broken:
        raise typer.Exit(FAILED)


def _leave(catalogue: Catalogue, results: list[Result], tier: str) -> None:
    """Leave with the status that the results ask for."""
    _complain(catalogue)
    if not results:
        raise _nothing(tier)
    if any(result.verdict == "failed" for result in results):
        raise typer.Exit(FAILED)
    if not all(result.green for result in results):
        raise typer.Exit(NOT_AS_RECORDED)


def _nothing(tier: str) -> typer.Exit:
    typer.echo(f"edgebench: no claim was selected (tier {tier}); see `edgebench list`", err=True)
    return typer.Exit(NOTHING_SELECTED)


if __name__ == "__main__":
    main()
