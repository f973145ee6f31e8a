"""The store's file: opening it, its format, its transactions, and what is said when it cannot be used.

What stands in it is the business of `edgebench.run.store` (records, leases) and `edgebench.run.history` (runs).
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgebench.errors import StoreError

_BUSY_SECONDS = 60.0
_DAMAGED = "the file is damaged or is no store; move it away or choose another file with --store"
# The format of a file is the number of these steps that it has been through; a new file goes through all of them.
# Stores are kept for years: a step that was released is never changed, a further one is added.
_STEPS = (
    """
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
    PRIMARY KEY (trial, identity)) WITHOUT ROWID
""",
    """
ALTER TABLE record ADD COLUMN settings TEXT NOT NULL DEFAULT '';
CREATE TABLE run (
    number INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, started REAL NOT NULL, ended REAL,
    command TEXT NOT NULL, tier TEXT NOT NULL, executor TEXT NOT NULL, revision TEXT, dirty INTEGER,
    version TEXT NOT NULL, identity TEXT NOT NULL, state TEXT NOT NULL);
CREATE TABLE result (
    run TEXT NOT NULL REFERENCES run (uid), claim TEXT NOT NULL, item TEXT NOT NULL, content TEXT NOT NULL,
    created REAL NOT NULL);
CREATE INDEX result_claim ON result (claim, run);
CREATE INDEX result_run ON result (run)
""",
)
FORMAT = len(_STEPS)
_TABLES = ({"record", "attempt", "lease"}, {"run", "result"})  # that each step adds


class Database:
    """A connection to the store's file, which is made when it is missing and brought to the present format when old.

    One that cannot be written, in a folder that cannot be written either, can be read all the same.

    Raises:
        StoreError: from every method, when the file cannot be opened, read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: tuple[int, int] | None = None
        with self.guard():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._open(str(path))
            except sqlite3.OperationalError:
                if not _is_protected(path):
                    raise
                # SQLite makes files beside one that it reads, unless it is told that nobody can change it.
                self._open(f"{path.absolute().as_uri()}?immutable=1", uri=True)
            self._file = self._on_disk()

    def _open(self, name: str, uri: bool = False) -> None:
        # Autocommit: every transaction is explicit, so that none stays open between calls.
        self._db = sqlite3.connect(name, timeout=_BUSY_SECONDS, isolation_level=None, uri=uri)
        try:
            self._prepare()
        except BaseException:
            self._db.close()
            raise

    def rows(self, query: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self.guard():
            return self._db.execute(query, parameters).fetchall()

    @contextmanager
    def transaction(self, kind: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """All of what is executed within, or nothing of it."""
        with self.guard():
            self._check_place()
            self._db.execute(f"BEGIN {kind}")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                # After a full disk SQLite has already rolled back; a second rollback would hide the first error.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Turns what SQLite and the file system say into a StoreError."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{error}", where=f"store {self.path}", hint=_hint(error)) from None
        except UnicodeDecodeError as error:  # what SQLite says quotes names of a damaged file
            raise StoreError(
                f"is damaged ({error.reason})", where=f"store {self.path}", hint=_DAMAGED
            ) from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise StoreError(
                f"cannot be opened: {reason}",
                where=f"store {self.path}",
                hint="choose another file with --store",
            ) from None

    @contextmanager
    def reading(self, what: str) -> Iterator[None]:
        """Turns what a damaged row makes of its reader into a StoreError."""
        try:
            yield
        except (
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            ArithmeticError,
            OSError,
            RecursionError,
        ) as error:
            raise StoreError(
                f"{what} cannot be read ({type(error).__name__}: {str(error)[:200]})",
                where=f"store {self.path}",
                hint="delete that row, or use another file with --store",
            ) from None

    def close(self) -> None:
        self._db.close()

    def _on_disk(self) -> tuple[int, int]:
        found = os.stat(self.path)
        return found.st_dev, found.st_ino

    def _check_place(self) -> None:
        """Refuse to write into a file that has no name any more: SQLite would, and all of it would be lost."""
        if self._file is None:
            return
        try:
            moved = self._on_disk() != self._file
        except FileNotFoundError:
            moved = True
        if moved:
            raise StoreError(
                "the store was deleted, moved or replaced while it was in use; what ends from now on cannot be kept",
                where=f"store {self.path}",
                hint="put it back, or begin anew: run the same command again",
            )

    def _prepare(self) -> None:
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA trusted_schema = OFF")  # a file may come from anybody
        with self.transaction("DEFERRED"):
            version = self._format()
        if version == FORMAT:
            return
        self._use_write_ahead_log()
        with self.transaction():
            # Asked again, now that nobody else can write: another process may have done it all meanwhile. A kill
            # leaves the file as it was, because the format is part of the transaction.
            for step in _STEPS[self._format() :]:
                for statement in step.split(";"):
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {FORMAT}")

    def _format(self) -> int:
        """The format of the file, 0 when it is still empty."""
        version: int = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version not in range(FORMAT + 1):
            raise StoreError(
                f"the store has format {version}",
                expected=f"format {FORMAT}, or an older one",
                where=f"store {self.path}",
                hint="it was written by another version of EdgeBench; choose another file with --store",
            )
        tables = {name for (name,) in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        expected: set[str] = set().union(*_TABLES[:version])
        if (version == 0 and tables) or not tables >= expected:
            raise StoreError(
                "is a database, but no store",
                where=f"store {self.path}",
                hint="choose another file with --store",
            )
        return version

    def _use_write_ahead_log(self) -> None:
        """Retries by hand: SQLite's own waiting does not cover this change when several processes make it at once."""
        until = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(0.02)
            else:
                return


def open_existing(path: Path) -> Database:
    """Open a store to read what it has; unlike `Database`, never makes one.

    Raises:
        StoreError: when there is none, or it cannot be opened.
    """
    if not path.is_file():
        raise StoreError(
            "there is no store", where=str(path), hint="runs make one; choose another file with --store"
        )
    return Database(path)


def _is_protected(path: Path) -> bool:
    """Whether a file exists that nothing can be written to or beside, with all that it has in the one file."""
    log = path.with_name(f"{path.name}-wal")
    writable = os.access(path, os.W_OK) or os.access(path.parent, os.W_OK)
    return path.is_file() and not writable and not (log.exists() and log.stat().st_size)


def _hint(error: sqlite3.DatabaseError) -> str:
    text = str(error)
    if "full" in text or "I/O" in text:
        return "free some disk space and run the same command again; finished trials are kept"
    if "not a database" in text or "malformed" in text or "no such" in text:
        return _DAMAGED
    if "locked" in text or "busy" in text:
        return "another process holds the store; try again when it is done"
    return "is the file writable? choose another with --store"
