"""The session: which trials it runs, in which order, how often, and what becomes of the effects."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgebench.claim.claim import Claim
from edgebench.claim.settings import TrainSettings
from edgebench.errors import StoreError
from edgebench.judge.verdict import Outcome
from edgebench.run import session as sessions
from edgebench.run.owner import Owner
from edgebench.run.record import Measured, Record, Status
from edgebench.run.session import Judged, Progress, Session
from edgebench.run.store import Store
from edgebench.run.trial import Trial
from tests import roots
from tests.run.scripted import Script, Scripted

CLAIM = """
    claim: Some arms differ
    where: Table 1
    settings:
      {{model: micronet, data: digits, epochs: 2, batch: 16, optimiser: {{name: sgd, lr: 0.1}}}}
    arms: {arms}
    tiers: {{smoke: {{{tier}}}}}
    effects:
      {effects}
"""
ARMS = "{a: {}, b: {epochs: 3}, c: {epochs: 4}}"
BETTER = 'better: {value: a.top1 - b.top1, expect: "> 0", margin: 0.5}'
ALSO = 'also: {value: a.top1 - c.top1, expect: "> 0", margin: 0.5}'


def text(tier: str = "looks: [2, 4, 6]", effects: str = BETTER, arms: str = ARMS) -> str:
    return textwrap.dedent(CLAIM).format(tier=tier, effects=effects, arms=arms)


def epochs(trial: Trial) -> int:
    assert isinstance(trial.settings, TrainSettings)
    return trial.settings.epochs


def top1(**by_arm: Callable[[int], float]) -> Script:
    """Accuracy of each arm as a function of the seed."""
    arms = {2: "a", 3: "b", 4: "c"}
    return lambda trial: Measured({"top1": by_arm[arms[epochs(trial)]](trial.seed)})


CLEAR = top1(a=lambda seed: 90 + 0.1 * (seed % 2), b=lambda seed: 80.0, c=lambda seed: 70.0)
NOISY = top1(a=lambda seed: 90 + 5 * (-1) ** seed, b=lambda seed: 90.0, c=lambda seed: 70.0 + (seed % 2) / 10)


class Bench:
    """Opens sessions over one store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sessions: list[Session] = []

    def claim(self, claim: str, name: str = "claim") -> Claim:
        return roots.load(self.folder / "claims", claim, name)

    def session(self, script: Script, *, prefetch: bool = True, workers: int = 1) -> tuple[Session, Scripted]:
        executor = Scripted(script, workers)
        session = Session(Store(self.folder / "store.sqlite"), executor, prefetch=prefetch)
        self.sessions.append(session)
        return session, executor

    def settled(self, claim: Claim, script: Script) -> tuple[dict[str, Judged], list[tuple[int, int]]]:
        """What became of the effects, and (epochs, seed) of what was run."""
        session, executor = self.session(script)
        judged = session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
        return judged, [(epochs(trial), trial.seed) for trial in executor.started]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(sessions, "_POLL", 0.001)
    made = Bench(tmp_path)
    yield made
    for session in made.sessions:
        session.close()


def test_a_clear_effect_stops_at_the_first_look(bench: Bench) -> None:
    judged, ran = bench.settled(bench.claim(text()), CLEAR)
    verdict = judged["better"].verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.n) == (Outcome.reproduced, 2)
    assert ran == [(2, 0), (3, 0), (2, 1), (3, 1)], "arms of a seed together, and no arm that nobody reads"
    assert (judged["better"].trained, judged["better"].cached) == (4, 0)


def test_an_unclear_effect_is_looked_at_at_the_declared_numbers_only(bench: Bench) -> None:
    looked: list[int] = []
    original = sessions.judge_effect

    def judge(*arguments: object) -> object:
        looked.append(int(arguments[-1]))  # type: ignore[call-overload]
        return original(*arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessions, "judge_effect", judge)
        judged, ran = bench.settled(bench.claim(text()), NOISY)
    verdict = judged["better"].verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.n) == (Outcome.inconclusive, 6)
    assert looked == [2, 4, 6]
    assert len(ran) == len(set(ran)) == 12


def test_an_effect_that_is_decided_asks_for_no_more_seeds(bench: Bench) -> None:
    judged, ran = bench.settled(bench.claim(text(effects=f"{BETTER}\n  {ALSO}")), NOISY)
    also, better = judged["also"].verdict, judged["better"].verdict
    assert also is not None
    assert better is not None
    assert better.n == 6
    assert sorted({seed for length, seed in ran if length == 4}) == list(range(also.n))
    assert also.n < 6


