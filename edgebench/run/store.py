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

from edgebench.errors import StoreError
from edgebench.run.artefacts import Artefacts
from edgebench.run.database import Database
from edgebench.run.owner import Owner
from edgebench.run.record import Measured, Record, Status

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
        try:
            content = json.loads(measured)
            curves = {name: tuple(values) for name, values in content["curves"].items()}
            artefact = content.get("artefact")
            if artefact is not None and not self.artefacts.has(artefact):
                artefact = None  # somebody deleted it: who wants it has to run the trial again
            found = Measured(
                content["metrics"], curves, correct, content["diverged"], artefact_digest=artefact
            )
            record = Record(trial, Status(status), found, seconds, "", json.loads(environment))
            return record if record.has(wanted) else None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(
                f"the record of trial {trial} cannot be read ({type(error).__name__}: {error})",
                where=str(self.path),
                hint="delete that row, or use another file with --store",
            ) from None

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
        return Record(trial, Status(status), None, seconds, message, json.loads(environment))

    def timings(self, identity: str) -> list[tuple[str, float]]:
        """What trials took on this machine: (settings as canonical JSON, seconds) of every trial that ended well.

        Those that a version of EdgeBench without settings in its store had written are left out.
        """
        return self.rows(
            "SELECT settings, seconds FROM record WHERE identity = ? AND status = ? AND settings != ''",
            (identity, Status.ok),
        )

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
                holder = Owner.parse(row[0])
                # One from the future is of a clock that was set since, here or there: nothing says when it ends.
                recent = holder.is_local or -_GRACE < time.time() - row[1] < limit + _GRACE
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
        artefact = json.loads(rows[0][0]).get("artefact") if rows else None
        return None if artefact is None else str(artefact)

    def release(self, trial: str, identity: str) -> None:
        """Give back the lease of a trial that was not finished."""
        with self.transaction():
            self._release(trial, identity)

    def _release(self, trial: str, identity: str) -> None:
        self._db.execute(
            "DELETE FROM lease WHERE trial = ? AND identity = ? AND owner = ?",
            (trial, identity, str(self.owner)),
        )
