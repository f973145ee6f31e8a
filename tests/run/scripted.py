"""An executor without processes: trials end at once, with what a script says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edgebench.run import environment
from edgebench.run.record import Measured, Record, Status
from edgebench.run.trial import Trial

Script = Callable[[Trial], Measured | Status]


@dataclass
class Scripted:
    """Runs trials by calling `script`; a status stands for a failure.

    Attributes:
        started: every trial in the order in which it was submitted.
        limits: the (timeout, memory) it was given.
        starts: the artefact that each of them was given.
    """

    script: Script
    workers: int = 1
    started: list[Trial] = field(default_factory=list)
    limits: list[tuple[float | None, float | None]] = field(default_factory=list)
    starts: list[bytes | None] = field(default_factory=list)
    now: list[Trial] = field(default_factory=list)
    together: int = 1
    identity: dict[str, str | int] = field(default_factory=environment.identity)

    @property
    def free(self) -> int:
        return self.workers - len(self.now)

    @property
    def running(self) -> list[Trial]:
        return list(self.now)

    def submit(
        self,
        trials: tuple[Trial, ...],
        timeout: float | None = None,
        memory: float | None = None,
        start: bytes | None = None,
    ) -> None:
        self.now += trials
        self.started += trials
        self.limits.append((timeout, memory))
        self.starts += [start] * len(trials)

    def wait(self, seconds: float) -> list[tuple[Trial, Record]]:
        ended, self.now = self.now, []
        return [(trial, self._record(trial)) for trial in ended]

    def close(self) -> list[Trial]:
        cut, self.now = self.now, []
        return cut

    def _record(self, trial: Trial) -> Record:
        outcome = self.script(trial)
        if isinstance(outcome, Status):
            return Record(trial.hash, outcome, None, 0.1, "as scripted")
        status = Status.diverged if outcome.diverged else Status.ok
        return Record(trial.hash, status, outcome, 0.1)