def test_a_second_run_trains_nothing(bench: Bench) -> None:
    claim = bench.claim(text())
    first, _ = bench.settled(claim, NOISY)
    second, ran = bench.settled(claim, NOISY)
    assert ran == []
    assert second["better"].verdict == first["better"].verdict
    assert (second["better"].trained, second["better"].cached) == (0, 12)


def test_an_interrupted_run_goes_on_where_it_was(bench: Bench) -> None:
    claim = bench.claim(text())
    count = 0

    def interrupted(trial: Trial) -> Measured | Status:
        nonlocal count
        count += 1
        if count == 4:
            raise KeyboardInterrupt
        return CLEAR(trial)

    with pytest.raises(KeyboardInterrupt):
        bench.settled(claim, interrupted)
    bench.sessions.pop().close()
    judged, ran = bench.settled(claim, CLEAR)
    assert ran == [(3, 1)], "only the one that was cut off"
    assert judged["better"].verdict is not None


def test_claims_share_equal_trials(bench: Bench) -> None:
    one, other = bench.claim(text(), "one"), bench.claim(text(arms="{z: {}, b: {epochs: 4}}", effects=(
        'more: {value: z.top1 - b.top1, expect: "> 0"}')), "other")  # fmt: skip
    session, executor = bench.session(CLEAR)
    keys = [session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]) for claim in (one, other)]
    for key in keys:
        assert all(each.verdict for each in session.settle(key).values())
    hashes = [trial.hash for trial in executor.started]
    assert len(hashes) == len(set(hashes)) == 6, "arm a of one claim is arm z of the other"


@pytest.mark.parametrize("prefetch", [True, False])
def test_idle_workers_go_on_with_claims_behind(bench: Bench, prefetch: bool) -> None:
    one, other = bench.claim(text(), "one"), bench.claim(text(arms="{a: {}, b: {epochs: 4}}"), "other")
    session, executor = bench.session(CLEAR, workers=6, prefetch=prefetch)
    first, _ = (session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]) for claim in (one, other))
    session._fill(session._cases[first])
    lengths = [epochs(trial) for trial in executor.started]
    assert lengths == [2, 3, 2, 3] + ([4, 4] if prefetch else []), "the wanted claim comes first"


@pytest.mark.parametrize("status", [status for status in Status if not status.is_outcome])
def test_a_failed_trial_fails_its_effects_alone(bench: Bench, status: Status) -> None:
    def script(trial: Trial) -> Measured | Status:
        return status if epochs(trial) == 4 and trial.seed == 1 else CLEAR(trial)

    judged, ran = bench.settled(bench.claim(text(effects=f"{ALSO}\n  {BETTER}")), script)
    assert judged["better"].verdict is not None
    assert max(seed for _, seed in ran) == 1, "the other one was judged at the same look"
    assert judged["also"].verdict is None
    assert judged["also"].failure == f"arm 'c', trial micronet on digits, seed 1: {status}: as scripted"
    assert ran.count((4, 1)) == 1, "not tried again in this run"
    again, ran = bench.settled(bench.claim(text(effects=f"{BETTER}\n  {ALSO}")), CLEAR)
    assert ran == [(4, 1)], "the next run tries again what failed, and nothing else"
    assert again["also"].verdict is not None


def test_a_failure_in_another_process_of_the_run_is_not_repeated(bench: Bench) -> None:
    claim = bench.claim(text())
    session, executor = bench.session(CLEAR)
    bench.settled(claim, lambda trial: Status.timed_out)
    judged = session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    assert executor.started == []
    assert judged["better"].failure is not None
    assert "timed_out" in judged["better"].failure


def test_a_trial_that_another_process_runs_is_waited_for(bench: Bench) -> None:
    claim = bench.claim(text(tier="looks: [2]"))
    session, executor = bench.session(CLEAR)
    there = Store(bench.folder / "store.sqlite")
    there.owner = replace(Owner.this_process(), host="elsewhere/boot")
    key = session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"])
    session._advance(session._cases[key])
    first = session._cases[key].needed["a", 0]
    assert there.acquire(first, session.identity, 60) is None
    turns: list[Progress] = []

    def notify(now: Progress) -> None:
        turns.append(now)
        if len(turns) == 10:
            there.finish(Record(first, Status.ok, Measured({"top1": 90.0}), 0.1), session.identity, "")

    session.notify = notify
    judged = session.settle(key)
    assert judged["better"].verdict is not None
    assert len(turns) >= 10
    assert first not in [trial.hash for trial in executor.started]
    assert (judged["better"].trained, judged["better"].cached) == (3, 1)
    there.close()


