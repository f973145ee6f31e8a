"""What a run means to those who watch claims night by night: what changed, and what was not watched at all.

A night is red for two reasons, told apart by its exit status. An item *changed*: its verdict flipped or its value left
its tolerance. Or it was *not watched*: the run was cut off, nothing was judged, or an item failed to run in two runs in
a row, so that it would not have been seen changing. An item that fails for the first time is told apart from these: a
process may be killed and a disk may be full, and the next night runs it again. One that the time budget left out is
pending, one without a baseline has nothing to be held against, and one whose data are not on this machine cannot be
judged here: they are listed, and make no night red.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from edgebench.errors import StoreError
from edgebench.report.history import entries_for, entries_of
from edgebench.report.result import Result
from edgebench.run.database import Database, open_existing
from edgebench.run.history import Run, runs

_CLOCKS = 300.0  # seconds by which clocks of two machines may differ


class Group(StrEnum):
    """What became of an item, in the order in which it matters."""

    changed = "changed"
    failed = "failed to run"
    pending = "pending"
    uncompared = "not held against a baseline"
    missing = "data not on this machine"
    kept = "as recorded"


def group_of(result: Result) -> Group:
    """The group of one item."""
    if result.verdict == "pending":
        return Group.pending
    if result.verdict == "failed":
        return Group.missing if result.missing else Group.failed
    if result.baseline in ("flipped", "drifted"):
        return Group.changed
    if result.baseline == "unreadable":
        return Group.failed
    return Group.uncompared if result.baseline in ("none", "not compared") else Group.kept


@dataclass(frozen=True)
class Night:
    """The results of one run, with what is known of the runs before it.

    Attributes:
        again: ids of items that failed to run, as they did the last time before.
    """

    run: Run
    results: tuple[Result, ...]
    again: frozenset[str] = frozenset()

    def of(self, group: Group) -> list[Result]:
        """The items of a group, in the order of the run."""
        return [result for result in self.results if group_of(result) is group]

    @property
    def judged(self) -> int:
        """How many items have a verdict."""
        return sum(result.verdict not in ("pending", "failed") for result in self.results)

    @property
    def unwatched(self) -> list[str]:
        """Sentences on what was not watched, though it should have been; empty on a good night."""
        found = []
        if self.run.ended is None:
            found.append("the run was cut off, or still goes on: items that it did not come to are not here")
        if not self.judged:
            found.append("nothing was judged")
        if self.again:
            found.append(f"failed to run twice in a row: {', '.join(sorted(self.again))}")
        return found


def read_night(store: Database, tier: str | None = None, within: float | None = None) -> Night:
    """The newest run of a store, of one tier or of any.

    Args:
        within: seconds; a run that began before that is not of tonight.

    Raises:
        StoreError: when there is no such run (a night in which nothing ran must not pass for an earlier, good one), or
            when the store or one of the results cannot be read.
    """
    of_tier = [run for run in runs(store) if tier in (None, run.tier)]
    at = f" at tier {tier}" if tier else ""
    if not of_tier:
        raise StoreError(f"there are no runs{at} in this store", where=str(store.path))
    newest = of_tier[-1]
    if within is not None and newest.started - time.time() > _CLOCKS:
        raise StoreError(
            f"the newest run{at}, {newest.number}, began {newest.when:%Y-%m-%d %H:%M}, which is yet to come",
            where=str(store.path),
            hint="the clock was set since, or is wrong: it cannot be said whether that was tonight's",
        )
    if within is not None and time.time() - newest.started > within:
        raise StoreError(
            f"the newest run{at}, {newest.number}, began {newest.when:%Y-%m-%d %H:%M}: too long ago",
            expected=f"one that began within the last {within / 3600:.3g} hours",
            where=str(store.path),
            hint="did tonight's run start at all?",
        )
    results = tuple(entry.result for entry in entries_of(store, newest))
    failed = [result for result in results if group_of(result) is Group.failed]
    again = frozenset(result.id for result in failed if _failed_before(store, newest, result))
    return Night(newest, tuple(sorted(results, key=lambda result: result.claim)), again)


def _failed_before(store: Database, run: Run, result: Result) -> bool:
    """Whether the item failed in the last run before this one that had it and came to it."""
    before = [
        entry.result
        for entry in entries_for(store, result.claim)
        if entry.run.number < run.number
        and (entry.result.tier, entry.result.item) == (result.tier, result.item)
        and group_of(entry.result) is not Group.pending
    ]
    return bool(before) and group_of(before[-1]) is Group.failed


def open_night(path: Path, tier: str | None = None, within: float | None = None) -> Night:
    """As `read_night`, of the store at `path`, which must exist."""
    with closing(open_existing(path)) as store:
        return read_night(store, tier, within)
