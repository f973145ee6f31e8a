"""What `edgebench compare` is given: one run, or the newest results of a commit, of a torch version or of a store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edgebench.errors import SettingsError
from edgebench.report.history import Entry, entries_of
from edgebench.run.database import Database, open_existing
from edgebench.run.history import Run, runs

Item = tuple[str, str, str]  # tier, claim, item

_INSIDE = re.compile(r"[0-9a-f]{1,40}|last(~[0-9]+)?|torch=.*")  # what names a run of a store
_EXPECTED = "a run's number, last, last~1, a commit, torch=VERSION, or a store's file"


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        name: as it was asked for.
        told: the runs in words.
        entries: the newest result of each item.
    """

    name: str
    told: str
    entries: Mapping[Item, Entry]


def find_side(name: str | None, store: Path) -> Side:
    """The side that a name stands for.

    Args:
        name: a run number (`12`), `last`, `last~1`, the beginning of a commit, `torch=2.14.0`; a store's file stands
            for the newest results that it has, `FILE@NAME` for that name in it; None stands for those of `store`.
        store: where names without a file are looked up.

    Raises:
        SettingsError: when nothing is called so; says what there is.
        StoreError: when a store is missing or cannot be read.
    """
    path, inside = (store, None) if name is None else _split(name, store)
    with closing(open_existing(path)) as opened:
        chosen = _choose(inside, runs(opened), path)
        return Side(name or str(store), _told(chosen), _newest(opened, chosen))


def _split(name: str, store: Path) -> tuple[Path, str | None]:
    """The store that a name speaks of, and the name within it, None for all of it."""
    file, at, inside = name.rpartition("@")
    if at:
        return Path(file), inside
    # A file may be called `12` or `last`; it is then written `./12`.
    is_file = "/" in name or (not _INSIDE.fullmatch(name) and (Path(name).suffix or Path(name).is_file()))
    return (Path(name), None) if is_file else (store, name)


def _choose(name: str | None, there: list[Run], store: Path) -> list[Run]:
    if not there:
        raise SettingsError(
            "there are no runs in this store", where=str(store), hint="edgebench run makes one"
        )
    if name is None:
        return there
    if last := re.fullmatch(r"last(?:~([0-9]{1,9}))?", name):
        back = int(last[1] or 0)
        return there[len(there) - 1 - back :][:1] if back < len(there) else _none(name, there, store)
    if name.startswith("torch="):
        chosen = [run for run in there if run.torch == name.removeprefix("torch=")]
    else:
        chosen = [run for run in there if str(run.number) == name]
        if not chosen and re.fullmatch(r"[0-9a-f]{4,40}", name):
            chosen = [run for run in there if run.commit and run.commit.startswith(name)]
            if len({run.commit for run in chosen}) > 1:
                found = ", ".join(sorted({str(run.commit)[:12] for run in chosen}))
                raise SettingsError(f"'{name}' begins several commits: {found}", where=str(store))
    return chosen or _none(name, there, store)


def _none(name: str, there: list[Run], store: Path) -> list[Run]:
    commits = list(dict.fromkeys(run.commit[:7] for run in reversed(there) if run.commit))
    several = f"s {there[0].number} to {there[-1].number}"
    has = ["run" + (several if len(there) > 1 else f" {there[0].number}")]
    has.append(f"torch {', '.join(sorted({run.torch for run in there}))}")
    if commits:
        has.append(f"commits {', '.join(commits[:5])}{', …' if len(commits) > 5 else ''}")
    raise SettingsError(
        f"no run is called '{name}'", expected=_EXPECTED, where=str(store), hint=f"it has {'; '.join(has)}"
    )


def _told(chosen: list[Run]) -> str:
    """When, with which commit and torch, and on which machine."""
    newest = chosen[-1]
    several = len(chosen) > 1
    what = (
        f"the newest results of {len(chosen)} runs up to {newest.number}"
        if several
        else f"run {newest.number}"
    )
    commits = list(dict.fromkeys(run.revision for run in chosen if run.commit))
    commit = [f"commit {commits[0]}" if len(commits) == 1 else f"{len(commits)} commits"] if commits else []
    torch = f"torch {', '.join(dict.fromkeys(run.torch for run in chosen))}"
    machines = ", ".join(dict.fromkeys(run.machine for run in chosen))
    return ", ".join([what, f"{newest.when:%Y-%m-%d %H:%M}", *commit, torch, machines])


def _newest(store: Database, chosen: list[Run]) -> dict[Item, Entry]:
    found: dict[Item, Entry] = {}
    for run in chosen:
        for entry in entries_of(store, run):
            result = entry.result
            # An item that a time budget left out has an older result, which then counts.
            key = (result.tier, result.claim, result.item)
            if result.verdict != "pending" or key not in found:
                found[key] = entry
    return found
