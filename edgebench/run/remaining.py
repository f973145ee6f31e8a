"""How long the trials that are still to end will take, for progress displays."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from statistics import median

from edgebench.run.executor import Executor
from edgebench.run.job import Job, Progress
from edgebench.run.order import Outlook

_EVERY = 1.0  # seconds between estimates; somebody asks at every turn


class Remaining:
    """Estimates the time left from what equal trials took, in this run or, as the outlook knows, in earlier ones.

    Args:
        jobs: all trials of the run; those without a record are still to end.
        outlook: what trials take that this run has not seen yet.
        executor: how many trials run at a time.
    """

    def __init__(self, jobs: Iterable[Job], outlook: Outlook, executor: Executor) -> None:
        self._jobs = jobs
        self._outlook = outlook
        self._executor = executor
        self._at = 0.0
        self._found: tuple[float | None, int] = (None, 0)

    def added_to(self, progress: Progress) -> Progress:
        """The snapshot with the time left."""
        if not progress.waiting:
            return progress
        now = time.monotonic()
        if now >= self._at + _EVERY:
            self._at, self._found = now, self._estimate(now)
        left, unknown = self._found
        # What ended since the last estimate cannot be of unknown length any more.
        return replace(progress, left=left, unknown=min(unknown, progress.waiting))

    def _estimate(self, now: float) -> tuple[float | None, int]:
        """Seconds of the trials whose length is known, and the number of those whose is not."""
        taken: dict[str, list[float]] = {}
        open_ = []
        for job in self._jobs:
            if job.record is None:
                open_.append(job)
            elif job.record.status.is_outcome and job.record.seconds:
                taken.setdefault(job.trial.settings_json, []).append(job.record.seconds)
        beside, alone, unknown = [0.0], 0.0, 0
        for job in open_:
            same = taken.get(job.trial.settings_json)
            seconds = median(same) if same else self._outlook.seconds(job.trial)
            if seconds is None:
                unknown += 1
                continue
            if job.running and job.started is not None:
                seconds = max(0.0, seconds - (now - job.started))
            if job.trial.alone:
                alone += seconds
            else:
                beside.append(seconds)
        if unknown == len(open_):
            return None, unknown
        return max(sum(beside) / self._workers(), *beside) + alone, unknown

    def _workers(self) -> int:
        running = -(-len(self._executor.running) // self._executor.together)  # several seeds in one program
        return max(1, self._executor.free + running)
