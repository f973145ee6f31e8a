"""Trials that start from another trial's weights: that one is run once, before them, and found again later."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from edgebench.errors import StoreError
from edgebench.run.jobs import Progress
from edgebench.run.order import Outlook
from edgebench.run.owner import Owner
from edgebench.run.record import Measured, Record, Status
from edgebench.run.store import Store
from edgebench.run.trial import Trial
from tests.faults.recording import Observed
from tests.run.bench import ALSO, BETTER, CLEAR, NOISY, Bench, epochs
from tests.run.pretrained import (
    FIRST,
    WEIGHTS,
    first_of,
    pretrained,
    ran,
    settle,
    started_from,
)

TWO = "looks: [2]"
TRAINED = [(2, 0), (3, 0), (2, 1), (3, 1)]


def kept(bench: Bench) -> Path:
    """The file of the pretraining's weights."""
    return bench.folder / "artefacts" / f"{hashlib.sha256(WEIGHTS).hexdigest()}.safetensors"


def test_a_pretraining_runs_once_and_first(bench: Bench) -> None:
    judged, _, executor = settle(bench, bench.claim(started_from()), pretrained())
    assert ran(executor) == [(FIRST, 0), *TRAINED]
    assert executor.starts == [None, *[WEIGHTS] * 4]
    assert judged["better"].verdict is not None
    assert (judged["better"].trained, judged["better"].cached) == (4, 0), "its own trials"
    assert kept(bench).read_bytes() == WEIGHTS


@pytest.mark.parametrize("workers", [2, 5])
def test_free_workers_do_not_start_what_has_to_wait(bench: Bench, workers: int) -> None:
    turns: list[list[int]] = []
    session, executor = bench.session(pretrained(), workers=workers)
    claim = bench.claim(started_from(TWO, f"{BETTER}\n  {ALSO}"))
    session.notify = lambda now: turns.append([epochs(trial) for trial in executor.running])
    judged = session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    assert all(each.verdict for each in judged.values())
    assert sorted(turns[0]) == [4, FIRST] if workers == 2 else [4, 4, FIRST], "arm c waits for nothing"
    assert all(2 not in turn and 3 not in turn for turn in turns if FIRST in turn)
    assert ran(executor).count((FIRST, 0)) == 1
    given = {epochs(trial): start for trial, start in zip(executor.started, executor.starts, strict=True)}
    assert given == {2: WEIGHTS, 3: WEIGHTS, 4: None, FIRST: None}


def test_claims_share_it(bench: Bench) -> None:
    one = bench.claim(started_from(TWO, 'one: {value: a.top1 - c.top1, expect: "> 0"}'), "one")
    other = bench.claim(started_from(TWO, 'other: {value: b.top1 - c.top1, expect: "> 0"}'), "other")
    session, executor = bench.session(pretrained())
    for claim in (one, other):
        key = session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"])
        assert all(each.verdict for each in session.settle(key).values())
    assert ran(executor).count((FIRST, 0)) == 1
    assert len(executor.started) == 1 + 2 + 2 + 2


def test_a_later_run_finds_the_weights_in_the_store(bench: Bench) -> None:
    settle(bench, bench.claim(started_from()), pretrained())
    judged, session, executor = settle(
        bench, bench.claim(started_from("looks: [3]"), "more"), pretrained(CLEAR, Status.crashed)
    )
    assert ran(executor) == [(2, 2), (3, 2)]
    assert executor.starts == [WEIGHTS] * 2
    assert judged["better"].verdict is not None
    assert session.progress() == Progress((), 5, 2, 0)


def test_where_the_weights_were_deleted_they_are_made_again_if_somebody_needs_them(bench: Bench) -> None:
    settle(bench, bench.claim(started_from()), pretrained())
    kept(bench).unlink()
    _, session, executor = settle(bench, bench.claim(started_from()), pretrained())
    assert executor.started == [], "all that starts from them is there"
    assert session.progress() == Progress((), 4, 0, 0)
    judged, _, executor = settle(bench, bench.claim(started_from("looks: [3]"), "more"), pretrained())
    assert ran(executor) == [(FIRST, 0), (2, 2), (3, 2)]
    assert judged["better"].verdict is not None
    assert kept(bench).read_bytes() == WEIGHTS


