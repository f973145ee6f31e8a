"""Two commands at once on one store: no trial is trained twice, and neither waits for the other for ever."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from edgebench.cli import options
from edgebench.run.store import Store
from tests import roots
from tests.faults.recording import Observed

COMMAND = [sys.executable, "-m", "edgebench", "run", "--store", "store.sqlite"]
PATIENCE = 300.0  # seconds; other work may keep the machine busy
SEEDS = roots.TRAINED.replace("looks: [2, 4]", "looks: [4, 8]")


@pytest.mark.fault(
    "driver",
    "two commands at once",
    "the same run started twice on one store, at the same time",
)
def test_two_runs_share_the_work(tmp_path: Path, observed: Observed) -> None:
    roots.write(tmp_path / "claims", one=SEEDS, two=SEEDS.replace("plain.top1 - slow", "slow.top1 - plain"))
    Store(tmp_path / "store.sqlite").close()
    db = sqlite3.connect(tmp_path / "store.sqlite")
    # A second run of a trial would replace its record; this keeps count, and by whom.
    db.execute("CREATE TABLE written (trial TEXT)")
    db.execute(
        "CREATE TRIGGER count AFTER INSERT ON record BEGIN INSERT INTO written VALUES (new.trial); END"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    both = [
        subprocess.Popen(COMMAND, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=PATIENCE)[0] for process in both]
    assert [process.returncode for process in both] == [options.NOT_AS_RECORDED] * 2, outputs
    tables = ["\n".join(line for line in output.splitlines() if "proxy" in line) for output in outputs]
    assert tables[0] == tables[1], "and both say the same"
    written = [trial for (trial,) in db.execute("SELECT trial FROM written")]
    assert len(written) == len(set(written)) >= 8
    assert db.execute("SELECT count(*) FROM lease").fetchone() == (0,)
    runs = db.execute("SELECT count(*), count(ended) FROM run").fetchone()
    assert runs == (2, 2), "each has its place in the history"
    twice = len(written) - len(set(written))
    observed(
        tried=1 + twice,
        leases=db.execute("SELECT count(*) FROM lease").fetchone()[0],
        verdict="the same table in both" if tables[0] == tables[1] else "two tables",
    )
    db.close()
