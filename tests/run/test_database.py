"""The store's file: every way in which it can be unusable, and how older ones are brought up to date."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from edgebench.errors import StoreError
from edgebench.run.database import FORMAT, Database
from edgebench.run.owner import Owner
from edgebench.run.record import Measured, Record, Status
from edgebench.run.store import Held, Store
from tests.faults.recording import Observed

HERE = "identity"
FORK = multiprocessing.get_context("fork")

# Written by format 1, as it stood in the release that had it.
FORMAT_1 = """
PRAGMA journal_mode = WAL;
CREATE TABLE record (
    trial TEXT NOT NULL, identity TEXT NOT NULL, status TEXT NOT NULL, seconds REAL NOT NULL,
    measured TEXT NOT NULL, correct BLOB, description TEXT NOT NULL, environment TEXT NOT NULL,
    created REAL NOT NULL, PRIMARY KEY (trial, identity)) WITHOUT ROWID;
CREATE TABLE attempt (
    trial TEXT NOT NULL, identity TEXT NOT NULL, status TEXT NOT NULL, seconds REAL NOT NULL, message TEXT NOT NULL,
    description TEXT NOT NULL, environment TEXT NOT NULL, created REAL NOT NULL);
CREATE INDEX attempt_trial ON attempt (trial, identity, created);
CREATE TABLE lease (
    trial TEXT NOT NULL, identity TEXT NOT NULL, owner TEXT NOT NULL, started REAL NOT NULL,
    PRIMARY KEY (trial, identity)) WITHOUT ROWID;
INSERT INTO record VALUES ('t', 'identity', 'ok', 1.5,
    '{"metrics": {"top1": 97.5}, "curves": {"val_top1": [90.0, 95.5]}, "diverged": false}', x'8001', 'a trial',
    '{"torch": "2.9.0"}', 1000.0);