@pytest.mark.fault(
    "data",
    "stored weights are damaged",
    "a byte missing at the end of an artefact that trials start from; then the file deleted, as the message says",
)
def test_damaged_weights_end_the_run_with_one_error_that_says_what_to_do(
    bench: Bench, observed: Observed
) -> None:
    settle(bench, bench.claim(started_from()), pretrained())
    kept(bench).write_bytes(WEIGHTS[:-1])
    more = bench.claim(started_from("looks: [3]"), "more")
    with pytest.raises(StoreError, match=r"an artefact is damaged: .* \(delete it") as raised:
        settle(bench, more, pretrained())
    assert raised.value.where == str(kept(bench))
    assert bench.sessions[-1].store.rows("SELECT count(*) FROM lease", ()) == [(0,)]
    kept(bench).unlink()
    judged, _, executor = settle(bench, more, pretrained())
    assert ran(executor) == [(FIRST, 0), (2, 2), (3, 2)]
    assert judged["better"].verdict is not None
    leases = bench.sessions[-1].store.rows("SELECT count(*) FROM lease", ())[0][0]
    observed(
        said=str(raised.value),
        leases=leases,
        again=f"{len(ran(executor))} trials",
    )


FAULTS = [status for status in Status if not status.is_outcome and status is not Status.lost]


@pytest.mark.parametrize("status", FAULTS)
def test_without_it_nothing_that_starts_from_it_is_run(bench: Bench, status: Status) -> None:
    effects = f'{BETTER}\n  plain: {{value: c.top1, expect: "< 80"}}'
    judged, session, executor = settle(
        bench, bench.claim(started_from(TWO, effects)), pretrained(CLEAR, status)
    )
    assert sorted(ran(executor)) == [(4, 0), (4, 1), (FIRST, 0)], "what starts from nothing goes on"
    assert judged["plain"].verdict is not None
    assert judged["better"].failure == (
        f"arm 'a', trial micronet on digits, seed 0: {status}: micronet on digits, seed 0, "
        f"whose weights it needs: {status}: as scripted"
    )
    assert session.store.rows("SELECT count(*) FROM attempt", ()) == [(1,)], "the pretraining's"
    again, _, executor = settle(bench, bench.claim(started_from(TWO)), pretrained())
    assert ran(executor) == [(FIRST, 0), *TRAINED], "the next run tries again"
    assert again["better"].verdict is not None


@pytest.mark.parametrize("later", [False, True], ids=["in this run", "from the store"])
def test_from_diverged_weights_nothing_starts(bench: Bench, later: bool) -> None:
    def script(trial: Trial) -> Measured | Status:
        return Measured({}, diverged=True) if epochs(trial) == FIRST else CLEAR(trial)

    claim = bench.claim(started_from())
    judged, _, executor = settle(bench, claim, script)
    if later:
        judged, _, executor = settle(bench, claim, pretrained())
    assert ran(executor) == ([] if later else [(FIRST, 0)])
    assert judged["better"].failure == (
        "arm 'a', trial micronet on digits, seed 0: error: micronet on digits, seed 0, "
        "whose weights it needs: diverged"
    )


@pytest.mark.parametrize("losses", [2, 3])
def test_one_that_was_lost_is_tried_again(bench: Bench, losses: int) -> None:
    left = losses

    def script(trial: Trial) -> Measured | Status:
        nonlocal left
        if epochs(trial) == FIRST and left:
            left -= 1
            return Status.lost
        return pretrained()(trial)

    judged, _, executor = settle(bench, bench.claim(started_from()), script)
    assert ran(executor) == [(FIRST, 0)] * 3 + (TRAINED if losses < 3 else [])
    assert (judged["better"].verdict is None) == (losses == 3)


def test_what_failed_by_a_limit_is_tried_again_under_a_wider_one(bench: Bench) -> None:
    one = bench.claim(started_from("looks: [2], timeout: 10"), "one")
    other = bench.claim(started_from("looks: [2], timeout: 600"), "other")
    session, executor = bench.session(pretrained(CLEAR, Status.timed_out))
    first = session.settle(session.add(one, one.cases[0], one.cases[0].tiers["smoke"]))
    assert first["better"].failure is not None
    executor.script = pretrained()
    second = session.settle(session.add(other, other.cases[0], other.cases[0].tiers["smoke"]))
    assert second["better"].verdict is not None
    assert ran(executor) == [(FIRST, 0), (FIRST, 0), *TRAINED]
    assert executor.limits == [(10.0, None), *[(600.0, None)] * 5]


