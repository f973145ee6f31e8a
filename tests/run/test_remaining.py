"""How long a run still takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edgebench.run import remaining
from edgebench.run.job import Job, Progress
from edgebench.run.order import Outlook
from edgebench.run.record import Measured, Record, Status
from edgebench.run.remaining import Remaining
from edgebench.run.trial import Trial, trials_of
from tests import roots
from tests.run.scripted import Scripted


@dataclass
class Known(Outlook):
    """Knows the times of some trials, by their settings."""

    times: dict[str, float] = field(default_factory=dict)

    def seconds(self, trial: Trial) -> float | None:
        return self.times.get(trial.settings_json)


@pytest.fixture
def trials(tmp_path: Path) -> tuple[list[Trial], list[Trial]]:
    """Three seeds of each of two arms."""
    claim = roots.load(tmp_path / "claims", roots.TRAINED)
    pairs = trials_of(claim, claim.cases[0].tiers["smoke"], ("plain", "slow"), range(3))
    plain, slow = ([trial for arm, trial in pairs if arm == name] for name in ("plain", "slow"))
    return plain, slow


def left(jobs: list[Job], outlook: Outlook, workers: int = 1) -> tuple[float | None, int]:
    executor = Scripted(lambda trial: Status.error, workers=workers)
    waiting = sum(job.record is None for job in jobs)
    found = Remaining(jobs, outlook, executor).added_to(Progress((), 0, len(jobs) - waiting, waiting))
    return found.left, found.unknown


def job(trial: Trial, seconds: float | None = None) -> Job:
    record = None if seconds is None else Record(trial.hash, Status.ok, Measured({}), seconds)
    return Job(trial, None, None, record)


def test_equal_trials_of_this_run_tell_more_than_the_outlook(trials: tuple[list[Trial], list[Trial]]) -> None:
    plain, slow = trials
    outlook = Known({plain[0].settings_json: 100.0, slow[0].settings_json: 7.0})
    assert left([job(plain[0]), job(slow[0])], outlook) == (107.0, 0)
    assert left([job(plain[0], 20.0), job(plain[1], 30.0), job(plain[2]), job(slow[0])], outlook) == (32.0, 0)


def test_workers_share_the_work_but_not_a_trial(trials: tuple[list[Trial], list[Trial]]) -> None:
    plain, slow = trials
    outlook = Known({plain[0].settings_json: 10.0, slow[0].settings_json: 40.0})
    jobs = [job(trial) for trial in (*plain, slow[0])]
    assert left(jobs, outlook, workers=1) == (70.0, 0)
    assert left(jobs, outlook, workers=4) == (40.0, 0)


def test_unknown_lengths_are_counted(trials: tuple[list[Trial], list[Trial]]) -> None:
    plain, slow = trials
    jobs = [job(trial) for trial in (*plain, *slow)]
    assert left(jobs, Outlook()) == (None, 6)
    assert left(jobs, Known({plain[0].settings_json: 10.0})) == (30.0, 3)
    assert left([job(plain[0], 3.0)], Outlook()) == (None, 0), "nothing is left"


def test_what_runs_has_done_some_of_its_time(
    trials: tuple[list[Trial], list[Trial]], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, _ = trials
    monkeypatch.setattr(remaining.time, "monotonic", lambda: 1000.0)
    running = [job(trial) for trial in plain]
    for each, started in zip(running, (996.0, 900.0, None), strict=True):
        each.running, each.started = started is not None, started
    assert left(running, Known({plain[0].settings_json: 10.0})) == (16.0, 0)


def test_it_is_estimated_once_a_second(
    trials: tuple[list[Trial], list[Trial]], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, _ = trials
    now = 1000.0
    monkeypatch.setattr(remaining.time, "monotonic", lambda: now)
    jobs = [job(trial) for trial in plain]
    estimates = Remaining(jobs, Known({plain[0].settings_json: 10.0}), Scripted(lambda trial: Status.error))
    progress = Progress((), 0, 0, 3)
    assert estimates.added_to(progress).left == 30.0
    jobs.pop()
    now = 1000.9
    assert estimates.added_to(progress).left == 30.0
    now = 1001.1
    assert estimates.added_to(progress).left == 20.0
