"""Stores that are damaged, locked, or taken away while they are in use."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from edgebench.run import database
from edgebench.run.store import Store
from edgebench.run.trial import Trial
from tests import roots
from tests.faults.recording import Observed
from tests.faults.scripted_cli import CLAIM, Commands, verdict_of


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Commands in a folder with a claim of 16 trials."""
    monkeypatch.chdir(tmp_path)
    roots.write(tmp_path / "claims", trained=CLAIM)
    return Commands()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def overwrite(path: Path) -> None:
    """All but the first page, as a failing disk may."""
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\x55" * (len(content) - 4096))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(
            truncate,
            marks=pytest.mark.fault("store", "a truncated store", "the second half of the file cut off"),
        ),
        pytest.param(
            overwrite,
            marks=pytest.mark.fault("store", "an overwritten store", "all pages but the first overwritten"),
        ),
    ],
)
def test_a_damaged_store_is_one_message_and_stays(
    run: Commands, damage: Callable[[Path], None], tmp_path: Path, observed: Observed
) -> None:
    path = tmp_path / "store.sqlite"
    assert run("run", "--store", "store.sqlite").exit == 1
    damage(path)
    before = path.read_bytes()
    for command in (("history", "demo/trained"), ("report", "--output", "r.html"), ("run",)):
        said = run(*command, "--store", "store.sqlite")
        assert said.exit == 4
        assert "malformed" in said.last
        assert "move it away" in said.last
    assert not run.ran
    assert path.read_bytes() == before
    elsewhere = run("run", "--store", "other.sqlite")
    assert len(run.ran) == 16
    assert elsewhere.exit == 1
    observed(exit=said.exit, said=said.last, file="as it was")


@pytest.mark.fault(
    "store",
    "a store that another program locks",
    "a transaction left open by another process, waited for 0.1 s instead of a minute",
)
def test_a_locked_store(run: Commands, monkeypatch: pytest.MonkeyPatch, observed: Observed) -> None:
    Store(Path("store.sqlite")).close()
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.1)
    other = sqlite3.connect("store.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    said = run("run", "--store", "store.sqlite")
    other.execute("ROLLBACK")
    other.close()
    assert said.exit == 4
    assert not run.ran
    again = run("run", "--store", "store.sqlite")
    observed(
        exit=said.exit,
        said=said.last,
        again=f"{len(run.ran)} trials of 16" if again.exit == 1 else again.last,
    )


@pytest.mark.fault(
    "store",
    "the store is deleted during a run",
    "`rm store.sqlite*` before the sixth of 16 trials ends; then the same command again",
)
def test_a_deleted_store_ends_the_run(run: Commands, tmp_path: Path, observed: Observed) -> None:
    """SQLite itself would go on writing into the file that has no name any more."""

    def remove(trial: Trial) -> None:
        if len(run.ran) == 5:
            for each in tmp_path.glob("store.sqlite*"):
                each.unlink()

    run.before = remove
    said = run("run", "--store", "store.sqlite")
    assert said.exit == 4
    assert len(run.ran) == 6, "no more work for nothing"
    run.before = lambda trial: None
    again = run("run", "--store", "store.sqlite")
    assert len(run.ran) == 16
    undisturbed = run("run", "--store", "other.sqlite")
    assert verdict_of(again) == verdict_of(undisturbed)
    observed(exit=said.exit, said=said.last, again="all 16", verdict="the verdict of an undisturbed run")
