"""One trial of a run: how far it is, and under which limits it runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgebench.run.record import Measured, Record
from edgebench.run.trial import Trial


@dataclass
class Job:
    """A trial that some case needs.

    Attributes:
        timeout, memory: its limits, in seconds and GiB; the widest of those that its claims give.
        record: how it ended, None while it has not.
        cached: the record came from the store.
        lost: how often it was lost.
        widened: it failed by a limit that another claim then widened.
        training: what the training of the network measured that it quantises, from when it was started.
        ask: when to ask again for a trial that another process runs (`time.monotonic`).
        started: when this process started it (`time.monotonic`); None before.
    """

    trial: Trial
    timeout: float | None
    memory: float | None
    record: Record | None = None
    running: bool = False
    cached: bool = False
    lost: int = 0
    widened: bool = False
    training: Measured | None = None
    ask: float = 0.0
    started: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is still to be started, by this process or another."""
        return self.record is None and not self.running


@dataclass(frozen=True)
class Progress:
    """A snapshot for progress displays; counts are of trials.

    Attributes:
        running: what runs now, in words.
        cached: how many came from the store.
        finished: how many ended in this run.
        waiting: how many run or are still to be started, as far as the next looks need them.
        left: seconds until these have ended; None where the length of none is known.
        unknown: how many of them are of unknown length, and not in `left`.
        more: verdicts may ask for further seeds then.
    """

    running: tuple[str, ...]
    cached: int
    finished: int
    waiting: int
    left: float | None = None
    unknown: int = 0
    more: bool = False

    @property
    def done(self) -> int:
        return self.cached + self.finished

    @property
    def total(self) -> int:
        return self.done + self.waiting


def wider(one: float | None, other: float | None, default: float) -> float | None:
    """The wider of two limits; None stands for the default."""
    return None if one is None and other is None else max(one or default, other or default)


def any_alone(jobs: Iterable[Job]) -> bool:
    """Whether any of the trials runs with nothing beside it."""
    return any(job.trial.alone for job in jobs)


def failure_of(jobs: Iterable[tuple[str, Job]]) -> str | None:
    """What became of the first trial that failed, or None when all of them have an outcome.

    Args:
        jobs: with an arm that each is of.
    """
    for arm, job in jobs:
        record = job.record
        if record is not None and not record.status.is_outcome:
            return f"arm '{arm}', trial {job.trial.describe()}: {record.status}: {record.message}"
    return None
