"""The store: one SQLite file of finished trials, safe for many writers and for a kill at any moment.

A trial is looked up by its hash and by the identity of the machine before it runs. A lease marks a trial that a
process is running, so that nobody runs it a second time; a lease whose owner is gone is taken over. Failed attempts
are kept for the reader, and never served as results.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from edgebench.errors import StoreError
from edgebench.run.owner import Owner
from edgebench.run.record import Measured, Record, Status

SCHEMA_VERSION = 1
_BUSY_SECONDS = 60.0
_GRACE = 300.0  # seconds: starting a trial, clocks that differ between hosts
_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    trial TEXT NOT NULL, identity TEXT NOT NULL, status TEXT NOT NULL, seconds REAL NOT NULL,
    measured TEXT NOT NULL, correct BLOB, description TEXT NOT NULL, environment TEXT NOT NULL,
    created REAL NOT NULL, PRIMARY KEY (trial, identity)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attempt (
    trial TEXT NOT NULL, identity TEXT NOT NULL, status TEXT NOT NULL, seconds REAL NOT NULL, message TEXT NOT NULL,
    description TEXT NOT NULL, environment TEXT NOT NULL, created REAL NOT NULL);
CREATE INDEX IF NOT EXISTS attempt_trial ON attempt (trial, identity, created);
CREATE TABLE IF NOT EXISTS lease (
    trial TEXT NOT NULL, identity TEXT NOT NULL, owner TEXT NOT NULL, started REAL NOT NULL,
    PRIMARY KEY (trial, identity)) WITHOUT ROWID;
"""
_TABLES = {"record", "attempt", "lease"}


@dataclass(frozen=True)
class Held:
    """The trial is being run by another process."""

    owner: Owner


class Store:
    """A connection to the store; one per process.

    Raises:
        StoreError: from every method, when the file cannot be opened, read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.owner = Owner.this_process()
        with self._guard():
            path.parent.mkdir(parents=True, exist_ok=True)
            # Autocommit: every transaction below is explicit, so that none stays open between calls.
            self._db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        self._db.execute("PRAGMA synchronous = NORMAL")
        with self._transaction("DEFERRED"):
            version = self._format()
        if version == SCHEMA_VERSION:
            return
        self._use_write_ahead_log()
        with self._transaction():
            if self._format() == 0:
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _format(self) -> int:
        """The format of the file, 0 when it is still empty."""
        version: int = self._db.execute("PRAGMA user_version").fetchone()[0]
        tables = {name for (name,) in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if (version == 0 and tables) or (version == SCHEMA_VERSION and not tables >= _TABLES):
            raise StoreError(
                "is a database, but no store",
                where=f"store {self.path}",
                hint="choose another file with --store",
            )
        if version not in (0, SCHEMA_VERSION):
            raise StoreError(
                f"the store has format {version}",
                expected=f"format {SCHEMA_VERSION}",
                where=f"store {self.path}",
                hint="it was written by another version of EdgeBench; choose another file with --store",
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

    def get(self, trial: str, identity: str) -> Record | None:
        """The finished record of a trial made under this identity, or None."""
        with self._guard():
            row = self._db.execute(
                "SELECT status, seconds, measured, correct, environment FROM record WHERE trial = ? AND identity = ?",
                (trial, identity),
            ).fetchone()
        if row is None:
            return None
        status, seconds, measured, correct, environment = row
        try:
            content = json.loads(measured)
            curves = {name: tuple(values) for name, values in content["curves"].items()}
            found = Measured(content["metrics"], curves, correct, content["diverged"])
            return Record(trial, Status(status), found, seconds, "", json.loads(environment))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(
                f"the record of trial {trial} cannot be read ({type(error).__name__}: {error})",
                where=str(self.path),
                hint="delete that row, or use another file with --store",
            ) from None

    def failure(self, trial: str, identity: str, since: float) -> Record | None:
        """The latest failed attempt at a trial since a time (seconds since the epoch), or None."""
        with self._guard():
            row = self._db.execute(
                "SELECT status, seconds, message, environment FROM attempt "
                "WHERE trial = ? AND identity = ? AND created >= ? ORDER BY created DESC LIMIT 1",
                (trial, identity, since),
            ).fetchone()
        if row is None:
            return None
        return Record(trial, Status(row[0]), None, row[1], row[2], json.loads(row[3]))

    def acquire(self, trial: str, identity: str, limit: float) -> Record | Held | None:
        """Take the lease of a trial: None when it is ours to run, else the finished record or who holds it.

        Whether a process of another host still runs cannot be seen; its lease ends `limit` seconds (the longest that
        the trial may take) after it was taken, and a little.
        """
        with self._guard(), self._transaction():
            if (record := self.get(trial, identity)) is not None:
                return record
            row = self._db.execute(
                "SELECT owner, started FROM lease WHERE trial = ? AND identity = ?", (trial, identity)
            ).fetchone()
            if row is not None:
                holder = Owner.parse(row[0])
                recent = holder.is_local or time.time() < row[1] + limit + _GRACE
                if holder != self.owner and recent and holder.is_alive():
                    return Held(holder)
            self._db.execute(
                "INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?)",
                (trial, identity, str(self.owner), time.time()),
            )
        return None

    def finish(self, record: Record, identity: str, description: str) -> None:
        """Write a finished trial and give its lease back, in one transaction."""
        created = time.time()
        environment = json.dumps(record.environment, sort_keys=True)
        with self._guard(), self._transaction():
            if record.status.is_outcome and record.measured is not None:
                content = asdict(record.measured)
                correct = content.pop("correct")
                self._db.execute(
                    "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (record.trial, identity, record.status, record.seconds, json.dumps(content, allow_nan=False),
                     correct, description, environment, created),
                )  # fmt: skip
            else:
                self._db.execute(
                    "INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (record.trial, identity, record.status, record.seconds, record.message, description, environment,
                     created),
                )  # fmt: skip
            self._release(record.trial, identity)

    def release(self, trial: str, identity: str) -> None:
        """Give back the lease of a trial that was not finished."""
        with self._guard(), self._transaction():
            self._release(trial, identity)

    def close(self) -> None:
        self._db.close()

    def _release(self, trial: str, identity: str) -> None:
        self._db.execute(
            "DELETE FROM lease WHERE trial = ? AND identity = ? AND owner = ?",
            (trial, identity, str(self.owner)),
        )

    @contextmanager
    def _transaction(self, kind: str = "IMMEDIATE") -> Iterator[None]:
        self._db.execute(f"BEGIN {kind}")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            # After a full disk SQLite has already rolled back; a second rollback would hide the first error.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{error}", where=f"store {self.path}", hint=_hint(error)) from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise StoreError(
                f"cannot be opened: {reason}",
                where=f"store {self.path}",
                hint="choose another file with --store",
            ) from None


def _hint(error: sqlite3.DatabaseError) -> str:
    text = str(error)
    if "full" in text or "I/O" in text:
        return "free some disk space and run the same command again; finished trials are kept"
    if "not a database" in text or "malformed" in text or "no such" in text:
        return "the file is damaged or is no store; move it away or choose another file with --store"
    if "locked" in text or "busy" in text:
        return "another process holds the store; try again when it is done"
    return "is the file writable? choose another with --store"
