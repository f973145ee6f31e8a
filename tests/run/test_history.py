"""Runs and their results in the store: written by one process or several, never at the price of the results."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgebench import __version__
from edgebench.errors import StoreError
from edgebench.run import environment, history
from edgebench.run.database import Database
from edgebench.run.history import Run, RunLog, git_commit, new_uid, results_for, results_of, runs
from tests.faults.recording import Observed

FORK = multiprocessing.get_context("fork")
IDENTITY: dict[str, str | int] = {"device": "cpu", "processor": "A Chip, cpu family 6", "torch": "2.9.0"}
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "store.sqlite")
    yield opened
    opened.close()


def log(store: Database, uid: str | None = None, **options: Any) -> RunLog:
    settings = {
        "command": "edgebench run",
        "tier": "smoke",
        "identity": IDENTITY,
        "claims": store.path.parent,
    }
    return RunLog(store, uid or new_uid(), **{**settings, **options})


def result(item: str, claim: str = "demo/trained", **more: Any) -> dict[str, Any]:
    return {"claim": claim, "item": item, "value": 1.5, **more}


def test_a_run_comes_back_as_it_was(store: Database) -> None:
    first = log(store, command="edgebench run -k gain", tier="short", executor="ray")
    first.add(result("gain", said=["α ± 1"]))
    first.add(result("loss"))
    (run,) = runs(store)
    assert run.ended is None, "it still goes on"
    first.end()
    (run,) = runs(store)
    assert (run.number, run.uid, run.command, run.tier) == (1, first.uid, "edgebench run -k gain", "short")
    assert (run.executor, run.version, run.identity) == ("ray", __version__, IDENTITY)
    assert run.ended is not None
    assert run.started <= run.ended
    assert run.state["torch"] == environment.identity()["torch"]
    assert run.state["host"]
    assert results_of(store, run) == [result("gain", said=["α ± 1"]), result("loss")]
    assert history.claims_in(store) == ["demo/trained"]


def test_runs_without_results_are_not_kept(store: Database) -> None:
    log(store).end()
    assert runs(store) == []


def test_the_results_of_a_claim_are_found_among_all_runs(store: Database) -> None:
    for value in (1, 2):
        each = log(store)
        each.add(result("gain", value=value))
        each.add(result("gain", "demo/other"))
    found = results_for(store, "demo/trained")
    assert [(run.number, content["value"]) for run, content in found] == [(1, 1), (2, 2)]
    assert results_for(store, "demo/unknown") == []
    assert history.claims_in(store) == ["demo/other", "demo/trained"]


def test_numbers_are_never_given_twice(store: Database) -> None:
    for _ in range(2):
        log(store).add(result("gain"))
    with store.transaction() as db:
        db.execute("DELETE FROM run WHERE number = 2")
    log(store).add(result("gain"))
    assert [run.number for run in runs(store)] == [1, 3]


def writes(path: Path, uid: str, number: int, barrier: Any) -> None:
    store = Database(path)
    mine = log(store, uid)
    barrier.wait()
    for count in range(10):
        mine.add(result(f"{number}-{count}"))
    mine.end()
    store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_one_run_may_be_written_by_several_processes(store: Database) -> None:
    barrier = FORK.Barrier(4)
    processes = [FORK.Process(target=writes, args=(store.path, "u", number, barrier)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    (run,) = runs(store)
    assert run.number == 1
    written = sorted(content["item"] for content in results_of(store, run))
    assert written == sorted(f"{number}-{count}" for number in range(4) for count in range(10))
    log(store).add(result("gain"))
    assert runs(store)[-1].number == 2, "the others' attempts used up no number"


class Failing:
    """A connection to which nothing can be written after a number of inserts."""

    def __init__(self, db: sqlite3.Connection, inserts: int) -> None:
        self._db, self.left, self.tried = db, inserts, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def execute(self, statement: str, *arguments: Any) -> Any:
        if statement.startswith(("INSERT", "UPDATE")):
            self.tried += 1
            if self.tried > self.left:
                raise sqlite3.OperationalError("database or disk is full")
        return self._db.execute(statement, *arguments)


@pytest.mark.parametrize(
    "inserts",
    [
        0,
        1,
        pytest.param(
            2,
            marks=pytest.mark.fault(
                "disk",
                "a full disk while the history is written",
                "SQLite made to say so at a run's second result",
            ),
        ),
        3,
    ],
)
def test_a_full_disk_is_told_once_and_at_the_end(store: Database, inserts: int, observed: Observed) -> None:
    whole: Any = store._db
    failing = Failing(whole, inserts)
    store._db = failing  # type: ignore[assignment]
    each = log(store)
    each.add(result("gain"))
    each.add(result("loss"))
    if inserts < 3:
        assert failing.tried == inserts + 1, "it is not tried again and again"
    with pytest.raises(
        StoreError, match=r"not in the history, or not all of them: .*full \(free some disk space"
    ) as told:
        each.end()
    each.end()
    store._db = whole
    kept = [content["item"] for run in runs(store) for content in results_of(store, run)]
    assert kept == ["gain", "loss"][: max(0, inserts - 1)]
    observed(said=str(told.value))


@pytest.mark.parametrize("change", ["UPDATE run SET identity = '{'", "UPDATE result SET content = '{'"])
def test_damaged_rows_are_named(store: Database, change: str) -> None:
    log(store).add(result("gain"))
    with store.transaction() as db:
        db.execute(change)
    with pytest.raises(StoreError, match="run 1 cannot be read"):
        results_for(store, "demo/trained")


def run(**identity: str | int) -> Run:
    return Run(1, "u", 0.0, None, "", "smoke", "local", "0123456789", True, "1", {**IDENTITY, **identity}, {})


def test_machines_have_short_names_that_versions_do_not_change() -> None:
    assert run().machine.startswith("A Chip #")
    assert run(torch="2.10.0").machine == run().machine
    assert run(processor="A Chip, cpu family 7").machine not in ("A Chip", run().machine)
    assert run(gpu="A Card").machine.startswith("A Card #")
    assert run().torch == "2.9.0"


def test_revisions_are_short_and_say_when_files_differed() -> None:
    assert run().revision == "0123456*"
    assert replace(run(), dirty=False).revision == "0123456"
    assert replace(run(), dirty=None).revision == "0123456"
    assert replace(run(), commit=None).revision == "–"


def git(folder: Path, *arguments: str) -> str:
    settings = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *settings, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@needs_git
def test_the_commit_is_that_of_the_claims_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = tmp_path / "repository"
    claims = repository / "claims"
    claims.mkdir(parents=True)
    git(repository, "init", "-q")
    assert git_commit(claims) == (None, None), "there is no commit yet"
    (repository / "code.py").write_text("1")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "first")
    commit = git(repository, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))  # as git sets it for its hooks
    assert git_commit(claims) == (commit, False)
    (repository / "scratch").write_text("")
    assert git_commit(claims) == (commit, False)
    (claims / "new.yaml").write_text("")
    assert git_commit(claims) == (commit, True), "a claim that is not committed"
    (claims / "new.yaml").unlink()
    (repository / "code.py").write_text("2")
    assert git_commit(claims) == (commit, True)


def test_without_git_or_repository_there_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert git_commit(tmp_path / "absent") == (None, None)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_commit(tmp_path) == (None, None)

    def hangs(*arguments: Any, timeout: float, **options: Any) -> Any:
        raise subprocess.TimeoutExpired("git", timeout)

    monkeypatch.setattr(subprocess, "run", hangs)
    assert git_commit(tmp_path) == (None, None)
