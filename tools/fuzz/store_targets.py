"""Stores: bytes changed anywhere in the file, or single cells of its tables, and then all that is ever asked of one."""

# ruff: noqa: E501 (tables of hostile values read best dense)

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from pathlib import Path
from random import Random
from typing import Any

from edgebench.errors import EdgebenchError, StoreError
from edgebench.report.history import claim_history, entries_for, entries_of, run_list
from edgebench.report.night import read_night
from edgebench.report.night_summary import night_summary
from edgebench.run.costs import Costs
from edgebench.run.history import RunLog, claims_in, runs
from edgebench.run.record import Measured, Record, Status
from edgebench.run.store import Store
from tools.fuzz import atoms, guard, raw

HERE = "identity"
_SETTINGS = (
    '{"augment":{},"data":{"name":"digits","train":100},"epochs":2,"model":{"name":"micronet"}}',
    '{"cases":10,"name":"signed-backward"}',
)
_RESULT = {
    "claim": "p/c", "item": "gain", "statement": "It gains", "where": "Table 1", "location": "c.yaml:1:1", "tier": "smoke",
    "expression": "a.top1 - b.top1", "expectation": "> 0", "margin": 0.3, "published": 0.7, "unit": "points",
    "verdict": "reproduced", "label": "reproduced · proxy", "value": 1.0, "low": 0.5, "high": 1.5, "n": 5, "baseline": "flipped",
    "green": False, "said": ["because"], "expected": {"value": 0.5, "interval": [0.1, 0.9], "verdict": "reproduced", "subtype": None,
    "tolerance": 0.2, "seeds": [0.5, 0.5]}, "trained": 2, "note": None, "values": [1.0, 1.0], "place": [["a", 0, "x"]],
    "moved": "moved a little",
}  # fmt: skip
_TABLES = ("record", "attempt", "lease", "run", "result")


