"""The store under several processes, some of which are killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edgebench.run.owner import Owner
from edgebench.run.record import Measured, Record, Status
from edgebench.run.store import Held, Store

HERE = "identity"
FORK = multiprocessing.get_context("fork")


def record(trial: str) -> Record:
    return Record(trial, Status.ok, Measured({"top1": float(len(trial))}), 0.0)


def opens(path: Path, barrier: Any, said: Any) -> None:
    barrier.wait()
    try:
        Store(path).close()
        said.put("")
    except Exception as error:  # whatever it is, the test shows it
        said.put(repr(error))


def test_a_new_store_may_be_opened_by_many_at_once(tmp_path: Path) -> None:
    for attempt in range(8):
        barrier, said = FORK.Barrier(6), FORK.SimpleQueue()
        path = tmp_path / f"{attempt}.sqlite"
        processes = [FORK.Process(target=opens, args=(path, barrier, said)) for _ in range(6)]
        for process in processes:
            process.start()
        assert [said.get() for _ in processes] == [""] * 6
        for process in processes:
            process.join()


def races(path: Path, trials: list[str], ran: Any) -> None:
    store = Store(path)
    waiting = list(trials)
    random.shuffle(waiting)
    mine = []
    while waiting:
        for trial in list(waiting):
            found = store.acquire(trial, HERE, 60)
            if isinstance(found, Held):
                continue
            waiting.remove(trial)
            if found is None:
                mine.append(trial)
                time.sleep(0.001)
                store.finish(record(trial), HERE, "a trial")
            else:
                assert found == record(trial)
    ran.put(mine)
    store.close()


def test_many_writers_run_each_trial_once(tmp_path: Path) -> None:
    trials = [f"trial {number}" for number in range(40)]
    ran = FORK.SimpleQueue()
    processes = [FORK.Process(target=races, args=(tmp_path / "store.sqlite", trials, ran)) for _ in range(4)]
    for process in processes:
        process.start()
    everything = [trial for _ in processes for trial in ran.get()]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert sorted(everything) == sorted(trials)


# Runs trials as fast as it can and says which are finished, each once it is.
WRITER = """
import sys
from pathlib import Path
from edgebench.run.record import Measured, Record, Status
from edgebench.run.store import Store
store = Store(Path(sys.argv[1]))
number = int(sys.argv[2])
while True:
    trial = f"{sys.argv[2]}-{number}"
    if store.acquire(trial, "identity", 60) is None:
        store.finish(Record(trial, Status.ok, Measured({"top1": 1.0}, {}, bytes(20000)), 0.0), "identity", "a trial")
        print(trial, flush=True)
    number += 1
"""


def test_killing_writers_at_any_moment_damages_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    source = random.Random(0)
    said: list[str] = []
    for round_ in range(6):
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, str(path), f"{round_}{number}"],
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(2)
        ]
        for writer in writers:
            assert writer.stdout is not None
            said.append(writer.stdout.readline().strip())  # it works
        time.sleep(source.uniform(0, 0.1))
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
        for writer in writers:
            out, _ = writer.communicate()
            # The last line may be cut off.
            said += out.rpartition("\n")[0].split()
    store = Store(path)
    assert store._db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    for trial in said:
        found = store.get(trial, HERE)
        assert found is not None, "what was said to be finished is there"
        assert found.measured is not None
        assert len(found.measured.correct or b"") == 20000
    for (trial,) in store._db.execute("SELECT trial FROM lease").fetchall():
        assert store.acquire(trial, HERE, 60) is None, "the dead hold nothing"
    store.close()


def test_a_killed_owners_lease_passes_on_and_a_living_ones_does_not(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from edgebench.run.store import Store\n"
            "print(Store(Path(sys.argv[1])).acquire('t', 'identity', 60), flush=True); input()",
            str(path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "None\n"
    store = Store(path)
    found = store.acquire("t", HERE, 60)
    assert isinstance(found, Held)
    assert found.owner.pid == holder.pid
    holder.kill()
    holder.communicate()
    assert store.acquire("t", HERE, 60) is None
    store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_the_owner_is_read_per_process() -> None:
    """A store opened in a forked child must not pass for its parent."""
    queue = FORK.SimpleQueue()
    child = FORK.Process(target=lambda: queue.put(str(Owner.this_process())))
    child.start()
    assert Owner.parse(queue.get()) != Owner.this_process()
    child.join()


def test_the_file_can_be_read_with_plain_sqlite(tmp_path: Path) -> None:
    """Results outlive the tool: columns are named, measurements are JSON."""
    store = Store(tmp_path / "store.sqlite")
    store.finish(record("t"), HERE, "a trial")
    store.close()
    db = sqlite3.connect(tmp_path / "store.sqlite")
    ((measured, described),) = db.execute("SELECT measured, description FROM record").fetchall()
    db.close()
    assert json.loads(measured)["metrics"] == {"top1": 1.0}
    assert described == "a trial"
