"""The command line: `edgebench list`, `new`, `validate`, `plan`, `run`, and the others that stand below."""

from __future__ import annotations

import io
import sys
import traceback
from typing import Annotated

import typer

from edgebench import __version__
from edgebench.claim.excerpt import pointed
from edgebench.claim.problems import ClaimFileError
from edgebench.cli import (
    audit,
    baselines,
    certify,
    claims,
    data,
    evidence,
    export,
    history,
    new,
    plan,
    rejudge,
    report,
    reproduce,
    running,
    schemas,
    summary,
)
from edgebench.cli.options import FAILED, INTERRUPTED, USAGE
from edgebench.cli.signals import OUTSIDE, STOPPED, leaves_in_order, say_last, unwritten
from edgebench.cli.usage import ClickError, is_help, sentence
from edgebench.errors import EdgebenchError, SettingsError


def main() -> None:
    """Entry point: every error of ours is one clear message and an exit status, never a traceback."""
    with leaves_in_order():
        try:
            _main()
        except KeyboardInterrupt:  # a second one, while the first was answered
            sys.exit(INTERRUPTED)


def _main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without Unicode shows `?`, and stops nothing
            stream.reconfigure(errors="replace")
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except EdgebenchError as error:
        said = pointed(error) if isinstance(error, ClaimFileError) else f"edgebench: {error}"
        typer.echo(said, err=True)
        sys.exit(USAGE if isinstance(error, SettingsError) else FAILED)
    except SystemExit as leaving:
        if leaving.code in STOPPED:  # 130 is typer's own answer to Ctrl-C, without a word
            said = "finished trials are kept, the same command goes on from there"
            say_last(f"\nedgebench: {STOPPED[leaving.code]}; {said}")
        raise
    except typer.Abort:  # Ctrl-C, or the end of the input, at a question
        typer.echo("\nedgebench: interrupted", err=True)
        sys.exit(INTERRUPTED)
    except ClickError as error:
        if is_help(error):
            error.show()
        else:
            typer.echo(f"edgebench: {sentence(error)}", err=True)
        sys.exit(error.exit_code)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in OUTSIDE:
            say_last(f"edgebench: {unwritten(error)}")
            sys.exit(FAILED)
        # Python's own exit status would be that of a result which is not as recorded.
        traceback.print_exc()
        typer.echo(
            "edgebench: this is a mistake in EdgeBench itself; please report the lines above", err=True
        )
        sys.exit(FAILED)


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
    rich_markup_mode=None,  # help that any terminal can show, and a screen reader can read
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 118},
    callback=_options,
)
app.command("list")(claims.list_claims)
app.command("new")(new.new)
app.command("validate")(claims.validate)
app.command("plan")(plan.plan)
app.command("explain")(plan.explain)
app.command("run")(running.run)
app.command("rejudge")(rejudge.rejudge)
app.command("reproduce")(reproduce.reproduce)
_baseline = _group("Record and compare the results that claims are held against.")
_baseline.command("record")(baselines.record)
_baseline.command("refresh")(baselines.refresh)
_baseline.command("diff")(baselines.diff)
app.add_typer(_baseline, name="baseline")
app.command("certify")(certify.certify)
app.command("audit")(audit.audit)
app.command("history")(history.history)
app.command("compare")(history.compare)
app.command("export")(export.export)
app.command("evidence")(evidence.evidence)
app.command("verify")(evidence.verify)
app.command("report")(report.report)
app.command("schema")(schemas.schema)
_data = _group("Get datasets.")
_data.command("fetch")(data.fetch)
app.add_typer(_data, name="data")
app.command("summary")(summary.summary)