def test_a_missing_dataset_fails_the_claim_and_says_how_to_get_it(bench: Bench) -> None:
    missing = bench.claim(text(tier="data: cifar10, looks: [2]"), "missing")
    here = bench.claim(text(), "here")
    session, _ = bench.session(CLEAR)
    keys = [session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]) for claim in (missing, here)]
    judged = [session.settle(key)["better"] for key in keys]
    assert judged[0].failure is not None
    for way in (
        "the dataset 'cifar10' is not here",
        "EDGEBENCH_DATA",
        "edgebench data fetch cifar10",
        "npz:PATH",
    ):
        assert way in judged[0].failure
    assert judged[1].verdict is not None


def test_a_reference_below_its_floor_makes_the_comparison_invalid(bench: Bench) -> None:
    judged, ran = bench.settled(bench.claim(text(tier="looks: [2, 4], floor: {top1: 95}")), CLEAR)
    verdict = judged["better"].verdict
    assert verdict is not None
    assert verdict.outcome is Outcome.invalid
    assert "'a' has top1 90.05 on average, below its floor of 95" in verdict.reason
    assert len(ran) == 4, "more seeds would not help"


def test_the_reference_runs_for_its_floor_alone(bench: Bench) -> None:
    effect = 'more: {value: b.top1 - c.top1, expect: "> 0"}'
    _, ran = bench.settled(bench.claim(text(tier="looks: [2], floor: {top1: 50}", effects=effect)), NOISY)
    assert sorted({length for length, _ in ran}) == [2, 3, 4]


def test_limits_of_the_tier_reach_the_executor(bench: Bench) -> None:
    claim = bench.claim(text(tier="looks: [2], timeout: 7, memory: 1.5"))
    session, executor = bench.session(CLEAR)
    session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    assert set(executor.limits) == {(7.0, 1.5)}


def test_results_that_cannot_be_written_are_reported_once_and_hang_nothing(bench: Bench) -> None:
    claim = bench.claim(text(effects=f"{BETTER}\n  {ALSO}"))
    session, _ = bench.session(CLEAR)
    key = session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"])
    finish = session.store.finish
    failures = iter([StoreError("database or disk is full")])

    def full(*arguments: object) -> None:
        for error in failures:
            raise error
        finish(*arguments)  # type: ignore[arg-type]

    session.store.finish = full  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="full"):
        session.settle(key)
    assert all(each.verdict for each in session.settle(key).values()), "space was made"


def test_a_trial_that_cannot_be_started_gives_its_lease_back(bench: Bench) -> None:
    claim = bench.claim(text())
    session, executor = bench.session(CLEAR)

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    executor.submit = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    assert session.store._db.execute("SELECT count(*) FROM lease").fetchone() == (0,)


def test_closing_gives_leases_back(bench: Bench) -> None:
    claim = bench.claim(text())
    session, executor = bench.session(CLEAR)
    key = session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"])
    session._fill(session._cases[key])
    assert executor.running
    other = Store(bench.folder / "store.sqlite")
    assert other._db.execute("SELECT count(*) FROM lease").fetchone() == (1,)
    session.close()
    bench.sessions.clear()
    assert other._db.execute("SELECT count(*) FROM lease").fetchone() == (0,)
    other.close()


def test_progress_counts_trials(bench: Bench) -> None:
    claim = bench.claim(text(tier="looks: [2]"))
    session, _ = bench.session(CLEAR)
    seen: list[Progress] = []
    session.notify = seen.append
    session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    assert seen[0] == Progress(("micronet on digits, seed 0",), 0, 0, 4)
    assert [each.finished for each in seen] == [0, 1, 2, 3]
    last = session.progress()
    assert (last.running, last.cached, last.finished, last.waiting) == ((), 0, 4, 0)


def test_equal_ids_of_two_roots_are_two_cases(bench: Bench) -> None:
    first = bench.claim(text(effects='better: {value: a.top1, expect: "> 80", margin: 0.5}'))
    other = roots.load(
        bench.folder / "elsewhere" / "claims",
        text(effects='worse: {value: a.top1, expect: "< 80", margin: 0.5}'),
    )
    assert first.id == other.id
    session, _ = bench.session(CLEAR)
    keys = [session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]) for claim in (first, other)]
    outcomes = [
        {key: each.verdict.outcome for key, each in session.settle(key).items() if each.verdict}
        for key in keys
    ]
    assert outcomes == [{"better": Outcome.reproduced}, {"worse": Outcome.contradicted}]


def test_diverged_trials_are_counted(bench: Bench) -> None:
    def script(trial: Trial) -> Measured:
        if epochs(trial) == 3 and trial.seed == 1:
            return Measured({"params": 1.0}, {}, None, True)
        return Measured({"top1": 90.0 + 0.1 * trial.seed})

    judged, _ = bench.settled(bench.claim(text()), script)
    assert judged["better"].diverged == 1
    assert judged["better"].verdict is not None
