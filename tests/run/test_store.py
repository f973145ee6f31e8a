"""The store in one process: what is kept, what is served, and what is left after a failure to write."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgebench.errors import StoreError
from edgebench.run import owner
from edgebench.run.owner import Owner
from edgebench.run.record import Measured, Record, Status
from edgebench.run.store import Held, Store

HERE = "identity"
MEASURED = Measured({"top1": 97.5, "params": 10.0}, {"val_top1": (90.0, 1 / 3)}, b"\x80\x01", False)


def done(trial: str = "t", status: Status = Status.ok, message: str = "") -> Record:
    return Record(
        trial, status, MEASURED if status.is_outcome else None, 1.5, message, {"state": {"load": 0.5}}
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "below" / "store.sqlite")
    yield opened
    opened.close()


def reopened(store: Store) -> Store:
    return Store(store.path)


def held_by(store: Store, owner: Owner, age: float = 0.0) -> None:
    """Let somebody else hold the lease of trial `t`."""
    with sqlite3.connect(store.path) as db:
        db.execute("DELETE FROM lease")
        db.execute("INSERT INTO lease VALUES ('t', ?, ?, ?)", (HERE, str(owner), time.time() - age))
    db.close()


def leases(store: Store) -> int:
    count: int = store._db.execute("SELECT count(*) FROM lease").fetchone()[0]
    return count


def test_a_record_comes_back_as_it_was(store: Store) -> None:
    assert store.get("t", HERE) is None
    assert store.acquire("t", HERE, 60) is None
    store.finish(done(), HERE, "a trial")
    assert store.get("t", HERE) == done()
    assert leases(store) == 0
    other = reopened(store)
    assert other.acquire("t", HERE, 60) == done()
    other.close()


def test_a_diverged_trial_is_a_result(store: Store) -> None:
    record = replace(done(status=Status.diverged), measured=Measured({"params": 1.0}, {}, None, True))
    store.finish(record, HERE, "a trial")
    assert store.get("t", HERE) == record


def test_results_of_another_machine_are_not_served(store: Store) -> None:
    store.finish(done(), HERE, "a trial")
    assert store.get("t", "another identity") is None
    assert store.acquire("t", "another identity", 60) is None


@pytest.mark.parametrize("status", [status for status in Status if not status.is_outcome])
def test_a_failure_is_kept_but_never_served(store: Store, status: Status) -> None:
    before = store.attempts()
    assert store.acquire("t", HERE, 60) is None
    store.finish(done(status=status, message="why"), HERE, "a trial")
    assert store.get("t", HERE) is None
    assert store.acquire("t", HERE, 60) is None, "it may be tried again"
    told = done(status=status, message="why")
    assert store.failure("t", HERE, before) == (None if status is Status.lost else told), (
        "no fault of the trial's"
    )
    assert store.attempts() == before + 1
    assert store.failure("t", HERE, store.attempts()) is None
    assert store.failure("u", HERE, before) is None


def test_the_latest_failure_counts(store: Store) -> None:
    for message in ("first", "second"):
        store.finish(done(status=Status.error, message=message), HERE, "a trial")
    assert (found := store.failure("t", HERE, 0)) is not None
    assert found.message == "second"


def test_a_living_owner_is_respected(store: Store) -> None:
    parent = Owner.parse(str(Owner.this_process()))
    living = replace(parent, pid=os.getppid(), started=owner._start(os.getppid()) or "")
    held_by(store, living, age=10**6)
    assert store.acquire("t", HERE, 60) == Held(living)
    store.release("t", HERE)
    assert leases(store) == 1, "nobody gives back another's lease"


@pytest.mark.parametrize("change", [{"pid": 2**22 + 1}, {"started": "1"}])
def test_the_lease_of_a_dead_owner_is_taken_over(store: Store, change: dict[str, Any]) -> None:
    held_by(store, replace(Owner.this_process(), **change))
    assert store.acquire("t", HERE, 60) is None
    store.finish(done(), HERE, "a trial")
    assert leases(store) == 0


def test_the_lease_of_another_host_ends_with_the_trials_time(store: Store) -> None:
    """Whether it still runs cannot be seen from here; a container that is gone must not block a trial for ever."""
    elsewhere = replace(Owner.this_process(), host="elsewhere/boot")
    held_by(store, elsewhere, age=100)
    assert store.acquire("t", HERE, 60) == Held(elsewhere), "clocks may differ a little"
    held_by(store, elsewhere, age=1000)
    assert store.acquire("t", HERE, 3600) == Held(elsewhere)
    assert store.acquire("t", HERE, 60) is None


def test_a_lease_that_is_given_back_is_free(store: Store) -> None:
    store.acquire("t", HERE, 60)
    assert leases(store) == 1
    store.release("t", HERE)
    assert leases(store) == 0


class Failing:
    """A connection on which writing fails."""

    def __init__(self, db: sqlite3.Connection, message: str) -> None:
        self._db, self._message = db, message

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def execute(self, statement: str, *arguments: Any) -> Any:
        if statement.startswith(("INSERT", "DELETE")):
            raise sqlite3.OperationalError(self._message)
        return self._db.execute(statement, *arguments)


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("database or disk is full", "free some disk space"),
        ("disk I/O error", "free some disk space"),
        ("attempt to write a readonly database", "is the file writable?"),
        ("database is locked", "another process holds the store"),
        ("database disk image is malformed", "damaged"),
    ],
)
def test_what_was_finished_before_a_failure_is_kept(store: Store, message: str, hint: str) -> None:
    store.finish(done("first"), HERE, "a trial")
    whole: Any = store._db
    store._db = Failing(whole, message)  # type: ignore[assignment]
    for write in (
        lambda: store.acquire("second", HERE, 60),
        lambda: store.finish(done("second"), HERE, "a trial"),
        lambda: store.release("second", HERE),
    ):
        with pytest.raises(StoreError, match=hint) as caught:
            write()
        assert message in str(caught.value)
        assert not whole.in_transaction, "the next attempt starts afresh"
    store._db = whole
    assert store.get("first", HERE) == done("first")
    assert store.get("second", HERE) is None
    assert store.acquire("second", HERE, 60) is None


def test_a_full_disk_rolls_back_and_says_so(store: Store) -> None:
    """SQLite's own: the file may not grow beyond the pages it has."""
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    large = replace(done(), measured=replace(MEASURED, correct=bytes(10**6)))
    with pytest.raises(StoreError, match="full"):
        store.finish(large, HERE, "a trial")
    assert store.get("t", HERE) is None
    store.finish(done("small"), HERE, "a trial")
    assert store.get("small", HERE) == done("small")


def test_a_damaged_record_is_named(store: Store) -> None:
    store.finish(done(), HERE, "a trial")
    store._db.execute("UPDATE record SET measured = '{'")
    with pytest.raises(StoreError, match="the record of trial t cannot be read"):
        store.get("t", HERE)


def test_timings_are_those_of_trials_that_ended_well_here(store: Store) -> None:
    store.finish(done("a"), HERE, "a trial", '{"epochs":3}')
    store.finish(replace(done("b"), seconds=2.5), HERE, "a trial", '{"epochs":3}')
    store.finish(done("c"), "another identity", "a trial", "{}")
    store.finish(done("d", Status.timed_out), HERE, "a trial", "{}")
    store.finish(done("e", Status.diverged), HERE, "a trial", "{}")
    store.finish(done("f"), HERE, "a trial of which the settings were not kept")
    assert sorted(store.timings(HERE)) == [('{"epochs":3}', 1.5), ('{"epochs":3}', 2.5)]
    assert store.timings("nowhere") == []
