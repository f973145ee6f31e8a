"""One run of the harness: keeps the workers busy with the trials that pending verdicts need, and judges them.

Cases are settled on demand (`settle`), while the workers go on with the trials of the cases behind them. A case asks
for the trials of its next look only; as soon as they are there it is judged, and asks for more seeds only for effects
that are still pending.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from edgebench.claim.claim import Case, Claim, Effect, Tier
from edgebench.errors import EdgebenchError, StoreError
from edgebench.judge.effects import arms_to_run, judge_effect
from edgebench.judge.verdict import Pending, Verdict
from edgebench.run import environment
from edgebench.run.executor import DEFAULT_TIMEOUT, Executor
from edgebench.run.record import Measured, Record, Status
from edgebench.run.store import Held, Store
from edgebench.run.trial import Trial, trials_of

_POLL = 0.2  # seconds between looks at trials that another process runs


@dataclass(frozen=True)
class Judged:
    """What became of an effect: a verdict, or why there is none.

    Attributes:
        cached, trained: how many of its trials came from the store, and how many were run.
        diverged: how many of its trials diverged; they count with their worst values.
        seconds: how long its trials took, all of them together, whoever ran them.
        identity: of the machines that its trials ran on.
    """

    effect: Effect
    verdict: Verdict | None
    failure: str | None = None
    cached: int = 0
    trained: int = 0
    diverged: int = 0
    seconds: float = 0.0
    identity: Mapping[str, str | int] = field(default_factory=environment.identity)


@dataclass
class _Job:
    """A trial that some case needs."""

    trial: Trial
    timeout: float | None
    memory: float | None
    record: Record | None = None
    running: bool = False
    cached: bool = False


@dataclass
class _CaseState:
    claim: Claim
    case: Case
    tier: Tier
    pending: dict[str, Effect]
    look: int
    judged: dict[str, Judged] = field(default_factory=dict)
    needed: dict[tuple[str, int], str] = field(default_factory=dict)  # (arm, seed) → trial hash
    planned: tuple[int, tuple[str, ...]] | None = None  # the look and the arms that `needed` was made for


Key = tuple[str, str]  # the claim's file, because two roots may hold equal ids, and the case id


@dataclass(frozen=True)
class Progress:
    """A snapshot for progress displays; counts are of trials."""

    running: tuple[str, ...]
    cached: int
    finished: int
    waiting: int


class Session:
    """Runs the trials of the added cases and judges their effects.

    Args:
        store: where finished trials are looked up and kept.
        executor: runs the trials.
        prefetch: work ahead on cases that nobody has asked for yet. Off when several sessions share one test run.
        notify: called with the progress whenever it may have changed.
    """

    def __init__(
        self,
        store: Store,
        executor: Executor,
        *,
        prefetch: bool = True,
        notify: Callable[[Progress], None] | None = None,
    ) -> None:
        self.store = store
        self.executor = executor
        self.prefetch = prefetch
        self.notify = notify
        self.started = time.time()
        self.identity = environment.identity_key(executor.identity)
        self._cases: dict[Key, _CaseState] = {}
        self._jobs: dict[str, _Job] = {}

    def add(self, claim: Claim, case: Case, tier: Tier) -> Key:
        """Add a case at a tier; returns the key to settle it by."""
        key = (str(claim.path), case.id)
        if key not in self._cases:
            self._cases[key] = _CaseState(claim, case, tier, dict(case.effects), tier.looks[0])
        return key

    def settle(self, key: Key) -> dict[str, Judged]:
        """Run what the case still needs and return what became of each of its effects.

        Raises:
            StoreError: when results cannot be written; whatever was finished before stays in the store.
        """
        state = self._cases[key]
        self._advance(state)
        while state.pending:
            self._pump(state)
        return state.judged

    def progress(self) -> Progress:
        jobs = self._jobs.values()
        return Progress(
            tuple(trial.describe() for trial in self.executor.running),
            sum(job.cached for job in jobs),
            sum(job.record is not None and not job.cached for job in jobs),
            sum(job.record is None for job in jobs),
        )

    def close(self) -> None:
        """Stop whatever still runs, give its leases back, and close the store."""
        for trial in self.executor.close():
            with suppress(StoreError):  # the lease then ends with this process
                self.store.release(trial.hash, self.identity)
        self.store.close()

    # One turn: fill the free workers, collect what ended, judge the cases that this completes.

    def _pump(self, wanted: _CaseState) -> None:
        self._fill(wanted)
        if self.notify is not None:
            self.notify(self.progress())
        if not self.executor.running:
            time.sleep(_POLL)
        ended = self.executor.wait(_POLL)
        for trial, record in ended:
            job = self._jobs[trial.hash]
            job.record, job.running = record, False
        for trial, record in ended:  # after all of them are noted, because a full disk raises here
            self.store.finish(record, self.identity, trial.describe())
        for state in list(self._cases.values()):
            if state is wanted or state.needed:
                self._advance(state)

    def _fill(self, wanted: _CaseState) -> None:
        for state in self._order(wanted):
            if self.executor.free <= 0:
                return
            if not state.needed:
                self._advance(state)
            for trial_hash in state.needed.values():
                if self.executor.free <= 0:
                    return
                job = self._jobs[trial_hash]
                if job.record is None and not job.running:
                    self._start(job)

    def _order(self, wanted: _CaseState) -> Iterator[_CaseState]:
        yield wanted
        if self.prefetch:
            yield from (state for state in self._cases.values() if state.pending and state is not wanted)

    def _start(self, job: _Job) -> None:
        limit = job.timeout or DEFAULT_TIMEOUT
        found = self.store.acquire(job.trial.hash, self.identity, limit)
        if isinstance(found, Record):
            job.record, job.cached = found, True
        elif isinstance(found, Held):
            pass  # asked again at the next turn
        elif failed := self.store.failure(job.trial.hash, self.identity, self.started):
            # Another process tried it during this run and failed; trying again would only fail twice.
            self.store.release(job.trial.hash, self.identity)
            job.record = failed
        else:
            try:
                self.executor.submit((job.trial,), job.timeout, job.memory)
            except BaseException:
                self.store.release(job.trial.hash, self.identity)
                raise
            job.running = True

    def _advance(self, state: _CaseState) -> None:
        """Judge the case as far as its records go; leaves it either settled or waiting for trials."""
        while state.pending:
            try:
                self._need(state)
            except EdgebenchError as error:
                for key, effect in list(state.pending.items()):
                    self._settle_effect(state, key, Judged(effect, None, str(error)))
                return
            if any(self._jobs[trial_hash].record is None for trial_hash in state.needed.values()):
                return
            self._judge(state)

    def _need(self, state: _CaseState) -> None:
        """List the trials that the pending effects need up to the current look."""
        claim, tier = state.claim, state.tier
        needing = {arm for effect in state.pending.values() for arm in arms_to_run(effect, claim, tier)}
        arms = tuple(arm for arm in tier.arms if arm in needing)
        if state.planned == (state.look, arms):
            return
        state.planned, state.needed = (state.look, arms), {}
        for arm, trial in trials_of(claim, tier, arms, range(state.look)):
            state.needed[arm, trial.seed] = trial.hash
            if trial.hash not in self._jobs:
                job = self._jobs[trial.hash] = _Job(trial, tier.timeout, tier.memory)
                if (record := self.store.get(trial.hash, self.identity)) is not None:
                    job.record, job.cached = record, True

    def _judge(self, state: _CaseState) -> None:
        claim, tier = state.claim, state.tier
        observed: dict[tuple[str, int], Measured] = {}
        for place, trial_hash in state.needed.items():
            record = self._jobs[trial_hash].record
            if record is not None and record.measured is not None:
                observed[place] = record.measured
        for key, effect in list(state.pending.items()):
            jobs = self._jobs_of(state, effect)
            if (failure := _failure(jobs)) is not None:
                self._settle_effect(state, key, Judged(effect, None, failure))
                continue
            try:
                verdict = judge_effect(effect, claim, tier, observed, state.look)
            except EdgebenchError as error:
                self._settle_effect(state, key, Judged(effect, None, str(error)))
                continue
            if isinstance(verdict, Pending):
                continue
            records = [(job, job.record) for _, job in jobs if job.record is not None]
            judged = Judged(
                effect,
                verdict,
                cached=sum(job.cached for job, _ in records),
                trained=sum(not job.cached for job, _ in records),
                diverged=sum(record.status is Status.diverged for _, record in records),
                seconds=sum(record.seconds for _, record in records),
                identity=self.executor.identity,
            )
            self._settle_effect(state, key, judged)
        if state.pending:
            state.look = next(look for look in tier.looks if look > state.look)

    def _jobs_of(self, state: _CaseState, effect: Effect) -> list[tuple[str, _Job]]:
        """The effect's trials, each with the arm that it is of."""
        arms = arms_to_run(effect, state.claim, state.tier)
        return [(arm, self._jobs[trial_hash]) for (arm, _), trial_hash in state.needed.items() if arm in arms]

    def _settle_effect(self, state: _CaseState, key: str, judged: Judged) -> None:
        state.judged[key] = judged
        del state.pending[key]


def _failure(jobs: list[tuple[str, _Job]]) -> str | None:
    """What became of the first trial that failed, or None when all of them have an outcome."""
    for arm, job in jobs:
        record = job.record
        if record is not None and not record.status.is_outcome:
            return f"arm '{arm}', trial {job.trial.describe()}: {record.status}: {record.message}"
    return None
