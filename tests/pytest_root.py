"""A folder with claims, in which pytest runs inside these tests."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy  # noqa: F401  (see below)
import pytest
import scipy.special  # noqa: F401

# All that the plugin imports must be there before an inner run, which forgets what it imports itself: pickles and
# compiled modules do not stand being imported twice.
from edgebench.claim.catalogue import load_catalogue
from edgebench.report import tables  # noqa: F401
from edgebench.report.recording import record_baselines
from edgebench.run.options import Options
from tests import roots


class Root:
    """A folder with claims, in which pytest runs."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self.store = pytester.path / ".edgebench" / "store.sqlite"

    def write(self, **claims: str) -> None:
        roots.write(self.path / "claims", **claims)

    def run(self, *arguments: str) -> pytest.RunResult:
        return self.pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments, "claims")

    def record(self, *arguments: str) -> None:
        claims = load_catalogue([self.path / "claims"]).claims
        record_baselines(claims, Options(*arguments), why="a test", by="A. Nobody", say=lambda text: None)

    def baseline(self, claim: str, tier: str = "smoke") -> Path:
        return self.path / "baselines" / tier / "demo" / f"{claim}.yaml"

    def trained(self) -> list[tuple[str, float]]:
        db = sqlite3.connect(self.store)
        found = db.execute("SELECT trial, created FROM record ORDER BY created").fetchall()
        assert db.execute("SELECT count(*) FROM lease").fetchone() == (0,)
        db.close()
        return found
