"""Rows of a store that are not what they should be: one error that names the row, never a traceback."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgebench.errors import StoreError
from edgebench.run.history import RunLog, claims_in, results_of, runs
from edgebench.run.store import Store
from tests.run.test_store import HERE, done

WHOLE = {"metrics": {"top1": 1.0}, "curves": {"val_top1": [1.0]}, "diverged": False}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store.sqlite")
    opened.finish(done(), HERE, "a trial", '{"name":"x"}')
    yield opened
    opened.close()


def damage(store: Store, table: str, column: str, value: object) -> None:
    with contextlib.closing(sqlite3.connect(store.path)) as db, db:
        db.execute(f"UPDATE {table} SET {column} = ?", (value,))


@pytest.mark.parametrize(
    "measured",
    [
        "", "[]", "{", "5", '"x"', "[" * 100_000, b"\xff", json.dumps({**WHOLE, "metrics": []}),
        json.dumps({**WHOLE, "metrics": {"top1": "1"}}), json.dumps({**WHOLE, "metrics": {"top1": float("nan")}}),
        json.dumps({**WHOLE, "metrics": {"top1": True}}), json.dumps({**WHOLE, "metrics": {"top1": 10**400}}),
        json.dumps({**WHOLE, "curves": {"val_top1": 5}}), json.dumps({**WHOLE, "curves": {"val_top1": "abc"}}),
        json.dumps({**WHOLE, "diverged": {}}), json.dumps({**WHOLE, "artefact": "../../etc/passwd"}),
        json.dumps({**WHOLE, "artefact": ["x"]}),
    ],
)  # fmt: skip
def test_a_damaged_record_is_one_error_wherever_it_is_met(store: Store, measured: object) -> None:
    damage(store, "record", "measured", measured)
    for ask in (lambda: store.get("t", HERE), lambda: store.acquire("t", HERE, 60)):
        with pytest.raises(StoreError, match="the record of trial t cannot be read"):
            ask()
    # A trial that is run all the same is finished, or says the same: what the row names is looked up for it.
    with contextlib.suppress(StoreError):
        store.finish(done(), HERE, "a trial")


@pytest.mark.parametrize(
    ("column", "value"), [("status", "fine"), ("seconds", "x"), ("environment", "[]"), ("correct", "text")]
)
def test_other_columns(store: Store, column: str, value: object) -> None:
    damage(store, "record", column, value)
    with pytest.raises(StoreError, match="the record of trial t cannot be read"):
        store.get("t", HERE)


@pytest.mark.parametrize("owner", ["", "a b c", "x", b"\x00", f"h {'9' * 5000} 1"])
def test_a_lease_of_nobody(store: Store, owner: object) -> None:
    assert store.acquire("u", HERE, 60) is None
    damage(store, "lease", "owner", owner)
    with pytest.raises(StoreError, match="the lease of trial u cannot be read"):
        store.acquire("u", HERE, 60)


@pytest.mark.parametrize("settings", ["[]", "x", '{"data":5}', "[" * 100_000])
def test_settings_of_a_timing(store: Store, settings: str) -> None:
    damage(store, "record", "settings", settings)
    with pytest.raises(StoreError, match="the settings or the time of a record"):
        store.timings(HERE)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("run", "identity", "[]"), ("run", "state", "{"), ("run", "command", b"\xff"), ("run", "started", "noon"),
        ("run", "started", 1e300), ("run", "ended", "noon"), ("result", "content", "[" * 100_000),
        ("result", "content", "5"),
    ],
)  # fmt: skip
def test_the_history(store: Store, tmp_path: Path, table: str, column: str, value: Any) -> None:
    log = RunLog(store, "uid", command="x", tier="smoke", identity={}, claims=tmp_path)
    log.add({"claim": "p/c", "item": "gain"})
    damage(store, table, column, value)
    with pytest.raises(StoreError, match=r"(run 1|a result of run 1) cannot be read"):
        _ = [results_of(store, run) for run in runs(store)]


def test_control_characters_are_escaped_as_they_are_read(store: Store, tmp_path: Path) -> None:
    log = RunLog(store, "uid", command="rm\x1b[2J", tier="smoke", identity={"torch": "\x07"}, claims=tmp_path)
    log.add({"claim": "p/\x1bc", "item": "gain", "said": ["\u202e", {"a": "\x9b"}]})
    (run,) = runs(store)
    assert (run.command, run.torch) == ("rm\\x1b[2J", "\\x07")
    assert results_of(store, run)[0]["said"] == ["\\u202e", {"a": "\\x9b"}]
    assert claims_in(store) == ["p/\\x1bc"]
