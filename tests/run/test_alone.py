"""Trials of latency in a run: one for all arms, after all other work, beside nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.claim.latency import LatencyGroup
from edgebench.judge.verdict import Outcome
from edgebench.run.jobs import Progress
from edgebench.run.local import LocalExecutor
from edgebench.run.machine import Machine
from edgebench.run.options import Options
from edgebench.run.outlook import StoredOutlook
from edgebench.run.plan import plan
from edgebench.run.record import Measured, Status
from edgebench.run.store import Store
from edgebench.run.trial import Trial, trials_of
from tests.run.bench import CLEAR, Bench, text

CLAIM = """
    claim: One is quicker than the other
    where: Table 6
    kind: latency
    settings: {model: micronet, input: [2, 1, 8, 8], rounds: 3}
    arms: {slow: {model: {width: 2}}, quick: {}, unread: {model: {width: 3}}}
    tiers: {smoke: {looks: [2, 4]}}
    effects:
      quicker: {value: slow.step_ms / quick.step_ms, expect: "> 1.5"}
      cheaper: {value: slow.infer_ms / quick.infer_ms, expect: "> 1.5"}
"""


def times(trial: Trial) -> Measured:
    """The slow arm takes twice as long for a step, and for inference too, but that varies."""
    assert isinstance(trial.settings, LatencyGroup)
    noise = 0.6 if trial.seed % 2 else 0.0
    return Measured(
        {
            "quick/step_ms": 10.0,
            "slow/step_ms": 20.0 + trial.seed / 100,
            "quick/infer_ms": 5.0,
            "slow/infer_ms": 7.2 + noise,
        }
    )


def either(trial: Trial) -> Measured | Status:
    return times(trial) if trial.alone else CLEAR(trial)


def test_one_trial_times_all_arms_of_a_repetition(bench: Bench) -> None:
    claim = bench.claim(CLAIM)
    tier = claim.cases[0].tiers["smoke"]
    pairs = trials_of(claim, tier, ("slow", "quick"), range(2))
    assert [(arm, trial.seed) for arm, trial in pairs] == [
        ("slow", 0),
        ("quick", 0),
        ("slow", 1),
        ("quick", 1),
    ]
    assert len({trial.hash for _, trial in pairs}) == 2
    for _, trial in pairs:
        assert isinstance(trial.settings, LatencyGroup)
        assert set(trial.settings.arms) == {"slow", "quick", "unread"}, "whichever arms an effect reads"
        assert trial.alone
        assert trial.data is None
    assert pairs[0][1].describe() == "latency of slow, quick, unread, repetition 0"


def test_a_ratio_is_paired_by_repetition(bench: Bench) -> None:
    claim = bench.claim(CLAIM)
    session, executor = bench.session(times)
    judged = session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    quicker, cheaper = judged["quicker"], judged["cheaper"]
    assert quicker.verdict is not None
    assert (quicker.verdict.outcome, quicker.verdict.n) == (Outcome.reproduced, 2)
    assert quicker.verdict.values == pytest.approx((2.0, 2.001))
    assert cheaper.verdict is not None
    assert (cheaper.verdict.outcome, cheaper.verdict.n) == (Outcome.inconclusive, 4)
    assert [trial.seed for trial in executor.started] == [0, 1, 2, 3]
    assert (quicker.trained, quicker.cached) == (2, 0), "each trial once"
    assert quicker.seconds == pytest.approx(0.2)
    again, executor = bench.session(times)
    judged = again.settle(again.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    assert executor.started == []
    assert (judged["cheaper"].trained, judged["cheaper"].cached) == (0, 4)


def test_a_metric_that_was_not_measured_is_said(bench: Bench) -> None:
    claim = bench.claim(CLAIM)
    session, _ = bench.session(lambda trial: Measured({"quick/step_ms": 1.0, "quick/infer_ms": 1.0}))
    judged = session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    assert judged["quicker"].failure is not None
    assert "the trials of arm 'slow' did not measure 'step_ms'" in judged["quicker"].failure


@pytest.mark.parametrize("wanted", ["timed", "trained"])
def test_it_runs_after_all_other_work_and_beside_nothing(bench: Bench, wanted: str) -> None:
    timed, trained = bench.claim(CLAIM, "timed"), bench.claim(text(), "trained")
    session, executor = bench.session(either, workers=3)
    keys = {
        claim.path.stem: session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"])
        for claim in (timed, trained)
    }
    beside: list[list[bool]] = []
    session.notify = lambda now: beside.append([trial.alone for trial in executor.running])
    session.settle(keys[wanted])
    for key in keys.values():
        assert all(each.verdict for each in session.settle(key).values())
    assert all(each == [True] for each in beside if True in each), "not beside another one either"
    assert max(map(len, beside)) > 1, "trainings run side by side"
    kinds = [trial.alone for trial in executor.started]
    assert kinds == sorted(kinds), "trainings first"
    assert session.jobs._machine.take("alone"), "and the machine is given back"


def test_it_waits_for_other_processes_and_they_for_it(bench: Bench) -> None:
    claim = bench.claim(CLAIM)
    session, executor = bench.session(times)
    there = Machine(session.store.path)
    assert there.take("shared")
    turns: list[Progress] = []
    seen: list[bool] = []

    def notify(now: Progress) -> None:
        turns.append(now)
        if len(turns) < 5:
            assert executor.started == []
        elif len(turns) == 5:
            there.release()
        elif executor.running:
            seen.append(there.take("shared"))

    session.notify = notify
    judged = session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    assert judged["quicker"].verdict is not None
    assert seen == [False] * 4, "nobody else may start anything while it runs"


def test_other_work_waits_for_a_process_that_takes_times(bench: Bench) -> None:
    claim = bench.claim(text())
    session, executor = bench.session(CLEAR)
    there = Machine(session.store.path)
    assert there.take("alone")
    turns: list[Progress] = []

    def notify(now: Progress) -> None:
        turns.append(now)
        if len(turns) == 5:
            assert executor.started == []
            there.release()

    session.notify = notify
    assert session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))["better"].verdict


def test_repetitions_never_share_a_program(bench: Bench) -> None:
    claim = bench.claim(CLAIM)
    session, executor = bench.session(times, workers=4)
    executor.together = 20
    session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    assert len(executor.limits) == len(executor.started) == 4


def test_a_worker_times_and_says_with_how_many_threads(bench: Bench) -> None:
    claim = bench.claim(CLAIM)
    ((_, trial),) = trials_of(claim, claim.cases[0].tiers["smoke"], ("slow",), range(1))
    executor = LocalExecutor(1)
    executor.submit((trial,))
    ((_, record),) = executor.wait(60)
    executor.close()
    assert record.status is Status.ok, record.message
    assert record.measured is not None
    metrics = record.measured.metrics
    assert {name.partition("/")[0] for name in metrics} == {"slow", "quick", "unread"}
    assert all(value > 0 for value in metrics.values())
    state = record.environment["state"]
    assert isinstance(state, dict)
    assert (state["threads"], state["rounds"]) == ("1", 3)
    assert state["load.before"] >= 0
    assert record.environment["identity"] == executor.identity


def test_the_plan_counts_each_trial_once(bench: Bench, tmp_path: Path) -> None:
    claim = bench.claim(CLAIM)
    planned = plan([claim], Options(), None, lambda *_: None)
    assert len(planned.trials) == 4
    assert (planned.next.trials, planned.most.trials) == (2, 4)
    session, _ = bench.session(times)
    session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    store = Store(session.store.path)
    outlook = StoredOutlook(store, session.jobs.identity, lambda *_: None)
    case = claim.cases[0]
    longer = bench.claim(CLAIM.replace("[2, 4]", "[2, 14]"))
    planned = plan([longer], Options(workers=4), store, lambda *_: None)
    assert planned.most.trials == 10
    assert planned.most.seconds == pytest.approx(10 * 0.1), "one after another, whatever the workers"
    prospect = outlook.prospect(claim, case, case.tiers["smoke"], case.effects["quicker"])
    assert prospect.seeds == 4
    assert [trial.seed for trial in prospect.trials] == [0, 1, 2, 3]
    assert prospect.verdict is not None
    store.close()
