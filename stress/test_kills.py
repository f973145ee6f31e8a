"""A hundred kills at random moments: no finished trial is lost or run again, the store stays whole, nothing is left.

`pytest stress/` runs it (some minutes; EDGEBENCH_KILLS sets the number, EDGEBENCH_SEED the moments). It is part of the
nightly set and not of the test suite.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

KILLS = int(os.environ.get("EDGEBENCH_KILLS", "100"))
SEED = int(os.environ.get("EDGEBENCH_SEED", str(random.SystemRandom().randrange(10**6))))
LIMIT = 1200.0  # seconds for all kills and the run to its end

PAPER = "title: Kills\nauthors: [A. Nobody]\nyear: 2020\nlink: https://example.org\n"
# Margins that no interval clears before the last look, so that every seed is needed.
CLAIM = """
claim: It survives
where: Table 1
settings:
  model: micronet
  data: {{name: digits, train: 200, val: 100}}
  epochs: {epochs}
  batch: 8
  optimiser: {{name: sgd, lr: 0.05, momentum: 0.9}}
arms: {{plain: {{}}, slow: {{optimiser: {{lr: 0.04}}}}}}
tiers: {{smoke: {{looks: [{seeds}]}}}}
effects:
  gain: {{value: plain.top1 - slow.top1, expect: "> 0"}}
"""


class Run:
    """The command under test, started again whenever it was killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store.sqlite"
        self.driver: psutil.Popen | None = None
        self.marker = f"edgebench-stress-{os.getpid()}"

    def start(self) -> None:
        with open(self.folder / "log", "ab") as log:
            self.driver = psutil.Popen(
                [sys.executable, "-m", "edgebench", "run", "--store", str(self.store)],
                cwd=self.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env={**os.environ, "EDGEBENCH_STRESS": self.marker},
            )  # fmt: skip

    def is_running(self) -> bool:
        return self.driver is not None and self.driver.poll() is None

    def processes(self) -> list[psutil.Process]:
        """Everything that descends from any of the drivers: the variable is inherited."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("EDGEBENCH_STRESS") == self.marker and process.pid != os.getpid():
                    found.append(process)
        return found

    def targets(self) -> dict[str, list[psutil.Process]]:
        """The run's processes by what they are."""
        assert self.driver is not None
        with suppress(psutil.Error):
            children = self.driver.children()
            servers = [child for child in children if child.children() or _is_fork_server(child)]
            # A trial outlives the fork server that it came from, and is then no child of anybody's.
            known = {self.driver.pid, *(child.pid for child in children)}
            workers = [process for process in self.processes() if process.pid not in known]
            return {"driver": [self.driver], "server": servers, "worker": workers}
        return {"driver": [self.driver], "server": [], "worker": []}

    def finished(self) -> dict[str, tuple[float, str, bytes]]:
        """What is in the store: when each trial was written, and its values."""
        if not self.store.exists():
            return {}
        db = sqlite3.connect(self.store, timeout=60)
        try:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            with suppress(sqlite3.OperationalError):  # killed before the tables were there
                rows = db.execute("SELECT trial, created, measured, correct FROM record")
                return {trial: (created, measured, correct) for trial, created, measured, correct in rows}
            return {}
        finally:
            db.close()


def _is_fork_server(process: psutil.Process) -> bool:
    return "forkserver" in " ".join(process.cmdline())


def _kill(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        process.send_signal(signal.SIGKILL)
        return True
    return False


@pytest.fixture
def run(tmp_path: Path) -> Run:
    paper = tmp_path / "claims" / "demo"
    paper.mkdir(parents=True)
    (paper / "paper.yaml").write_text(PAPER)
    # Four trials for every kill, of two sizes, so that they end at different moments.
    seeds = max(4, KILLS)
    (paper / "one.yaml").write_text(CLAIM.format(epochs=2, seeds=seeds))
    (paper / "two.yaml").write_text(CLAIM.format(epochs=5, seeds=seeds))
    return Run(tmp_path)


def test_kills_lose_nothing(run: Run) -> None:
    print(f"\nEDGEBENCH_SEED={SEED}")
    moments = random.Random(SEED)
    until = time.monotonic() + LIMIT
    kept: dict[str, tuple[float, str, bytes]] = {}
    killed = dict.fromkeys(("driver", "server", "worker"), 0)
    while sum(killed.values()) < KILLS:
        assert time.monotonic() < until, f"only {killed} kills in {LIMIT:g} s"
        if not run.is_running():
            assert run.driver is None or run.driver.returncode in (-signal.SIGKILL, 1), log(run)
            run.start()
        time.sleep(moments.uniform(0.05, 4.0))
        kind = moments.choice(["driver", "worker", "worker", "server"])
        there = run.targets()[kind]
        if there and _kill(moments.choice(there)):
            killed[kind] += 1
            if kind == "driver" and run.driver is not None:
                run.driver.wait(60)
        now = run.finished()
        assert all(now.get(trial) == record for trial, record in kept.items()), (
            "a finished trial was lost or redone"
        )
        kept = now
    print(f"{killed}, {len(kept)} trials finished meanwhile")
    if run.is_running():
        assert run.driver is not None
        run.driver.wait(max(1.0, until - time.monotonic()))
    run.start()
    assert run.driver is not None
    assert run.driver.wait(max(1.0, until - time.monotonic())) == 1, log(
        run
    )  # 1: nothing was recorded to hold it against
    end = run.finished()
    assert all(end[trial] == record for trial, record in kept.items())
    db = sqlite3.connect(run.store)
    assert db.execute("SELECT count(*) FROM lease").fetchone() == (0,)
    statuses = dict(db.execute("SELECT status, count(*) FROM attempt GROUP BY status").fetchall())
    db.close()
    print(f"{len(end)} trials in all, attempts that failed: {statuses}")
    assert set(statuses) <= {"lost"}, "a kill is no fault of the trial's"
    assert_same_as_undisturbed(run, end)
    gone = time.monotonic() + 30
    while (left := run.processes()) and time.monotonic() < gone:
        time.sleep(0.2)
    assert left == []


def assert_same_as_undisturbed(run: Run, end: dict[str, tuple[float, str, bytes]]) -> None:
    """Train some of the trials again without kills, into another store: equal values."""
    other = Run(run.folder / "calm")
    paper = other.folder / "claims" / "demo"
    paper.mkdir(parents=True)
    (paper / "paper.yaml").write_text(PAPER)
    (paper / "one.yaml").write_text(CLAIM.format(epochs=2, seeds=10))
    other.start()
    assert other.driver is not None
    assert other.driver.wait(300) == 1, log(other)
    again = other.finished()
    assert len(again) == 20
    for trial, (_, measured, correct) in again.items():
        assert without_time(end[trial][1]) == without_time(measured)
        assert end[trial][2] == correct


def without_time(measured: str) -> object:
    content = json.loads(measured)
    del content["metrics"]["train_seconds"]
    return content


def log(run: Run) -> str:
    return (run.folder / "log").read_text()[-3000:]
