"""Which claims a command is about, and with which status it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from edgebench.claim.catalogue import Catalogue
from edgebench.claim.claim import Claim, item_key
from edgebench.claim.excerpt import pointed
from edgebench.claim.problems import ClaimFileError, Mark, Problem
from edgebench.cli.options import FAILED, NOT_AS_RECORDED, NOTHING_SELECTED, PENDING
from edgebench.errors import ClaimError, did_you_mean

if TYPE_CHECKING:
    from edgebench.report.result import Result


def select(claims: tuple[Claim, ...], keywords: list[str] | None) -> list[Claim]:
    """Claims of which the id, an item, a tag or the kind contains one of the words."""
    if not keywords:
        return list(claims)

    def matches(claim: Claim) -> bool:
        items = (item_key(key, case.id) for case in claim.cases for key in case.effects)
        names = " ".join([claim.id, claim.kind, *claim.tags, *items])
        return any(word.lower() in names.lower() for word in keywords)

    return [claim for claim in claims if matches(claim)]


def one(catalogue: Catalogue, claim_id: str) -> Claim:
    by_id = {claim.id: claim for claim in catalogue.claims}
    if claim_id in by_id:
        return by_id[claim_id]
    paper, _, name = claim_id.partition("/")
    for path, error in catalogue.broken.items():
        # A broken paper takes its claims with it.
        if path.parent.name == paper and path.stem in (name, "paper"):
            raise error
    is_paper = claim_id in {claim.paper for claim in catalogue.claims}
    raise ClaimError(
        f"no claim is called '{claim_id}'",
        expected="<paper>/<claim>, as `edgebench list` prints them",
        hint=f"that is a paper; its claims: edgebench list -k {claim_id}"
        if is_paper
        else did_you_mean(claim_id, by_id),
    )


def warn(text: str) -> None:
    """Say on standard error what went wrong beside the results."""
    typer.echo(f"edgebench: {text}", err=True)


def complain(catalogue: Catalogue) -> None:
    """Print what is wrong with broken files, all of it once, and leave with the status of a failure."""
    said: set[Problem] = set()
    for path, error in catalogue.broken.items():
        fresh = [problem for problem in error.problems if problem not in said]
        said.update(fresh)
        # A broken recipe is broken once, however many claims use it.
        elsewhere = Problem(Mark(str(path), 1, 1), "cannot be used before a problem above is solved")
        typer.echo(pointed(ClaimFileError(fresh)) if fresh else str(elsewhere), err=True)
    if catalogue.broken:
        raise typer.Exit(FAILED)


def exit_status(catalogue: Catalogue, results: list[Result]) -> int:
    """The status that the results ask for; what failed counts most, and what is pending least."""
    if catalogue.broken or any(result.verdict == "failed" for result in results):
        return FAILED
    if not results:
        return NOTHING_SELECTED
    if not all(result.green for result in results if result.verdict != "pending"):
        return NOT_AS_RECORDED
    return 0 if all(result.green for result in results) else PENDING


def leave(catalogue: Catalogue, results: list[Result], tier: str | None) -> None:
    """Leave with the status that the results ask for."""
    complain(catalogue)
    if not results:
        raise nothing(tier)
    if status := exit_status(catalogue, results):
        raise typer.Exit(status)


def nothing(tier: str | None = None) -> typer.Exit:
    """Says that no claim was selected; to be raised.

    Args:
        tier: that was asked for; None where a command is not about one.
    """
    at = f" (tier {tier})" if tier else ""
    return left_with_nothing(f"no claim was selected{at}; see `edgebench list`")


def left_with_nothing(said: str) -> typer.Exit:
    """Says why nothing was selected; to be raised."""
    warn(said)
    return typer.Exit(NOTHING_SELECTED)
