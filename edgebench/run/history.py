"""The history: every run's results, with what they were made by and on, in the store's file.

A run is one command, or one pytest run with all its xdist workers. It stands in the file once it has a result.

Nothing is pruned: a result takes about 2 kB, so that 1000 runs of 20 items come to some 40 MB, and a nightly run of
200 items takes 150 MB a year. `DELETE FROM result WHERE run = …` and `VACUUM` in any SQLite shell make room.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from edgebench import __version__
from edgebench.errors import StoreError
from edgebench.run import environment
from edgebench.run import rows as read
from edgebench.run.database import Database

_GIT_SECONDS = 10.0
_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
# What of an identity is software; the rest is the machine.
_SOFTWARE = ("torch", "torchvision")
_COLUMNS = "number, uid, started, ended, command, tier, executor, revision, dirty, version, identity, state"


@dataclass(frozen=True)
class Run:
    """One run as it stands in the history.

    Attributes:
        number: short, for people; counts up in one store and is never given twice.
        uid: unique among all stores.
        started, ended: seconds since the epoch; `ended` is None when the run was killed, or still goes on.
        commit: git commit of the claims, None when they are in no repository.
        dirty: whether files of that repository differed from the commit; None when it is not known.
        version: EdgeBench's.
        identity: of the machines that the trials ran on (`environment.identity`).
        state: of the machine that the command ran on: versions of libraries, system, load, host name.
    """

    number: int
    uid: str
    started: float
    ended: float | None
    command: str
    tier: str
    executor: str
    commit: str | None
    dirty: bool | None
    version: str
    identity: Mapping[str, str | int]
    state: Mapping[str, Any]

    @property
    def when(self) -> datetime:
        """When it started, in local time."""
        return datetime.fromtimestamp(self.started).astimezone()

    @property
    def torch(self) -> str:
        return str(self.identity.get("torch", "–"))

    @property
    def revision(self) -> str:
        """The commit in seven digits, with `*` when files differed from it."""
        return f"{self.commit[:7]}{'*' if self.dirty else ''}" if self.commit else "–"

    @property
    def machine(self) -> str:
        """A short name of the machine: its chip, and four digits that tell apart chips of one name."""
        hardware = {key: value for key, value in self.identity.items() if key not in _SOFTWARE}
        chip = str(hardware.get("gpu") or hardware.get("processor") or hardware.get("machine") or "unknown")
        digest = hashlib.sha256(json.dumps(hardware, sort_keys=True).encode()).hexdigest()
        return f"{chip.partition(',')[0]} #{digest[:4]}"


class RunLog:
    """Writes the results of one run; several processes may write one run, by the same `uid`.

    Results are on screen and must not be lost with the history: `add` never raises, and after the first write that
    fails it writes no more. `end` says so, once; call it when the results have been shown.

    Args:
        store: where to; must be open at every call.
        uid: of the run (`new_uid`); under pytest-xdist the one that all its workers are given.
        command: as the person typed it.
        identity: of the machines that the trials run on.
        executor: `local` or `ray`.
        claims: the folder of claims, whose git commit is noted; the working folder if not given.
    """

    def __init__(
        self,
        store: Database,
        uid: str,
        *,
        command: str,
        tier: str,
        identity: Mapping[str, str | int],
        executor: str = "local",
        claims: Path | None = None,
    ) -> None:
        self.uid = uid
        self._store = store
        self._run = (command, tier, executor)
        self._identity = json.dumps(dict(identity), sort_keys=True)
        # Now, while the claims are as they were loaded: the first result may be hours away.
        self._commit = git_commit(claims or Path())
        self._started = time.time()
        self._written = False
        self._failed: StoreError | None = None
        self._told = False

    def add(self, result: dict[str, Any]) -> None:
        """Write one result (`Result.to_json`), which names its `claim` and `item`."""
        if self._failed is not None:
            return
        try:
            if not self._written:
                self._write_run()
                self._written = True
            content = json.dumps(result, ensure_ascii=False)
            with self._store.transaction() as db:
                db.execute(
                    "INSERT INTO result VALUES (?, ?, ?, ?, ?)",
                    (self.uid, result["claim"], result["item"], content, time.time()),
                )
        except StoreError as error:
            self._failed = error

    def end(self) -> None:
        """Note that the run is complete.

        Raises:
            StoreError: when this or an earlier write failed; the results are then missing in the history.
        """
        if self._written and self._failed is None:
            try:
                with self._store.transaction() as db:
                    db.execute("UPDATE run SET ended = ? WHERE uid = ?", (time.time(), self.uid))
            except StoreError as error:
                self._failed = error
        if (failed := self._failed) is not None and not self._told:
            self._told = True
            raise StoreError(
                f"the results of this run are not in the history, or not all of them: {failed.found}",
                where=failed.where,
                hint=failed.hint,
            )

    def _write_run(self) -> None:
        commit, dirty = self._commit
        state = {**environment.state(), **environment.versions(), "host": platform.node()}
        command, tier, executor = self._run
        with self._store.transaction() as db:
            if db.execute("SELECT 1 FROM run WHERE uid = ?", (self.uid,)).fetchone():
                return  # another process of this run was first
            db.execute(
                f"INSERT INTO run ({_COLUMNS}) VALUES (NULL, ?, ?, NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
                (self.uid, self._started, command, tier, executor, commit, dirty, __version__, self._identity,
                 json.dumps(state, sort_keys=True)),
            )  # fmt: skip


def new_uid() -> str:
    """A uid for a run."""
    return uuid.uuid4().hex


def git_commit(folder: Path) -> tuple[str | None, bool | None]:
    """The commit that a folder's repository is at, and whether tracked files, or any of the folder, differ from it.

    Each is None when it cannot be had: no git, no repository, no commit yet, or git takes too long.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if not commit:
        return None, None
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    # Elsewhere an untracked file is somebody's scratch; here it is a claim.
    added = _git(folder, "ls-files", "--others", "--exclude-standard")
    return commit, None if changed is None or added is None else bool(changed or added)


