"""The trials that a run needs: looked up in the store, leased, run, tried again when they were lost, and stored."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from edgebench.errors import StoreError
from edgebench.run import environment
from edgebench.run.executor import DEFAULT_MEMORY, DEFAULT_TIMEOUT, Executor
from edgebench.run.job import Job, Progress, wider
from edgebench.run.machine import Machine
from edgebench.run.record import Measured, Record, Status, inherited, never_quantised
from edgebench.run.store import Held, Store
from edgebench.run.trial import ARTEFACT, Trial

RETRIES = 2  # how often a trial that was lost with its machine or process is tried again
_ASK_AGAIN = 1.0  # seconds between looks at a trial that another process runs


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
        self._since = store.attempts()
        self._jobs: dict[str, Job] = {}
        self._kept: set[str] = set()
        self._cached = self._ended = (
            0  # counted, because there may be many jobs, and somebody asks at every turn
        )

    def __getitem__(self, trial_hash: str) -> Job:
        return self._jobs[trial_hash]

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def keep(self, settings: Iterable[str]) -> None:
        """Keep the weights of trainings with these settings (`Trial.settings_json`), if any are run."""
        self._kept.update(settings)

    def need(self, trial: Trial, timeout: float | None, memory: float | None) -> None:
        """Add a trial, and what it needs unless it is there, with the records that the store has of them."""
        if (job := self._jobs.get(trial.hash)) is None:
            job = self._jobs[trial.hash] = Job(trial, timeout, memory)
            if (record := self.store.get(trial.hash, self.identity, trial.wanted)) is not None:
                self._found(job, record)
        else:
            before = (job.timeout, job.memory)
            job.timeout = wider(job.timeout, timeout, DEFAULT_TIMEOUT)
            job.memory = wider(job.memory, memory, DEFAULT_MEMORY)
            limited = job.record is not None and job.record.status in (Status.timed_out, Status.out_of_memory)
            if limited and (job.timeout, job.memory) != before:  # what it failed by no longer holds
                job.record, job.widened = None, True
                self._ended -= 1
            if not trial.wanted <= job.trial.wanted:
                job.trial = job.trial.wanting(trial.wanted)
                self._ask_for_more(job)
        if trial.needs is not None and job.record is None:
            self.need(trial.needs, timeout, memory)

    def first(self, jobs: Iterable[Job]) -> list[Job]:
        """What open jobs need beside each other and what has not ended yet, each once."""
        given = {job.trial.hash: job for job in jobs}
        found, ahead = dict(given), list(given.values())
        while ahead:
            needs = {job.trial.needs.hash for job in ahead if job.trial.needs is not None and job.is_open}
            ahead = [self._jobs[each] for each in sorted(needs - found.keys())]
            ahead = [job for job in ahead if job.record is None]
            found |= {job.trial.hash: job for job in ahead}
        return [job for trial_hash, job in found.items() if trial_hash not in given]

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
        records: list[tuple[Trial, Record]] = []
        for trial, record in ended:
            job = self._jobs[trial.hash]
            job.running = False
            if record.status is Status.lost and job.lost < RETRIES:
                job.lost += 1
            else:
                if job.training is not None:
                    record = inherited(record, job.training)
                job.record = record
                self._ended += 1
                if not job.trial.wanted <= trial.wanted:  # more was asked for while it ran
                    self._ask_for_more(job)
            records.append((trial, record))
        for trial, record in records:  # after all of them are noted, because a full disk raises here
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
        ready = (self._ready(job) for job in queue)
        return list({job.trial.hash: job for job in ready if job is not None}.values())

    def _ready(self, job: Job) -> Job | None:
        """The job, or what has to be run before it; None where that left no weights, which ends the job too."""
        if job.trial.needs is None:
            return job
        first = self._jobs[job.trial.needs.hash]
        if first.record is None:
            return self._ready(first)
        if first.record.status is Status.ok:
            return job
        if job.record is None:
            job.record = self._without(job, first.record)
            self._ended += 1
        return None

    def _without(self, job: Job, first: Record) -> Record:
        """The record of a job that what it needs left without weights."""
        assert job.trial.needs is not None
        if job.trial.quantises and first.status is Status.diverged:
            record = never_quantised(job.trial.hash, first)
            self.store.finish(record, self.identity, job.trial.describe(), job.trial.settings_json)
            return record
        message = f"{job.trial.needs.describe()}, whose weights it needs: {first.status}"
        if first.message:
            message += f": {first.message}"
        # The same status, so that what failed by a limit is tried again together under a wider one.
        status = Status.error if first.status.is_outcome else first.status
        return Record(job.trial.hash, status, None, 0.0, message)

    def _outcome_of(self, trial: Trial) -> Measured:
        """What the trial that this one needs measured."""
        assert trial.needs is not None
        record = self._jobs[trial.needs.hash].record
        assert record is not None
        assert record.measured is not None
        return record.measured

    def _start_of(self, job: Job) -> bytes | None:
        """The artefact that the trial starts from.

        Raises:
            StoreError: it cannot be read, or is damaged.
        """
        if job.trial.needs is None:
            return None
        measured = self._outcome_of(job.trial)
        if measured.artefact is not None:
            return measured.artefact
        assert measured.artefact_digest is not None
        return self.store.artefacts.get(measured.artefact_digest)

    def _ask_for_more(self, job: Job) -> None:
        """Run a trial again whose record lacks what is wanted of it now."""
        if job.record is None or not job.record.status.is_outcome or job.record.has(job.trial.wanted):
            return
        if job.cached:
            self._cached -= 1
        else:
            self._ended -= 1
        job.record, job.cached = None, False

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
            timeout = wider(timeout, job.timeout, DEFAULT_TIMEOUT)
            memory = wider(memory, job.memory, DEFAULT_MEMORY)
        try:
            trials, start = tuple(map(self._submitted, leased)), self._start_of(leased[0])
            # A trial without such a need may be run by any executor that knows of none.
            further = {} if start is None else {"start": start}
            self.executor.submit(trials, timeout, memory, **further)
        except BaseException:
            for job in leased:
                self.store.release(job.trial.hash, self.identity)
            raise
        for job in leased:
            job.running, job.started = True, time.monotonic()
            job.training = self._outcome_of(job.trial) if job.trial.quantises else None

    def _submitted(self, job: Job) -> Trial:
        kept = job.trial.settings_json in self._kept
        return job.trial.wanting([ARTEFACT]) if kept else job.trial

    def _lease(self, job: Job, together: int) -> bool:
        """Whether the trial is ours to run; else its record is noted, or when to ask again."""
        longest = (job.timeout or DEFAULT_TIMEOUT) * together
        found = self.store.acquire(job.trial.hash, self.identity, longest, job.trial.wanted)
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
