"""One run of the harness: keeps the workers busy with the trials that pending verdicts need, and judges them.

A case asks for the trials of its next look only; as soon as they are there it is judged, and asks for more seeds only
for effects that are still pending. Work goes to the cases that promise the most verdicts for their cost
(`edgebench.run.order`); `settle` puts one case before all others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

from edgebench.claim.claim import Case, Claim, Effect, Tier
from edgebench.errors import EdgebenchError, MissingDataError
from edgebench.judge.effects import arms_to_run, judge_effect
from edgebench.judge.verdict import Pending, Verdict
from edgebench.run.case import CaseState, Judged
from edgebench.run.executor import Executor
from edgebench.run.job import Job, Progress, any_alone, failure_of
from edgebench.run.jobs import Jobs
from edgebench.run.order import Outlook, promise
from edgebench.run.record import Measured, Status
from edgebench.run.remaining import Remaining
from edgebench.run.store import Store
from edgebench.run.trial import Trial, quantised, trials_of

_POLL = 0.2  # seconds between looks at trials that another process runs

Key = tuple[str, str]  # the claim's file, because two roots may hold equal ids, and the case id


class Session:
    """Runs the trials of the added cases and judges their effects.

    Args:
        store: where finished trials are looked up and kept.
        executor: runs the trials.
        prefetch: work ahead on cases that nobody has asked for yet. Off when several sessions share one test run.
        outlook: expectations, by which work is ordered.
        time_budget: seconds after which nothing is started any more and what still runs is stopped. Effects without a
            verdict are then `pending`; what was finished stays in the store.
        notify: called with the progress whenever it may have changed.
    """

    def __init__(
        self,
        store: Store,
        executor: Executor,
        *,
        prefetch: bool = True,
        outlook: Outlook | None = None,
        time_budget: float | None = None,
        notify: Callable[[Progress], None] | None = None,
    ) -> None:
        self.store = store
        self.executor = executor
        self.prefetch = prefetch
        self.outlook = outlook or Outlook()
        self.time_budget = time_budget
        self.notify = notify
        self._deadline = None if time_budget is None else time.monotonic() + time_budget
        self.jobs = Jobs(store, executor)
        self._remaining = Remaining(self.jobs, self.outlook, executor)
        self._cases: dict[Key, CaseState] = {}

    def add(self, claim: Claim, case: Case, tier: Tier) -> Key:
        """Add a case at a tier; returns the key to settle it by."""
        key = (str(claim.path), case.id)
        if key not in self._cases:
            self._cases[key] = CaseState(claim, case, tier, dict(case.effects), tier.looks[0])
            self.expect(tier)
        return key

    def expect(self, tier: Tier) -> None:
        """Say that a tier may be run: trainings that some of its arms quantise keep their weights from now on."""
        self.jobs.keep(quantised(tier))

    def settle(self, key: Key) -> dict[str, Judged]:
        """Run what the case still needs, before all others, and return what became of each of its effects.

        Raises:
            StoreError: when results cannot be written; whatever was finished before stays in the store.
        """
        state = self._cases[key]
        self._advance(state)
        while state.pending:
            self._turn(state)
        return state.judged

    def settled(self) -> Iterator[tuple[Key, dict[str, Judged]]]:
        """Run what all cases need, and yield each as soon as all of its effects are settled.

        Raises:
            StoreError: as `settle`.
        """
        left = dict(self._cases)
        for state in left.values():
            self._advance(state)
        while left:
            done = [key for key, state in left.items() if not state.pending]
            for key in done:
                yield key, left.pop(key).judged
            if left and not done:
                self._turn(None)

    def ranked(self) -> list[Key]:
        """The added cases in the order in which their verdicts can be had: what is finished first."""
        for state in self._cases.values():
            self._advance(state)
        order = [key for key, state in self._cases.items() if not state.pending]
        keys = {id(state): key for key, state in self._cases.items()}
        return order + [keys[id(state)] for state, _ in self._order(None)]

    def progress(self) -> Progress:
        more = any(state.pending and len(state.looks) > 1 for state in self._cases.values())
        return replace(self._remaining.added_to(self.jobs.progress()), more=more)

    def close(self) -> None:
        """Stop whatever still runs, give its leases back, and close the store."""
        self.jobs.stop()
        self.store.close()

    # One turn: fill the free workers, collect what ended, judge the cases that this completes.

    def _turn(self, wanted: CaseState | None) -> None:
        queue = [job for _, left in self._order(wanted) for job in left]
        fitting = [job for job in queue if self._fits(job.trial)]
        if self._is_over(queue, fitting):
            self._postpone()
            return
        self.jobs.fill(fitting)
        if self.notify is not None:
            self.notify(self.progress())
        self.jobs.collect(_POLL)
        for state in self._cases.values():
            if state is wanted or state.needed:
                self._advance(state)

    def _order(self, wanted: CaseState | None) -> list[tuple[CaseState, list[Job]]]:
        """The pending cases, first what comes first, each with the trials that are still to be started."""
        others = [state for state in self._cases.values() if state.pending and state is not wanted]
        if wanted is not None and not self.prefetch:
            others = []
        for state in others:
            if not state.needed:
                self._advance(state)
        ranked = [(state, self._open(state)) for state in others if state.pending]
        # What runs alone comes last, when no work is left that could run beside other work.
        ranked.sort(key=lambda each: (not any_alone(each[1]), self._promise(*each)), reverse=True)
        return ranked if wanted is None else [(wanted, self._open(wanted)), *ranked]

    def _open(self, state: CaseState) -> list[Job]:
        jobs = (self.jobs[trial_hash] for trial_hash in dict.fromkeys(state.needed.values()))
        return [job for job in jobs if job.is_open]

    def _promise(self, state: CaseState, left: list[Job]) -> float:
        """Expected verdicts per second of work that the case still needs."""
        first = self.jobs.first(left)
        count = len(left) + len(first)
        if state.promise is None or state.promise[0] != count:  # asked at every turn, of every case
            state.promise = (count, self._expect(state, left, first))
        return state.promise[1]

    def _expect(self, state: CaseState, left: list[Job], first: list[Job]) -> float:
        lengths = [self.outlook.seconds(job.trial) for job in left]
        known = [length for length in lengths if length is not None]
        # Trials of unknown length count as long as those that are known, or as one second.
        mean = sum(known) / len(known) if known else 1.0
        lengths += [self.outlook.seconds(job.trial) for job in first]
        seconds = [sum(mean if length is None else length for length in lengths)]
        # How many trials each further seed takes: one an arm, or one for all arms of a claim about latency.
        arms = len(set(state.needed.values())) / max(1, len({seed for _, seed in state.needed}))
        seconds += [mean * arms * (later - look) for look, later in pairwise(state.looks)]
        if not state.verdicts:  # only now, because a case whose trials are all there never comes here
            effects = state.pending.values()
            chances = [
                self.outlook.decided(state.claim, state.case, state.tier, effect, state.looks)
                for effect in effects
            ]
            state.verdicts = tuple(map(sum, zip(*chances, strict=True)))
        return promise(seconds, state.verdicts)

    def _fits(self, trial: Trial) -> bool:
        """Whether the trial can end within the time budget, after what it needs and what is not there yet.

        Only what equal ones took here can say that it cannot.
        """
        if self._deadline is None:
            return True
        first = [] if trial.needs is None else self.jobs.first([self.jobs[trial.hash]])
        seconds = sum(self.outlook.timed(each) or 0.0 for each in (trial, *(job.trial for job in first)))
        return time.monotonic() + seconds < self._deadline

    def _is_over(self, queue: list[Job], fitting: list[Job]) -> bool:
        """Whether the time budget has ended, or nothing that is left to do fits into it."""
        if self._deadline is None:
            return False
        idle = bool(queue) and not fitting and not self.executor.running
        return time.monotonic() >= self._deadline or idle

    def _postpone(self) -> None:
        """Leave every open effect pending, with what it still lacks."""
        self.jobs.stop()
        for state in self._cases.values():
            self._advance(state)
            for effect in list(state.pending.values()):
                state.settle(self._pending(state, effect))

    def _pending(self, state: CaseState, effect: Effect) -> Judged:
        jobs = [job for _, job in self._jobs_of(state, effect)]
        ended = [job for job in jobs if job.record is not None]
        cached = sum(job.cached for job in ended)
        said = f"{len(ended)} of the {len(jobs)} trials of its next look ({state.look} seeds) are there"
        lengths = [self.outlook.timed(job.trial) or 0.0 for job in jobs if job.record is None]
        if lengths and min(lengths) > (self.time_budget or 0.0):
            why = f"the time budget is too short for its trials, which take about {min(lengths):.3g} s here"
        else:
            why = "the time budget ended"
        return Judged(effect, None, pending=f"{why}: {said}", cached=cached, trained=len(ended) - cached)

    def _advance(self, state: CaseState) -> None:
        """Judge the case as far as its records go; leaves it either settled or waiting for trials."""
        while state.pending:
            try:
                self._need(state)
            except EdgebenchError as error:
                missing = isinstance(error, MissingDataError)
                for effect in list(state.pending.values()):
                    state.settle(Judged(effect, None, str(error), missing=missing))
                return
            if any(self.jobs[trial_hash].record is None for trial_hash in state.needed.values()):
                return
            self._judge(state)

    def _need(self, state: CaseState) -> None:
        """List the trials that the pending effects need up to the current look."""
        claim, tier = state.claim, state.tier
        needing = {arm for effect in state.pending.values() for arm in arms_to_run(effect, claim, tier)}
        arms = tuple(arm for arm in tier.arms if arm in needing)
        if state.planned == (state.look, arms):
            return
        state.planned, state.needed = (state.look, arms), {}
        for arm, trial in trials_of(claim, tier, arms, range(state.look), state.pending.values()):
            state.needed[arm, trial.seed] = trial.hash
            self.jobs.need(trial, tier.timeout, tier.memory)
        state.verdicts, state.promise = (), None

    def _judge(self, state: CaseState) -> None:
        claim, tier = state.claim, state.tier
        observed: dict[tuple[str, int], Measured] = {}
        for place, trial_hash in state.needed.items():
            record = self.jobs[trial_hash].record
            if record is not None and record.measured is not None:
                observed[place] = record.measured
        for effect in list(state.pending.values()):
            jobs = self._jobs_of(state, effect)
            if (failure := failure_of(jobs)) is not None:
                state.settle(Judged(effect, None, failure))
                continue
            try:
                verdict = judge_effect(effect, claim, tier, observed, state.look)
            except EdgebenchError as error:
                state.settle(Judged(effect, None, str(error)))
                continue
            if not isinstance(verdict, Pending):
                state.settle(self._judged(effect, verdict, [job for _, job in jobs]))
        if state.pending:
            state.look = next(look for look in tier.looks if look > state.look)

    def _judged(self, effect: Effect, verdict: Verdict, jobs: list[Job]) -> Judged:
        records = [job.record for job in jobs if job.record is not None]
        return Judged(
            effect,
            verdict,
            cached=sum(job.cached for job in jobs),
            trained=sum(not job.cached for job in jobs),
            diverged=sum(record.status is Status.diverged for record in records),
            seconds=sum(record.seconds for record in records),
            identity=self.executor.identity,
        )

    def _jobs_of(self, state: CaseState, effect: Effect) -> list[tuple[str, Job]]:
        """The effect's trials, each once, with an arm that it is of."""
        arms = arms_to_run(effect, state.claim, state.tier)
        found: dict[str, tuple[str, Job]] = {}
        for (arm, _), trial_hash in state.needed.items():
            if arm in arms:
                found.setdefault(trial_hash, (arm, self.jobs[trial_hash]))
        return list(found.values())
