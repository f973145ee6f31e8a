"""Trials in processes of their own: every way to end is a named status of that trial, and the others go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import psutil
import pytest

from edgebench.run.local import LocalExecutor
from edgebench.run.record import Record, Status
from tests.faults.recording import Observed
from tests.run.misbehaving import Misbehaving

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0  # seconds; other work may keep the machine busy


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children find the stand-ins by the driver's path."""
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.fixture
def executor() -> Iterator[LocalExecutor]:
    made = LocalExecutor(2)
    yield made
    made.close()


def collected(executor: LocalExecutor) -> dict[str, Record]:
    found: dict[str, Record] = {}
    until = time.monotonic() + PATIENCE
    while executor.running:
        assert time.monotonic() < until, f"still running: {executor.running}"
        found.update({trial.hash: record for trial, record in executor.wait(1.0)})
    return found


def collected_of(executor: LocalExecutor, count: int) -> dict[str, Record]:
    """The first trials to end."""
    found: dict[str, Record] = {}
    until = time.monotonic() + PATIENCE
    while len(found) < count:
        assert time.monotonic() < until
        found.update({trial.hash: record for trial, record in executor.wait(1.0)})
    return found


def submit(executor: LocalExecutor, how: str, **limits: Any) -> None:
    trial: Any = Misbehaving(how)
    executor.submit((trial,), **limits)


@pytest.mark.parametrize(
    ("how", "status", "message"),
    [
        pytest.param(
            *("segfault", Status.crashed, "the process was killed by SIGSEGV"),
            marks=pytest.mark.fault("trial", "a trial crashes", "SIGSEGV in its process"),
        ),
        ("killed", Status.lost, "the process was killed by SIGKILL"),
        pytest.param(
            *("exit", Status.crashed, "the process left with exit status 3 and no result"),
            marks=pytest.mark.fault("trial", "a trial leaves without a word", "`os._exit(3)` in its process"),
        ),
        ("system_exit", Status.crashed, "the process left with exit status 0 and no result"),
        pytest.param(
            *("memory", Status.out_of_memory, "MemoryError"),
            marks=pytest.mark.fault(
                "trial", "Python runs out of memory", "lists that grow beyond a limit of 2 GiB"
            ),
        ),
        pytest.param(
            *("tensor", Status.out_of_memory, "RuntimeError"),
            marks=pytest.mark.fault("trial", "torch runs out of memory", "a tensor of 4 TiB"),
        ),
        pytest.param(
            *("raises", Status.error, "ZeroDivisionError: by nought (at misbehaving.py:"),
            marks=pytest.mark.fault(
                "trial", "a trial raises an exception", "a division by nought in its code"
            ),
        ),
        ("refuses", Status.error, "no such thing; expected another (look again)"),
        ("threads", Status.error, "RuntimeError: threads 1 1"),
    ],
)
def test_failures_are_named_and_stop_nothing_else(
    executor: LocalExecutor, how: str, status: Status, message: str, observed: Observed
) -> None:
    submit(executor, how, memory=2.0)
    submit(executor, "well")
    assert executor.free == 0
    found = collected(executor)
    assert executor.free == 2
    failed, well = found[f"{how} 0"], found["well 0"]
    assert (failed.status, failed.measured) == (status, None)
    assert failed.message.startswith(message)
    assert failed.environment["identity"]
    assert well.status is Status.ok
    assert well.measured is not None
    assert well.measured.metrics["cases"] == 2
    observed(status=failed.status, said=failed.message, others=f"`{well.status}`")


@pytest.mark.fault(
    "trial",
    "a trial hangs",
    "a trial that sleeps for ten minutes, with a limit of one second",
)
def test_a_trial_is_stopped_at_its_time_limit(executor: LocalExecutor, observed: Observed) -> None:
    submit(executor, "well")
    submit(executor, "sleep", timeout=1.0)
    found = collected(executor)
    assert found["sleep 0"].status is Status.timed_out
    assert found["sleep 0"].message == "stopped after its time limit of 1 s"
    assert 1.0 <= found["sleep 0"].seconds < PATIENCE
    assert found["well 0"].status is Status.ok
    hung = found["sleep 0"]
    observed(status=hung.status, said=hung.message, others=f"`{found['well 0'].status}`")


def test_an_interrupt_of_the_process_group_leaves_trials_alone(executor: LocalExecutor) -> None:
    submit(executor, "interrupted")
    assert collected(executor)["interrupted 0"].status is Status.ok


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_the_fork_server_never_sees_an_interrupt(executor: LocalExecutor) -> None:
    """Not even while it is still importing, where Python would show where it was."""
    submit(executor, "well")
    server = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    status = dict(line.split(":", 1) for line in Path(f"/proc/{server}/status").read_text().splitlines())
    assert int(status["SigBlk"], 16) >> (signal.SIGINT - 1) & 1
    collected(executor)


@pytest.mark.fault(
    "trial",
    "the process that starts trials is killed",
    "SIGKILL to the fork server while a trial runs, then to that trial",
)
def test_a_process_whose_fork_server_is_gone_too_is_lost(executor: LocalExecutor, observed: Observed) -> None:
    """The second submission starts another fork server, which is no parent of the first one's process."""
    submit(executor, "sleep")
    (hanging,) = executor._running.values()
    assert hanging.server is not None
    os.kill(hanging.server, signal.SIGKILL)
    while psutil.Process(hanging.server).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    submit(executor, "well")
    found = collected_of(executor, 1)
    assert [record.status for record in found.values()] == [Status.ok]
    assert hanging.process.pid is not None
    os.kill(hanging.process.pid, signal.SIGKILL)
    (record,) = collected(executor).values()
    assert record.status is Status.lost
    assert record.message == "the process ended with the fork server it came from"
    observed(
        status=record.status,
        said=record.message,
        others=", ".join(f"`{each.status}`" for each in found.values()),
    )


def test_closing_kills_what_runs_and_names_it(executor: LocalExecutor) -> None:
    submit(executor, "sleep")
    (running,) = executor._running.values()
    pid = running.process.pid
    assert pid is not None
    assert psutil.pid_exists(pid)
    assert [trial.hash for trial in executor.close()] == ["sleep 0"]
    assert not executor.running
    assert not psutil.pid_exists(pid)


def test_the_drivers_environment_and_signals_stay_as_they_are(executor: LocalExecutor) -> None:
    before = dict(os.environ)
    submit(executor, "well")
    collected(executor)
    assert dict(os.environ) == before
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_nothing_to_wait_for(executor: LocalExecutor) -> None:
    assert executor.wait(PATIENCE) == []


DRIVER = """
import sys
sys.path.insert(0, sys.argv[1])
from edgebench.run.local import LocalExecutor
from tests.run.misbehaving import Misbehaving
if __name__ == "__main__":
    executor = LocalExecutor(1)
    executor.submit((Misbehaving("orphan"),))
    executor.wait(600)
"""


def test_a_trial_ends_with_its_driver(tmp_path: Path) -> None:
    (tmp_path / "driver.py").write_text(DRIVER)
    driver = subprocess.Popen(
        [sys.executable, str(tmp_path / "driver.py"), str(ROOT)], stdout=subprocess.PIPE, text=True
    )
    assert driver.stdout is not None
    child = psutil.Process(int(driver.stdout.readline()))
    server = child.parent()
    assert server is not None
    driver.kill()
    driver.wait()
    _, alive = psutil.wait_procs([child, server], timeout=PATIENCE)
    assert not alive
    driver.stdout.close()
