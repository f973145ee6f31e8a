"""The trials that a run needs: looked up in the store, leased, run, tried again when they were lost, and stored."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from edgebench.errors import StoreError
from edgebench.run import environment
from edgebench.run.executor import DEFAULT_MEMORY, DEFAULT_TIMEOUT, Executor
from edgebench.run.machine import Machine
from edgebench.run.record import Record, Status
from edgebench.run.store import Held, Store
from edgebench.run.trial import Trial

RETRIES = 2  # how often a trial that was lost with its machine or process is tried again
_ASK_AGAIN = 1.0  # seconds between looks at a trial that another process runs


@dataclass
class Job:
    """A trial that some case needs.

    Attributes:
        timeout, memory: its limits, in seconds and GiB; the widest of those that its claims give.
        record: how it ended, None while it has not.
        cached: the record came from the store.
        lost: how often it was lost.
        widened: it failed by a limit that another claim then widened.
        ask: when to ask again for a trial that another process runs (`time.monotonic`).
    """

    trial: Trial
    timeout: float | None
    memory: float | None
    record: Record | None = None
    running: bool = False
    cached: bool = False
    lost: int = 0
    widened: bool = False
    ask: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it is still to be started, by this process or another."""
        return self.record is None and not self.running


@dataclass(frozen=True)
class Progress:
    """A snapshot for progress displays; counts are of trials."""

    running: tuple[str, ...]
    cached: int
    finished: int
    waiting: int


