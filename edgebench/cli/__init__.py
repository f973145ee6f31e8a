"""The command line: `edgebench list | show | validate | plan | run | baseline | history | compare | schema | data`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from edgebench import __version__
from edgebench.cli import baselines, claims, data, history, plan, running, summary
from edgebench.cli.options import FAILED, INTERRUPTED, USAGE
from edgebench.errors import EdgebenchError, SettingsError


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


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def _group(help: str) -> typer.Typer:
    return typer.Typer(help=help, no_args_is_help=True)


app = typer.Typer(
    help="Checks whether published claims about edge-ML training hold here, and with what certainty.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    callback=_options,
)
app.command("list")(claims.list_claims)
app.command("show")(claims.show)
app.command("validate")(claims.validate)
app.command("plan")(plan.plan)
app.command("run")(running.run)
_baseline = _group("Record and compare the results that claims are held against.")
_baseline.command("record")(baselines.record)
_baseline.command("refresh")(baselines.refresh)
_baseline.command("diff")(baselines.diff)
app.add_typer(_baseline, name="baseline")
app.command("history")(history.history)
app.command("compare")(history.compare)
app.command("schema")(claims.schema)
_data = _group("Get datasets.")
_data.command("fetch")(data.fetch)
app.add_typer(_data, name="data")
app.command("summary")(summary.summary)
