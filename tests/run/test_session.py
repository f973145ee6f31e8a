"""The session: which trials it runs, in which order, how often, and what becomes of the effects."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgebench.judge.verdict import Outcome
from edgebench.run import session as sessions
from edgebench.run.jobs import Progress
from edgebench.run.owner import Owner
from edgebench.run.record import Measured, Record, Status
from edgebench.run.store import Store
from tests import roots
from tests.run.bench import ALSO, BETTER, CLEAR, NOISY, Bench, epochs, text


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
    turns: list[list[int]] = []
    session.notify = lambda now: turns.append([epochs(trial) for trial in executor.started])
    session.settle(first)
    lengths = turns[0]
    assert lengths == [2, 3, 2, 3] + ([4, 4] if prefetch else []), "the wanted claim comes first"


def test_a_trial_that_another_process_runs_is_waited_for(bench: Bench) -> None:
    claim = bench.claim(text(tier="looks: [2]"))
    session, executor = bench.session(CLEAR)
    there = Store(bench.folder / "store.sqlite")
    there.owner = replace(Owner.this_process(), host="elsewhere/boot")
    key = session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"])
    session._advance(session._cases[key])
    first = session._cases[key].needed["a", 0]
    assert there.acquire(first, session.jobs.identity, 60) is None
    turns: list[Progress] = []

    def notify(now: Progress) -> None:
        turns.append(now)
        if len(turns) == 10:
            there.finish(Record(first, Status.ok, Measured({"top1": 90.0}), 0.1), session.jobs.identity, "")

    session.notify = notify
    judged = session.settle(key)
    assert judged["better"].verdict is not None
    assert len(turns) >= 10
    assert first not in [trial.hash for trial in executor.started]
    assert (judged["better"].trained, judged["better"].cached) == (3, 1)
    there.close()


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


def test_progress_counts_trials(bench: Bench) -> None:
    claim = bench.claim(text(tier="looks: [2]"))
    session, _ = bench.session(CLEAR)
    seen: list[Progress] = []
    session.notify = seen.append
    session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    assert seen[0] == Progress(("micronet on digits, seed 0",), 0, 0, 4, left=None, unknown=4, more=False)
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