class Jobs:
    """All trials of a run, each once however many cases need it.

    Args:
        store: where finished trials are looked up and kept.
        executor: runs the trials.
    """

    def __init__(self, store: Store, executor: Executor) -> None:
        self.store = store
        self.executor = executor
        self.identity = environment.identity_key(executor.identity)
        self._machine = Machine(store.path)
        self._since = time.time()
        self._jobs: dict[str, Job] = {}
        self._cached = self._ended = (
            0  # counted, because there may be many jobs, and somebody asks at every turn
        )

    def __getitem__(self, trial_hash: str) -> Job:
        return self._jobs[trial_hash]

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def need(self, trial: Trial, timeout: float | None, memory: float | None) -> None:
        """Add a trial, and what it needs unless it is there, with the records that the store has of them."""
        if (job := self._jobs.get(trial.hash)) is None:
            job = self._jobs[trial.hash] = Job(trial, timeout, memory)
            if (record := self.store.get(trial.hash, self.identity)) is not None:
                self._found(job, record)
        else:
            before = (job.timeout, job.memory)
            job.timeout = _wider(job.timeout, timeout, DEFAULT_TIMEOUT)
            job.memory = _wider(job.memory, memory, DEFAULT_MEMORY)
            limited = job.record is not None and job.record.status in (Status.timed_out, Status.out_of_memory)
            if limited and (job.timeout, job.memory) != before:  # what it failed by no longer holds
                job.record, job.widened = None, True
                self._ended -= 1
        if trial.needs is not None and job.record is None:
            self.need(trial.needs, timeout, memory)

    def first(self, jobs: Iterable[Job]) -> list[Job]:
        """What open jobs need and what has not ended yet, each once."""
        needs = {job.trial.needs.hash for job in jobs if job.trial.needs is not None and job.is_open}
        return [self._jobs[each] for each in sorted(needs) if self._jobs[each].record is None]

    def fill(self, queue: Sequence[Job]) -> None:
        """Start jobs in the order of the queue while there are free workers.

        One that runs alone waits until nothing else can be started and nothing runs, here or by another process of this
        machine; nothing is started while it runs.
        """
        if any(trial.alone for trial in self.executor.running):
            return
        queue = self._startable(queue)
        for job in queue:
            if self.executor.free <= 0:
                return
            if job.is_open and job.ask <= time.monotonic() and not job.trial.alone:
                if not self._machine.take("shared"):
                    return
                self._start([job, *self._beside(job, queue)])
        for job in queue:
            if self.executor.running:
                return
            if job.is_open and job.ask <= time.monotonic() and job.trial.alone:
                self._machine.release()
                if not self._machine.take("alone"):
                    return
                self._start([job])
        if not self.executor.running:
            self._machine.release()

    def collect(self, seconds: float) -> None:
        """Wait up to `seconds` for trials to end, and store what ended.

        Raises:
            StoreError: when it cannot be written; whatever was finished before stays in the store.
        """
        if not self.executor.running:
            time.sleep(seconds)
        ended = self.executor.wait(seconds)
        if not self.executor.running:
            self._machine.release()
        for trial, record in ended:
            job = self._jobs[trial.hash]
            job.running = False
            if record.status is Status.lost and job.lost < RETRIES:
                job.lost += 1
            else:
                job.record = record
                self._ended += 1
        for trial, record in ended:  # after all of them are noted, because a full disk raises here
            self.store.finish(record, self.identity, trial.describe(), trial.settings_json)

    def progress(self) -> Progress:
        running = tuple(trial.describe() for trial in self.executor.running)
        return Progress(running, self._cached, self._ended, len(self._jobs) - self._cached - self._ended)

    def stop(self) -> None:
        """Stop whatever still runs and give its leases back."""
        for trial in self.executor.close():
            self._jobs[trial.hash].running = False
            with suppress(StoreError):  # the lease then ends with this process
                self.store.release(trial.hash, self.identity)
        self._machine.release()

    def _startable(self, queue: Iterable[Job]) -> list[Job]:
        """The queue with what its trials need in their place, where that is not there yet."""
        found: dict[str, Job] = {}
        for job in queue:
            first = self._jobs[job.trial.needs.hash] if job.trial.needs is not None else None
            if first is None or (first.record is not None and first.record.status is Status.ok):
                found.setdefault(job.trial.hash, job)
            elif first.record is None:
                found.setdefault(first.trial.hash, first)
            elif job.record is None:
                message = f"{first.trial.describe()}, from whose weights it starts: {first.record.status}"
                if first.record.message:
                    message += f": {first.record.message}"
                # The same status, so that what failed by a limit is tried again together under a wider one.
                status = Status.error if first.record.status.is_outcome else first.record.status
                job.record = Record(job.trial.hash, status, None, 0.0, message)
                self._ended += 1
        return list(found.values())

    def _start_of(self, job: Job) -> bytes | None:
        """The artefact that the trial starts from.

        Raises:
            StoreError: it cannot be read, or is damaged.
        """
        if job.trial.needs is None:
            return None
        record = self._jobs[job.trial.needs.hash].record
        assert record is not None
        assert record.measured is not None
        if record.measured.artefact is not None:
            return record.measured.artefact
        assert record.measured.artefact_digest is not None
        return self.store.artefacts.get(record.measured.artefact_digest)

    def _beside(self, job: Job, queue: Iterable[Job]) -> list[Job]:
        """Further seeds of the job's arm, as many as the executor wants in one program."""
        room = self.executor.together - 1
        if room <= 0:
            return []
        same = (
            other
            for other in queue
            if other is not job
            and other.is_open
            and other.ask <= time.monotonic()
            and replace(other.trial, seed=job.trial.seed) == job.trial
        )
        return [other for other, _ in zip(same, range(room), strict=False)]

    def _start(self, jobs: list[Job]) -> None:
        leased = [job for job in jobs if self._lease(job, len(jobs))]
        if not leased:
            return
        timeout, memory = leased[0].timeout, leased[0].memory
        for job in leased[1:]:
            timeout = _wider(timeout, job.timeout, DEFAULT_TIMEOUT)
            memory = _wider(memory, job.memory, DEFAULT_MEMORY)
        try:
            trials, start = tuple(job.trial for job in leased), self._start_of(leased[0])
            # A trial without such a need may be run by any executor that knows of none.
            further = {} if start is None else {"start": start}
            self.executor.submit(trials, timeout, memory, **further)
        except BaseException:
            for job in leased:
                self.store.release(job.trial.hash, self.identity)
            raise
        for job in leased:
            job.running = True

    def _lease(self, job: Job, together: int) -> bool:
        """Whether the trial is ours to run; else its record is noted, or when to ask again."""
        longest = (job.timeout or DEFAULT_TIMEOUT) * together
        found = self.store.acquire(job.trial.hash, self.identity, longest)
        if isinstance(found, Record):
            self._found(job, found)
        elif isinstance(found, Held):
            job.ask = time.monotonic() + _ASK_AGAIN
        elif not job.widened and (failed := self.store.failure(job.trial.hash, self.identity, self._since)):
            # Another process tried it during this run and failed; trying again would only fail twice.
            self.store.release(job.trial.hash, self.identity)
            job.record = failed
            self._ended += 1
        else:
            return True
        return False

    def _found(self, job: Job, record: Record) -> None:
        job.record, job.cached = record, True
        self._cached += 1


def _wider(one: float | None, other: float | None, default: float) -> float | None:
    return None if one is None and other is None else max(one or default, other or default)
