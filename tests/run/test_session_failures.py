"""The session when trials, data, the store or the whole run fail: what fails with them, and what goes on."""

from __future__ import annotations

import pytest

from edgebench.errors import StoreError
from edgebench.run.jobs import Progress
from edgebench.run.record import Measured, Status
from edgebench.run.store import Store
from edgebench.run.trial import Trial
from tests.faults.recording import Observed
from tests.run.bench import ALSO, BETTER, CLEAR, Bench, epochs, text


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


FAULTS = [status for status in Status if not status.is_outcome and status is not Status.lost]


@pytest.mark.parametrize("status", FAULTS)
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


@pytest.mark.parametrize(
    "losses",
    [
        1,
        2,
        pytest.param(
            3,
            marks=pytest.mark.fault(
                "trial", "a trial is lost every time", "a trial whose status is `lost` by script"
            ),
        ),
    ],
)
def test_a_trial_that_was_lost_is_tried_again_twice(bench: Bench, losses: int, observed: Observed) -> None:
    left = losses

    def script(trial: Trial) -> Measured | Status:
        nonlocal left
        if (epochs(trial), trial.seed) == (3, 1) and left:
            left -= 1
            return Status.lost
        return CLEAR(trial)

    judged, ran = bench.settled(bench.claim(text()), script)
    assert ran.count((3, 1)) == min(losses + 1, 3)
    assert len(ran) == 3 + ran.count((3, 1)), "and no other is"
    assert (judged["better"].verdict is not None) == (losses < 3)
    if losses == 3:
        assert judged["better"].failure == "arm 'b', trial micronet on digits, seed 1: lost: as scripted"
        observed(tried=ran.count((3, 1)), said=judged["better"].failure)


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

    def stop(now: Progress) -> None:
        raise KeyboardInterrupt

    session.notify = stop
    with pytest.raises(KeyboardInterrupt):
        session.settle(key)
    assert executor.running
    other = Store(bench.folder / "store.sqlite")
    assert other._db.execute("SELECT count(*) FROM lease").fetchone() == (1,)
    session.close()
    bench.sessions.clear()
    assert other._db.execute("SELECT count(*) FROM lease").fetchone() == (0,)
    other.close()


def test_diverged_trials_are_counted(bench: Bench) -> None:
    def script(trial: Trial) -> Measured:
        if epochs(trial) == 3 and trial.seed == 1:
            return Measured({"params": 1.0}, {}, None, True)
        return Measured({"top1": 90.0 + 0.1 * trial.seed})

    judged, _ = bench.settled(bench.claim(text()), script)
    assert judged["better"].diverged == 1
    assert judged["better"].verdict is not None


def test_a_trial_that_failed_by_a_limit_is_tried_again_under_a_wider_one(bench: Bench) -> None:
    """Two claims share trials; which of them asked first must not decide."""
    one = bench.claim(text(tier="looks: [2], timeout: 10"), "one")
    other = bench.claim(text(tier="looks: [2], timeout: 600"), "other")
    session, executor = bench.session(lambda trial: Status.timed_out)
    first = session.settle(session.add(one, one.cases[0], one.cases[0].tiers["smoke"]))
    assert first["better"].failure is not None
    executor.script = CLEAR
    second = session.settle(session.add(other, other.cases[0], other.cases[0].tiers["smoke"]))
    assert second["better"].verdict is not None
    assert executor.limits[-1] == (600.0, None)
