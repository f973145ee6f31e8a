"""The store: one SQLite file of finished trials, safe for many writers and for a kill at any moment.

A trial is looked up by its hash and by the identity of the machine before it runs. A lease marks a trial that a
process is running, so that nobody runs it a second time; a lease whose owner is gone is taken over. Failed attempts
are kept for the reader, and never served as results.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edgebench.run import rows as read
from edgebench.run.artefacts import Artefacts
from edgebench.run.database import Database
from edgebench.run.owner import Owner
from edgebench.run.record import Record, Status

_GRACE = 300.0  # seconds: starting a trial, clocks that differ between hosts


@dataclass(frozen=True)
class Held:
    """The trial is being run by another process."""

    owner: Owner


class Store(Database):
    """A connection to the store; one per process.

    Raises:
        StoreError: from every method, when the file cannot be opened, read or written.
    """

    def __init__(self, path: Path) -> None:
        self.owner = Owner.this_process()
        self.artefacts = Artefacts(path.parent / "artefacts")
        super().__init__(path)

    def get(self, trial: str, identity: str, wanted: frozenset[str] = frozenset()) -> Record | None:
        """The finished record of a trial made under this identity, or None; also where it lacks what is wanted of it.

        Args:
            wanted: as of `Trial.wanted`.
        """
        rows = self.rows(
            "SELECT status, seconds, measured, correct, environment FROM record WHERE trial = ? AND identity = ?",
            (trial, identity),
        )
        if not rows:
            return None
        status, seconds, measured, correct, environment = rows[0]
        with self.reading(f"the record of trial {trial}"):
            found = read.measured(measured, correct)
            if found.artefact_digest is not None and not self.artefacts.has(found.artefact_digest):
                # Somebody deleted it: who wants it has to run the trial again.
                found = replace(found, artefact_digest=None)
            record = read.record(trial, status, seconds, found, "", environment)
        return record if record.has(wanted) else None

    def attempts(self) -> int:
        """The number of the latest failed attempt; 0 before the first. Unlike times of day, numbers only go up."""
        number: int = self.rows("SELECT coalesce(max(rowid), 0) FROM attempt")[0][0]
        return number

    def failure(self, trial: str, identity: str, since: int) -> Record | None:
        """The latest attempt after that of a number (`attempts`) that failed by the trial's own fault, or None."""
        rows = self.rows(
            "SELECT status, seconds, message, environment FROM attempt "
            "WHERE trial = ? AND identity = ? AND rowid > ? AND status != ? ORDER BY rowid DESC LIMIT 1",
            (trial, identity, since, Status.lost),
        )
        if not rows:
            return None
        status, seconds, message, environment = rows[0]
        with self.reading(f"an attempt at trial {trial}"):
            return read.record(trial, status, seconds, None, message, environment)

    def timings(self, identity: str) -> list[tuple[str, float]]:
        """What trials took on this machine: (settings as canonical JSON, seconds) of every trial that ended well.

        Those that a version of EdgeBench without settings in its store had written are left out.
        """
        rows = self.rows(
            "SELECT settings, seconds FROM record WHERE identity = ? AND status = ? AND settings != ''",
            (identity, Status.ok),
        )
        with self.reading("the settings or the time of a record"):
            return [(read.settings(settings), read.number(seconds)) for settings, seconds in rows]

    def named(self, identity: str) -> dict[tuple[str, str], list[str]]:
        """The hashes of the finished trials of this machine by (settings as canonical JSON, description).

        For one whose own hash cannot be said, because its data are not here. Those without settings are left out.
        """
        found: dict[tuple[str, str], list[str]] = {}
        for settings, description, trial in self.rows(
            "SELECT settings, description, trial FROM record WHERE identity = ? AND settings != ''",
            (identity,),
        ):
            found.setdefault((settings, description), []).append(trial)
        return found

    def acquire(
        self, trial: str, identity: str, limit: float, wanted: frozenset[str] = frozenset()
    ) -> Record | Held | None:
        """Take the lease of a trial: None when it is ours to run, else the finished record or who holds it.

        Whether a process of another host still runs cannot be seen; its lease ends `limit` seconds (the longest that
        the trial may take) after it was taken, and a little.
        """
        with self.transaction():
            if (record := self.get(trial, identity, wanted)) is not None:
                return record
            row = self._db.execute(
                "SELECT owner, started FROM lease WHERE trial = ? AND identity = ?", (trial, identity)
            ).fetchone()
            if row is not None:
                with self.reading(f"the lease of trial {trial}"):
                    holder, started = Owner.parse(read.text(row[0])), read.number(row[1])
                # One from the future is of a clock that was set since, here or there: nothing says when it ends.
                recent = holder.is_local or -_GRACE < time.time() - started < limit + _GRACE
                if holder != self.owner and recent and holder.is_alive():
                    return Held(holder)
            self._db.execute(
                "INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?)",
                (trial, identity, str(self.owner), time.time()),
            )
        return None

    def finish(self, record: Record, identity: str, description: str, settings: str = "") -> None:
        """Write a finished trial and give its lease back, in one transaction.

        Args:
            description: the trial in a few words, for people who look into the file.
            settings: its settings as canonical JSON, by which `timings` are told apart.
        """
        created = time.time()
        environment = json.dumps(record.environment, sort_keys=True)
        # First the file, then the row that names it: a kill between the two leaves a file too many at worst.
        measured = record.measured
        artefact = (
            None if measured is None or measured.artefact is None else self.artefacts.put(measured.artefact)
        )
        with self.transaction():
            if record.status.is_outcome and record.measured is not None:
                content = asdict(replace(record.measured, artefact=None))
                correct = content.pop("correct")
                del content["how"]  # said in the environment
                del content["artefact"], content["artefact_digest"]
                # A trial that is run again yields the same weights, asked for or not.
                if (kept := artefact or self._artefact_of(record.trial, identity)) is not None:
                    content["artefact"] = kept
                self._db.execute(
                    "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (record.trial, identity, record.status, record.seconds, json.dumps(content, allow_nan=False),
                     correct, description, environment, created, settings),
                )  # fmt: skip
            else:
                self._db.execute(
                    "INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (record.trial, identity, record.status, record.seconds, record.message, description, environment,
                     created),
                )  # fmt: skip
            self._release(record.trial, identity)

    def _artefact_of(self, trial: str, identity: str) -> str | None:
        """The digest of the artefact that a stored record names."""
        rows = self.rows("SELECT measured FROM record WHERE trial = ? AND identity = ?", (trial, identity))
        with self.reading(f"the record of trial {trial}"):
            return read.artefact_of(read.mapping(rows[0][0])) if rows else None

    def release(self, trial: str, identity: str) -> None:
        """Give back the lease of a trial that was not finished."""
        with self.transaction():
            self._release(trial, identity)

    def _release(self, trial: str, identity: str) -> None:
        self._db.execute(
            "DELETE FROM lease WHERE trial = ? AND identity = ? AND owner = ?",
            (trial, identity, str(self.owner)),
        )