class Stores:
    """A store that is damaged before it is read, written and read again."""

    name = "stores"

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.whole = self._made()
        self.path = folder / "store.sqlite"

    def _made(self) -> bytes:
        path = self.folder / "whole.sqlite"
        path.unlink(missing_ok=True)
        store = Store(path)
        measured = Measured(
            {"top1": 97.5, "params": 10.0},
            {"val_top1": (90.0, 91.0)},
            b"\x80\x01",
            False,
            artefact=b"weights",
        )
        for trial, settings in zip(("t", "u"), _SETTINGS, strict=True):
            store.finish(
                Record(trial, Status.ok, measured, 1.5, "", {"identity": {"a": 1}}), HERE, "a trial", settings
            )
        store.finish(Record("v", Status.error, None, 1.5, "why\nnot", {}), HERE, "a trial")
        store.acquire("w", HERE, 60)
        for number in range(2):
            log = RunLog(
                store,
                f"run{number}",
                command="edgebench run",
                tier="smoke",
                identity={"torch": "2"},
                claims=self.folder,
            )
            log.add(_RESULT)
            log.add({**_RESULT, "item": "loss", "verdict": "failed", "baseline": "none"})
            log.end()
        store._db.execute("PRAGMA journal_mode = DELETE")  # one file holds all of it
        store.close()
        return path.read_bytes()

    def sample(self, random: Random) -> bytes:
        pick = random.random()
        if pick < 0.3:
            return raw.mutated(self.whole, [self.whole], random)
        if pick < 0.35:
            return raw.mutated(atoms.text(random).encode("utf-8", "surrogatepass"), [self.whole], random)
        return self._changed(random)

    def _changed(self, random: Random) -> bytes:
        """The store with a few cells of its tables changed."""
        path = self.folder / "changed.sqlite"
        path.write_bytes(self.whole)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
            for _ in range(random.choice((1, 1, 1, 2, 4))):
                table = random.choice(_TABLES)
                columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
                column = random.choice(columns)
                with contextlib.suppress(sqlite3.DatabaseError, UnicodeEncodeError, OverflowError):
                    if random.random() < 0.05:
                        db.execute(random.choice((f"DELETE FROM {table}", f"DROP TABLE {table}", f"ALTER TABLE {table} DROP COLUMN {column}",
                                                  f"PRAGMA user_version = {random.choice((0, 1, 3, -1))}")))  # fmt: skip
                        break
                    found = db.execute(f"SELECT {column} FROM {table} LIMIT 1").fetchone()
                    value = _hostile(found[0] if found else "", random)
                    db.execute(f"UPDATE {table} SET {column} = ?", (value,))
        return path.read_bytes()

    def feed(self, data: bytes) -> bool:
        for suffix in ("", "-wal", "-shm", "-journal"):
            self.path.with_name(f"store.sqlite{suffix}").unlink(missing_ok=True)
        self.path.write_bytes(data)
        try:
            with guard.watched():
                store = Store(self.path)
        except EdgebenchError as error:
            guard.said(error)
            return False
        with contextlib.closing(store):
            answers = [self._asked(store, each) for each in self._questions(store)]
        return all(answers)

    def _asked(self, store: Store, question: Any) -> bool:
        try:
            with guard.watched():
                question()
        except EdgebenchError as error:
            guard.said(error)
            return False
        return True

    def _questions(self, store: Store) -> list[Any]:
        done = Record("t", Status.ok, Measured({"top1": 1.0}), 1.0, "", {})

        def listed() -> None:
            found = [(run, [each.result for each in entries_of(store, run)]) for run in runs(store)]
            guard.shown(run_list(found))

        def told() -> None:
            if entries := entries_for(store, "p/c"):
                guard.shown(claim_history(entries, None, 20))

        def costs() -> None:
            from edgebench.claim.settings import SETTINGS
            from edgebench.run.trial import Trial

            checked = SETTINGS["property"].model_validate({"name": "signed-backward", "cases": 20})
            Costs(store, HERE).of(Trial("property", checked, 0, None))

        def night() -> None:
            with contextlib.suppress(StoreError):
                guard.shown(night_summary(read_night(store)))

        def kept() -> None:
            record = store.get("t", HERE, frozenset({"artefact"}))
            if (
                record is not None
                and record.measured is not None
                and record.measured.artefact_digest is not None
            ):
                store.artefacts.get(record.measured.artefact_digest)

        return [
            lambda: store.get("t", HERE), lambda: store.failure("v", HERE, 0.0), lambda: store.acquire("w", HERE, 60),
            lambda: store.acquire("t", HERE, 60), kept, costs, listed, told, night, lambda: claims_in(store),
            lambda: store.finish(done, HERE, "a trial"), lambda: store.release("t", HERE),
        ]  # fmt: skip


def _hostile(value: Any, random: Random) -> Any:
    """Something else for a cell: damaged, of another type, or hostile."""
    content = None
    with contextlib.suppress(TypeError, ValueError, RecursionError):
        content = json.loads(value)
    if isinstance(content, dict) and random.random() < 0.6:
        places = [content, *(each for each in content.values() if isinstance(each, dict))]
        place = random.choice(places)
        if place:
            place[random.choice(list(place))] = random.choice((
                None, [], {}, "x", -1, 1e308, [[]], [1, 2], {"a": {}}, True, [None], ["a"], "../../x", 10**400, atoms.text(random), float("nan"),
            ))  # fmt: skip
        else:
            place[atoms.text(random)] = atoms.text(random)
        return json.dumps(content)
    size = int(10 ** random.uniform(1, 5))
    return random.choice((
        "", "{}", "[]", "null", "5", '"x"', "[" * size, '{"a":' * size, "9" * size, '{"curves": {}, "metrics": {}, "diverged": 0}',
        '{"curves": {"a": 5}}', '{"metrics": [], "curves": {}, "diverged": {}}', b"\xff\xfe", b"", 0, -1, 2**62, 1e308, float("inf"),
        str(value)[: len(str(value)) // 2], "a b c", "  ", f"host/boot 1 {time.time()}", f"h {'9' * 5000} 1", "NaN", atoms.text(random),
    ))  # fmt: skip
