"""A clock that is set back or forward while EdgeBench runs, or between two runs."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from edgebench.errors import StoreError
from edgebench.report.night import read_night
from edgebench.run import worker
from edgebench.run.database import open_existing
from edgebench.run.history import runs
from edgebench.run.owner import Owner
from edgebench.run.record import Measured, Status
from edgebench.run.store import Held, Store
from edgebench.run.trial import Trial
from tests import roots
from tests.faults.recording import Observed
from tests.faults.scripted_cli import CLAIM, Commands, verdict_of
from tests.run.bench import CLEAR, Bench, epochs, text
from tests.run.misbehaving import Misbehaving

DAY = 86400.0


class Clock:
    """The time of day, which can be set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + self.ahead)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize(
    "days",
    [
        pytest.param(
            -1,
            marks=pytest.mark.fault(
                "clock", "the clock is set back during a run", "a day, before the fourth of 16 trials ends"
            ),
        ),
        pytest.param(
            1,
            marks=pytest.mark.fault(
                "clock", "the clock is set forward during a run", "a day, before the fourth of 16 trials ends"
            ),
        ),
    ],
)
def test_a_clock_set_during_a_run_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock, days: int, observed: Observed
) -> None:
    monkeypatch.chdir(tmp_path)
    roots.write(tmp_path / "claims", trained=CLAIM)
    run = Commands()

    def jump(trial: Trial) -> None:
        clock.ahead = days * DAY if len(run.ran) >= 3 else 0.0

    run.before = jump
    said = run("run", "--store", "store.sqlite")
    assert len(set(run.ran)) == len(run.ran) == 16
    run.before = lambda trial: None
    run("run", "--store", "store.sqlite")
    assert run.ran == []
    clock.ahead = 0.0
    undisturbed = run("run", "--store", "other.sqlite")
    assert verdict_of(said) == verdict_of(undisturbed)
    with_history = open_existing(tmp_path / "store.sqlite")
    numbers = [each.number for each in runs(with_history)]
    with_history.close()
    assert numbers == [1, 2]
    observed(tried=1, again="no trial", verdict="the verdict of an undisturbed run")


@pytest.mark.fault(
    "clock",
    "a failure from the future",
    "a trial that failed while the clock was a day ahead; set right, the same run again",
)
def test_a_failure_from_the_future_is_not_taken_for_one_of_this_run(
    bench: Bench, clock: Clock, observed: Observed
) -> None:
    def fails(trial: Trial) -> Measured | Status:
        return Status.crashed if epochs(trial) == 3 and trial.seed == 1 else CLEAR(trial)

    claim = bench.claim(text())
    clock.ahead = DAY
    judged, _ = bench.settled(claim, fails)
    assert judged["better"].failure is not None
    clock.ahead = 0.0
    judged, ran = bench.settled(claim, CLEAR)
    for session in bench.sessions:
        session.close()
    assert ran == [(3, 1)]
    assert judged["better"].verdict is not None
    observed(
        again=f"{len(ran)} trial, the one that failed",
        outcome=judged["better"].verdict.outcome,
    )


@pytest.mark.fault(
    "clock", "a lease from the future", "a lease of a machine whose clock is a day ahead, and that is gone"
)
def test_a_lease_from_the_future_blocks_nobody(tmp_path: Path, clock: Clock, observed: Observed) -> None:
    store = Store(tmp_path / "store.sqlite")
    here, elsewhere = store.owner, replace(Owner.this_process(), host="elsewhere/boot")
    store.owner = elsewhere
    assert store.acquire("t", "identity", 60) is None
    store.owner = here
    assert store.acquire("t", "identity", 60) == Held(elsewhere), "it may well run"
    clock.ahead = -DAY
    taken = store.acquire("t", "identity", 60)
    assert taken is None
    store.close()
    observed(lease="taken over at once" if taken is None else "waited for")


@pytest.mark.fault("clock", "the clock is set back during a trial", "an hour, at each look at the clock")
def test_durations_are_never_negative(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, observed: Observed
) -> None:
    trial = Misbehaving("well")
    now = time.time

    def back() -> float:
        clock.ahead -= 3600.0
        return now()

    monkeypatch.setattr(time, "time", back)
    before = time.monotonic()
    (record,) = worker.run_here((trial,))  # type: ignore[arg-type]
    assert record.status is Status.ok
    assert 0 < record.seconds < time.monotonic() - before
    observed(status=record.status, duration="above zero")


@pytest.mark.fault(
    "clock",
    "a night that is yet to come",
    "`edgebench summary --within 6h` after the clock was set back by a day",
)
def test_a_run_from_the_future_is_not_tonights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock, observed: Observed
) -> None:
    monkeypatch.chdir(tmp_path)
    roots.write(tmp_path / "claims", trained=CLAIM)
    run = Commands()
    run("run", "--store", "store.sqlite")
    assert run("summary", "--store", "store.sqlite", "--within", "6h").exit == 0
    clock.ahead = -DAY
    said = run("summary", "--store", "store.sqlite", "--within", "6h")
    assert said.exit == 4
    database = open_existing(tmp_path / "store.sqlite")
    with pytest.raises(StoreError, match="which is yet to come"):
        read_night(database, "smoke", 3600)
    database.close()
    began, yet = said.last.partition(" began ")[0], said.last.partition(", which ")[2]
    observed(exit=said.exit, said=f"{began} began …, which {yet}")