INSERT INTO attempt VALUES ('u', 'identity', 'crashed', 0.5, 'by SIGSEGV', 'another trial', '{}', 1001.0);
PRAGMA user_version = 1;
"""
KEPT = Record(
    "t", Status.ok, Measured({"top1": 97.5}, {"val_top1": (90.0, 95.5)}, b"\x80\x01"), 1.5, "", {"torch": "2.9.0"}
)  # fmt: skip


def old_store(path: Path, owner: Owner | None = None) -> Path:
    db = sqlite3.connect(path)
    db.executescript(FORMAT_1)
    if owner is not None:
        db.execute("INSERT INTO lease VALUES ('v', ?, ?, 1002.0)", (HERE, str(owner)))
        db.commit()
    db.close()
    return path


def refused(path: Path) -> str:
    with pytest.raises(StoreError) as caught:
        Database(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_a_path_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "--store" in refused(tmp_path / "file" / "store.sqlite")


def test_a_directory_in_its_place(tmp_path: Path) -> None:
    assert "unable to open" in refused(tmp_path)


@pytest.mark.fault(
    "store",
    "a store that is no database",
    "a file of nonsense in the store's place",
)
def test_a_damaged_file(tmp_path: Path, observed: Observed) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"\x00nonsense" * 1000)
    said = refused(path)
    assert "damaged" in said
    assert path.read_bytes() == b"\x00nonsense" * 1000, "it may be somebody's work"
    observed(said=said, file="as it was" if path.read_bytes() == b"\x00nonsense" * 1000 else "changed")


@pytest.mark.parametrize(
    "version",
    [
        FORMAT + 1,
        pytest.param(
            99, marks=pytest.mark.fault("store", "a store of a later version", "a store of format 99")
        ),
        -1,
    ],
)
def test_another_format_is_left_alone(tmp_path: Path, version: int, observed: Observed) -> None:
    path = tmp_path / "store.sqlite"
    Database(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {version}")
    db.close()
    before = path.read_bytes()
    said = refused(path)
    assert f"format {version}; expected format {FORMAT}, or an older one" in said
    assert path.read_bytes() == before
    observed(said=said, file="as it was" if path.read_bytes() == before else "changed")


@pytest.mark.parametrize(
    "version",
    [
        pytest.param(
            0,
            marks=pytest.mark.fault(
                "store", "somebody else's database", "an SQLite file with a table of photos"
            ),
        ),
        *range(1, FORMAT + 1),
    ],
)
def test_somebody_elses_database_is_left_alone(tmp_path: Path, version: int, observed: Observed) -> None:
    path = tmp_path / "photos.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE photo (name TEXT)")
        db.execute(f"PRAGMA user_version = {version}")
    db.close()
    before = path.read_bytes()
    said = refused(path)
    assert "no store" in said
    assert path.read_bytes() == before
    observed(said=said, file="as it was" if path.read_bytes() == before else "changed")


class Watched:
    """A connection that is asked before every statement."""

    def __init__(self, db: sqlite3.Connection, before: Any) -> None:
        self._db, self._before = db, before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def execute(self, statement: str, *arguments: Any) -> Any:
        self._before(statement)
        return self._db.execute(statement, *arguments)


def test_a_new_store_that_another_process_is_setting_up_is_waited_for(tmp_path: Path) -> None:
    """SQLite does not wait by itself when two want to change the journal at once."""
    tried = []

    def busy(statement: str) -> None:
        tried.append(statement)
        if len(tried) < 3:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error

    database = Database(tmp_path / "store.sqlite")
    whole: Any = database._db
    database._db = Watched(whole, busy)  # type: ignore[assignment]
    database._use_write_ahead_log()
    whole.close()
    assert tried == ["PRAGMA journal_mode = WAL"] * 3


def schema(path: Path) -> list[tuple[str, str]]:
    db = sqlite3.connect(path)
    found = db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
    db.close()
    return [(name, " ".join(sql.split())) for name, sql in found]


def test_an_old_store_keeps_what_it_has(tmp_path: Path) -> None:
    path = old_store(tmp_path / "old.sqlite", owner=Owner.this_process())
    store = Store(path)
    assert store.get("t", HERE) == KEPT
    assert store.acquire("t", HERE, 60) == KEPT
    failed = store.failure("u", HERE, 0)
    assert failed is not None
    assert (failed.status, failed.message) == (Status.crashed, "by SIGSEGV")
    other = Store(path)
    other.owner = Owner("elsewhere/boot", 1, "1")
    held = other.acquire("v", HERE, 10**10)
    assert held == Held(Owner.this_process())
    assert store.timings(HERE) == [], "its settings were not kept"
    store.finish(Record("new", Status.ok, KEPT.measured, 3.0), HERE, "a trial", '{"epochs":3}')
    assert store.timings(HERE) == [('{"epochs":3}', 3.0)]
    store.close()
    other.close()
    Store(tmp_path / "new.sqlite").close()
    assert schema(path) == schema(tmp_path / "new.sqlite")


def opens(path: Path, barrier: Any, said: Any) -> None:
    barrier.wait()
    try:
        store = Store(path)
        said.put("" if store.get("t", HERE) == KEPT else "the record is gone")
        store.close()
    except Exception as error:  # whatever it is, the test shows it
        said.put(repr(error))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_an_old_store_may_be_opened_by_many_at_once(tmp_path: Path) -> None:
    for attempt in range(8):
        barrier, said = FORK.Barrier(4), FORK.SimpleQueue()
        path = old_store(tmp_path / f"{attempt}.sqlite")
        processes = [FORK.Process(target=opens, args=(path, barrier, said)) for _ in range(4)]
        for process in processes:
            process.start()
        assert [said.get() for _ in processes] == [""] * 4
        for process in processes:
            process.join()


def is_killed_before(statement_number: int, path: Path) -> None:
    """Opens the store, and is killed before its n-th statement; leaves by itself if there are fewer."""
    connect, count = sqlite3.connect, 0

    def kill(statement: str) -> None:
        nonlocal count
        if count == statement_number:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    def watched(*arguments: Any, **options: Any) -> Any:
        return Watched(connect(*arguments, **options), kill)

    sqlite3.connect = watched
    Database(path).close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.fault(
    "store",
    "a kill while an old store is brought up to date",
    "SIGKILL before each statement of the change in turn; then opened again",
)
def test_a_kill_at_any_statement_of_the_change_loses_nothing(tmp_path: Path, observed: Observed) -> None:
    for number in range(100):
        path = old_store(tmp_path / f"{number}.sqlite")
        process = FORK.Process(target=is_killed_before, args=(number, path))
        process.start()
        process.join()
        store = Store(path)
        assert store.get("t", HERE) == KEPT
        assert store.rows("PRAGMA user_version") == [(FORMAT,)]
        assert store.rows("PRAGMA integrity_check") == [("ok",)]
        integrity = store.rows("PRAGMA integrity_check")[0][0]
        kept = "all" if store.get("t", HERE) == KEPT else "not all"
        store.close()
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
    assert 10 < number < 100, "it was killed at every statement"
    observed(kept=kept, integrity=integrity)