@pytest.mark.parametrize("ended", [0, 1, 2])
def test_an_interrupted_run_goes_on_where_it_was(bench: Bench, ended: int) -> None:
    """Before the pretraining ended, just after it, and after the first that starts from it."""
    left = ended

    def script(trial: Trial) -> Measured | Status:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        return pretrained()(trial)

    claim = bench.claim(started_from())
    with pytest.raises(KeyboardInterrupt):
        settle(bench, claim, script)
    bench.sessions.pop().close()
    judged, _, executor = settle(bench, claim, pretrained())
    assert ran(executor) == [(FIRST, 0), *TRAINED][ended:]
    assert executor.starts == [None, *[WEIGHTS] * 4][ended:]
    assert judged["better"].verdict is not None


def test_one_that_another_process_runs_is_waited_for(bench: Bench) -> None:
    claim = bench.claim(started_from())
    first = first_of(claim)
    there = Store(bench.folder / "store.sqlite")
    there.owner = Owner("elsewhere", 1, "0")
    session, executor = bench.session(pretrained(CLEAR, Status.crashed))
    assert there.acquire(first.hash, session.jobs.identity, 60) is None
    turns = 0

    def notify(now: Progress) -> None:
        nonlocal turns
        turns += 1
        assert turns < 5 or not executor.running or len(executor.starts)
        if turns == 5:
            made = Measured({"top1": 50.0}, artefact=WEIGHTS)
            record = Record(first.hash, Status.ok, made, 0.1)
            there.finish(record, session.jobs.identity, "", first.settings_json)

    session.notify = notify
    judged = session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    there.close()
    assert judged["better"].verdict is not None
    assert ran(executor) == TRAINED
    assert executor.starts == [WEIGHTS] * 4


def test_seeds_in_one_program_start_from_one_artefact(bench: Bench) -> None:
    session, executor = bench.session(pretrained())
    executor.together = 3
    claim = bench.claim(started_from("looks: [3]"))
    judged = session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    assert judged["better"].verdict is not None
    assert ran(executor) == [(FIRST, 0), (2, 0), (2, 1), (2, 2), (3, 0), (3, 1), (3, 2)]
    assert len(executor.limits) == 3, "submissions"
    assert executor.starts == [None, *[WEIGHTS] * 6]


class _Timed(Outlook):
    """The pretraining is known to take an hour, all else a second."""

    def timed(self, trial: Trial) -> float | None:
        return 3600.0 if epochs(trial) == FIRST else 1.0

    seconds = timed


def test_nothing_is_begun_for_which_the_pretraining_leaves_no_time(bench: Bench) -> None:
    effects = f'{BETTER}\n  plain: {{value: c.top1, expect: "< 80"}}'
    claim = bench.claim(started_from(TWO, effects))
    judged, session, executor = settle(bench, claim, pretrained(), time_budget=600.0, outlook=_Timed())
    assert ran(executor) == [(4, 0), (4, 1)]
    assert judged["better"].pending is not None
    session.close()
    bench.sessions.clear()
    settle(bench, claim, pretrained())
    more = bench.claim(started_from("looks: [3]", effects), "more")
    judged, _, _ = settle(bench, more, pretrained(NOISY), time_budget=600.0, outlook=_Timed())
    assert judged["better"].verdict is not None, "it is there by now"


def test_its_time_counts_against_what_needs_it(bench: Bench) -> None:
    """Two cases of the same promise but for the pretraining that one of them waits for."""
    session, _ = bench.session(pretrained(), outlook=_Timed())
    plain = "{a: {}, b: {epochs: 3}}"
    slow, quick = bench.claim(started_from(TWO), "slow"), bench.claim(started_from(TWO, arms=plain), "quick")
    keys = [session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]) for claim in (slow, quick)]
    assert session.ranked() == [keys[1], keys[0]]
    assert [key for key, _ in session.settled()] == [keys[1], keys[0]]
