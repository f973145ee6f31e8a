"""`edgebench reproduce`: one trial twice, bit against bit."""

from __future__ import annotations

from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from edgebench.claim.catalogue import load_catalogue
from edgebench.cli.options import DEFAULT_ROOT, NOT_AS_RECORDED, Device, Root, StoreFile, Tier
from edgebench.cli.selection import nothing, one
from edgebench.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeVar

    T = TypeVar("T")


def reproduce(
    claim_id: Annotated[str, typer.Argument(metavar="CLAIM")],
    root: Root = DEFAULT_ROOT,
    tier: Tier = "smoke",
    case: Annotated[str | None, typer.Option(help="Case of its matrix (default: the first).")] = None,
    arm: Annotated[str | None, typer.Option(help="Arm (default: the first).")] = None,
    seed: Annotated[int, typer.Option(help="Index in the public sequence of seeds.", min=0)] = 0,
    store: StoreFile = None,
    device: Device = "cpu",
) -> None:
    """Run one trial twice, compare bits, and say what differs from its baseline's environment.

    Example: edgebench reproduce netaug/regularisers-hurt-tiny --arm mixup

    Both runs are new processes, and nothing of them is stored. Leaves with status 0 when metrics, curves, answers and
    weights are equal, to the store's record too where there is one; 1 when they are not, or an effect at this seed is
    not as the baseline of this machine has it; 4 when the trial failed. Of claims about latency, the effects are
    compared, within their tolerance.
    """
    from edgebench.report.reproduction import Reproducer, told
    from edgebench.run.options import Options
    from edgebench.run.reproduce import repeat
    from edgebench.run.store import Store
    from edgebench.run.trial import trials_of

    options = Options(tier, store=store, device=device).check()
    claim = one(load_catalogue([root.absolute()]), claim_id)
    cases = {each.id: each for each in claim.cases if tier in each.tiers and not each.over}
    if not cases:
        raise nothing(tier)
    chosen = _chosen("case", case, cases)
    at = chosen.tiers[tier]
    arm = _chosen("arm", arm, {name: name for name in at.arms})
    if claim.exact and seed:
        raise SettingsError(f"--seed {seed}", expected="0: values of this claim depend on no seed")
    ((_, trial),) = trials_of(claim, at, (arm,), range(seed, seed + 1))
    path = options.store_path()
    with closing(Store(path)) if path.is_file() else nullcontext() as opened:
        repeated = repeat(trial, at, opened, device=device)
        found = Reproducer(claim, chosen, at, arm, repeated, store=opened, device=device).report()
    typer.echo(told(claim, chosen, at, arm, found))
    typer.echo("reproduced" if found.holds else "not reproduced")
    if not found.holds:
        raise typer.Exit(NOT_AS_RECORDED)


def _chosen(what: str, name: str | None, known: Mapping[str, T]) -> T:
    if name is None:
        return next(iter(known.values()))
    if name not in known:
        listed = ", ".join(each for each in known if each) or f"no --{what}: it has one only"
        raise SettingsError(f"no {what} is called '{name}'", expected=listed, hint=did_you_mean(name, known))
    return known[name]
