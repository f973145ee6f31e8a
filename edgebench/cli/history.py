"""`edgebench history | compare`: what earlier runs found; nothing is run."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgebench.cli.options import DEFAULT_ROOT, NOT_AS_RECORDED, NOTHING_SELECTED, AsJson, Root, StoreFile
from edgebench.cli.selection import left_with_nothing
from edgebench.errors import BaselineError, ClaimError, SettingsError, did_you_mean

if TYPE_CHECKING:
    from edgebench.claim.claim import Claim
    from edgebench.judge.baseline import Baseline


def history(
    claim: Annotated[str | None, typer.Argument(metavar="[CLAIM]", show_default="list the runs")] = None,
    root: Root = DEFAULT_ROOT,
    tier: Annotated[str | None, typer.Option(help="Only this tier (default: all).")] = None,
    item: Annotated[str | None, typer.Option(help="Only this effect, such as gain or params[conv].")] = None,
    store: StoreFile = None,
    limit: Annotated[int, typer.Option(min=1, help="Newest runs to show.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the runs, or how a claim went from run to run. Example: edgebench history netaug/regularisers-hurt-tiny"""
    from edgebench.report.documents import history_document, runs_document, text_of
    from edgebench.report.history import claim_history, entries_for, entries_of, run_list
    from edgebench.run.database import open_existing
    from edgebench.run.history import claims_in, runs
    from edgebench.run.options import Options

    path = Options(tier or Options.tier, store=store).check().store_path()
    with closing(open_existing(path)) as opened:
        if claim is None:
            if item is not None:
                raise SettingsError(
                    f"--item {item} without a claim", expected="edgebench history CLAIM --item …"
                )
            chosen = [run for run in runs(opened) if tier in (None, run.tier)]
            listed = [(run, [each.result for each in entries_of(opened, run)]) for run in chosen[-limit:]]
            if not listed:
                raise left_with_nothing(f"there are no runs in {path} yet")
            typer.echo(text_of(runs_document(listed)) if as_json else run_list(listed))
            return
        entries = entries_for(opened, claim)
        known = claims_in(opened)
    found = _claim(root, claim)
    if not entries and found is None:
        raise ClaimError(
            f"no claim is called '{claim}', here or in the history",
            expected="<paper>/<claim>, as `edgebench list` prints them",
            hint=did_you_mean(claim, known),
        )
    shown = [
        each for each in entries if tier in (None, each.result.tier) and item in (None, each.result.item)
    ]
    if not shown:
        there = sorted({f"{each.result.item} at {each.result.tier}" for each in entries})
        also = f"; there is {', '.join(there)}" if there else f"; edgebench run -k {claim} adds the first"
        raise left_with_nothing(f"no run in {path} has that of {claim}{also}")
    if as_json:
        newest = sorted({each.run.number for each in shown})[-limit:]
        typer.echo(text_of(history_document(claim, [each for each in shown if each.run.number in newest])))
    else:
        typer.echo(claim_history(shown, _baselines(found), limit))


def compare(
    a: Annotated[
        str,
        typer.Argument(help="A run (12, last, last~1), commit, torch=VERSION, or store (FILE, FILE@last)."),
    ],
    b: Annotated[str, typer.Argument(help="What to hold against it, named in the same way.")],
    store: StoreFile = None,
    everything: Annotated[bool, typer.Option("--all", help="Show the items that are the same, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what changed between two runs, stores or torch versions. Example: edgebench compare last~1 last

    Leaves with status 1 when a verdict is another one or an exact value differs.
    """
    from edgebench.report.compare import compare_sides, compared_text
    from edgebench.report.documents import compare_document, text_of
    from edgebench.report.sides import find_side
    from edgebench.run.options import Options

    path = Options(store=store).store_path()
    one, other = find_side(a, path), find_side(b, path)
    compared = compare_sides(one, other)
    if as_json:
        typer.echo(text_of(compare_document(one, other, compared)))
    else:
        typer.echo(compared_text(one, other, compared, everything=everything))
    if not compared.pairs:
        raise typer.Exit(NOTHING_SELECTED)
    if compared.changed:
        raise typer.Exit(NOT_AS_RECORDED)


def _claim(root: Path, claim: str) -> Claim | None:
    """The claim as it stands, or None: the history outlives claims, and is read where there are none."""
    from edgebench.claim.loader import load_claim
    from edgebench.claim.recipes import Recipes

    path = root.absolute() / f"{claim}.yaml"
    try:
        return load_claim(path, Recipes(path.parent.parent)) if path.is_file() else None
    except ClaimError:
        return None


def _baselines(claim: Claim | None) -> dict[str, Baseline | BaselineError | None] | None:
    from edgebench.report.result import Baselines

    if claim is None:
        return None
    baselines = Baselines()
    stored: dict[str, Baseline | BaselineError | None] = {}
    for tier in sorted({tier for case in claim.cases for tier in case.tiers}):
        try:
            stored[tier] = baselines.get(claim, tier)
        except BaselineError as error:
            stored[tier] = error
    return stored
