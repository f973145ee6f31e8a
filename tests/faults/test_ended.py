"""Runs with real trainings that something outside ends: the command, or the process of one of its trials."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from edgebench.report.live import live_session
from edgebench.run import local
from edgebench.run.local import LocalExecutor
from edgebench.run.options import Options
from edgebench.run.record import Status
from tests import roots
from tests.faults.recording import Observed
from tests.run.misbehaving import Misbehaving
from tests.run.test_runs import LONGER, PATIENCE, children, command, rows, settled, until

ENDLESS = LONGER.replace("epochs: 4", "epochs: 900")
HELD = "SELECT count(*) FROM lease"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(
            (signal.SIGTERM,),
            marks=pytest.mark.fault(
                "driver", "the command is terminated", "SIGTERM while a trial trains, as a batch system does"
            ),
        ),
        pytest.param(
            (signal.SIGHUP,),
            marks=pytest.mark.fault("driver", "the terminal is closed", "SIGHUP while a trial trains"),
        ),
        pytest.param(
            (signal.SIGINT,) * 5,
            marks=pytest.mark.fault(
                "driver", "Ctrl-C again and again", "SIGINT to all its processes five times within a second"
            ),
        ),
    ],
)
def test_it_leaves_in_order(tmp_path: Path, sent: tuple[signal.Signals, ...], observed: Observed) -> None:
    roots.write(tmp_path / "claims", trained=ENDLESS)
    store = tmp_path / "store.sqlite"
    driver = command(tmp_path, start_new_session=True)
    until(lambda: store.exists() and len(children(driver)) >= 3)  # resource tracker, fork server, trial
    until(lambda: rows(store, HELD) == [(1,)])
    family = children(driver)
    for number in sent:
        if number is signal.SIGINT:
            os.killpg(driver.pid, number)
            time.sleep(0.2)
        else:
            driver.send_signal(number)
    out, err = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 128 + sent[0]
    assert "Traceback" not in out + err
    assert rows(store, "PRAGMA integrity_check") == [("ok",)]
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert not alive
    if len(sent) == 1:
        assert rows(store, HELD) == [(0,)]
    observed(exit=driver.returncode, said=err.strip().splitlines()[-1], processes=len(alive))


@pytest.mark.fault(
    "trial", "a trial is killed from outside", "SIGKILL to the first process that trains, in its second epoch"
)
def test_a_killed_training_is_run_again(tmp_path: Path, observed: Observed) -> None:
    claim = roots.load(tmp_path / "claims", LONGER, "trained")
    killed: list[int] = []
    with live_session(Options(store=tmp_path / "store.sqlite", workers=1)) as session:
        executor = session.executor
        assert isinstance(executor, LocalExecutor)

        def kill(_: object) -> None:
            for each in executor._running.values():
                if not killed and each.process.pid is not None and time.monotonic() - each.started > 0.2:
                    killed.append(each.process.pid)
                    os.kill(each.process.pid, signal.SIGKILL)

        session.notify = kill
        case = claim.cases[0]
        (judged,) = session.settle(session.add(claim, case, case.tiers["smoke"])).values()
    assert killed
    attempts = rows(tmp_path / "store.sqlite", "SELECT status FROM attempt")
    assert attempts == [("lost",)]
    assert rows(tmp_path / "store.sqlite", "SELECT count(*) FROM record") == [(6,)]
    untouched = settled(claim, Options(store=tmp_path / "other.sqlite"))["gain"]
    assert judged.verdict == untouched
    observed(
        status=attempts[0][0],
        tried=1 + len(attempts),
        outcome=untouched.outcome,
        verdict="the verdict of an undisturbed run",
    )


@pytest.mark.fault(
    "trial",
    "the kernel kills a trial for its memory",
    "SIGKILL to a trial's process, and a count of such kills that rose by one",
)
def test_the_kernels_out_of_memory_killer_is_told_apart(
    monkeypatch: pytest.MonkeyPatch, observed: Observed
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    executor, counts = LocalExecutor(1), iter((7, 8))
    monkeypatch.setattr(local, "_oom_kills", lambda: next(counts))
    trial: Any = Misbehaving("killed")
    executor.submit((trial,))
    found = []
    until(lambda: found.extend(executor.wait(1.0)) or found)
    executor.close()
    ((_, record),) = found
    assert record.status is Status.out_of_memory
    observed(status=record.status, said=record.message)