def _git(folder: Path, *arguments: str) -> str | None:
    # A hook's variables would name another repository than the folder's, and status need not write the index.
    clean = {name: value for name, value in os.environ.items() if name not in _HOOK}
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        asked = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_GIT_SECONDS, check=False, env=clean
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.strip() if asked.returncode == 0 else None


# Readers.


def runs(store: Database) -> list[Run]:
    """All runs, oldest first."""
    return [_run(store, row) for row in store.rows(f"SELECT {_COLUMNS} FROM run ORDER BY number")]


def results_of(store: Database, run: Run) -> list[dict[str, Any]]:
    """The results of a run, in the order in which they were written."""
    rows = store.rows("SELECT content FROM result WHERE run = ? ORDER BY rowid", (run.uid,))
    return [_content(store, run, content) for (content,) in rows]


def results_for(store: Database, claim: str) -> list[tuple[Run, dict[str, Any]]]:
    """The results of a claim with their runs, oldest first."""
    columns = ", ".join(f"run.{name}" for name in _COLUMNS.split(", "))
    rows = store.rows(
        f"SELECT {columns}, result.content FROM result JOIN run ON run.uid = result.run WHERE claim = ? "
        "ORDER BY run.number, result.rowid",
        (claim,),
    )
    found = []
    for *row, content in rows:
        run = _run(store, tuple(row))
        found.append((run, _content(store, run, content)))
    return found


def claims_in(store: Database) -> list[str]:
    """The ids of all claims that have results."""
    rows = store.rows("SELECT DISTINCT claim FROM result ORDER BY claim")
    with store.reading("a result's claim"):
        return [read.text(claim) for (claim,) in rows]


def _run(store: Database, row: tuple[Any, ...]) -> Run:
    fields = dict(zip(_COLUMNS.split(", "), row, strict=True))
    fields["commit"] = fields.pop("revision")  # `commit` is a word of SQL
    fields["dirty"] = None if fields["dirty"] is None else bool(fields["dirty"])
    with store.reading(f"run {fields['number']}"):
        fields |= {name: read.mapping(fields[name]) for name in ("identity", "state")}
        texts = ("uid", "command", "tier", "executor", "version")
        fields |= {name: read.text(fields[name]) for name in texts}
        fields["commit"] = None if fields["commit"] is None else read.text(fields["commit"])
        times = {name: read.number(fields[name]) for name in ("started", "ended") if fields[name] is not None}
        found = Run(**{**fields, **times})
        _ = found.when  # a date, or a number that is none
        return found


def _content(store: Database, run: Run, content: str) -> dict[str, Any]:
    with store.reading(f"a result of run {run.number}"):
        return read.mapping(content)
