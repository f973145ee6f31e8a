"""The time budget: nothing is started that does not fit, and what has no verdict is pending."""

from __future__ import annotations

import time

import pytest

from edgebench.errors import SettingsError
from edgebench.run.jobs import Progress
from edgebench.run.options import duration
from edgebench.run.order import Outlook
from edgebench.run.session import Session
from edgebench.run.trial import Trial
from tests.run.bench import ALSO, BETTER, CLEAR, Bench, text, top1
from tests.run.scripted import Script, Scripted


class _Slow(Outlook):
    """Every trial is thought to take an hour; `here` is what equal ones took on this machine."""

    def __init__(self, here: float | None) -> None:
        self.here = here

    def seconds(self, trial: Trial) -> float | None:
        return 3600.0

    def timed(self, trial: Trial) -> float | None:
        return self.here


def ended_after(trials: int, script: Script, bench: Bench) -> tuple[Session, Scripted]:
    """A session whose budget ends while so many trials have been run."""
    session, executor = bench.session(script, time_budget=3600.0)

    def watch(now: Progress) -> None:
        if now.finished + len(now.running) > trials:
            session._deadline = time.monotonic()

    session.notify = watch
    return session, executor


def test_what_has_no_verdict_by_the_end_is_pending(bench: Bench) -> None:
    claim = bench.claim(text(tier="looks: [20]"))
    session, executor = ended_after(4, CLEAR, bench)
    judged = session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))["better"]
    assert (judged.verdict, judged.failure) == (None, None)
    assert judged.pending == (
        "the time budget ended: 5 of the 40 trials of its next look (20 seeds) are there"
    )
    assert not executor.running
    assert session.store.rows("SELECT count(*) FROM lease", ()) == [(0,)]


def test_what_still_runs_is_stopped_and_given_back(bench: Bench) -> None:
    claim = bench.claim(text(tier="looks: [2]"))
    session, executor = ended_after(0, CLEAR, bench)
    executor.wait = lambda seconds: []  # type: ignore[method-assign]
    judged = session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))["better"]
    assert judged.pending is not None
    assert len(executor.started) == 1
    assert not executor.running
    assert session.store.rows("SELECT count(*) FROM lease", ()) == [(0,)]


def test_the_next_run_goes_on_from_there(bench: Bench) -> None:
    claim = bench.claim(text(tier="looks: [6]"))
    session, _ = ended_after(4, CLEAR, bench)
    session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    session.close()
    bench.sessions.clear()
    judged, ran = bench.settled(claim, CLEAR)
    assert judged["better"].verdict is not None
    assert len(ran) == 12 - 5


def test_what_does_not_fit_is_not_started(bench: Bench) -> None:
    claim = bench.claim(text())
    session, executor = bench.session(CLEAR, time_budget=600.0, outlook=_Slow(3600.0))
    started = time.monotonic()
    judged = session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    assert judged["better"].pending == (
        "the time budget is too short for its trials, which take about 3.6e+03 s here: "
        "0 of the 4 trials of its next look (2 seeds) are there"
    )
    assert executor.started == []
    assert time.monotonic() - started < 5, "and it is not waited for either"


def test_what_others_say_of_its_length_keeps_no_trial_from_being_tried(bench: Bench) -> None:
    claim = bench.claim(text())
    session, _ = bench.session(CLEAR, time_budget=600.0, outlook=_Slow(None))
    judged = session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    assert judged["better"].verdict is not None


def test_verdicts_on_finished_trials_need_no_time(bench: Bench) -> None:
    claim = bench.claim(text())
    bench.settled(claim, CLEAR)
    session, _ = bench.session(CLEAR, time_budget=1e-9)
    judged = session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    assert judged["better"].verdict is not None


def test_an_effect_that_was_decided_keeps_its_verdict(bench: Bench) -> None:
    """`also` is clear after two seeds; `better` would need more than there is time for."""
    claim = bench.claim(text(effects=f"{BETTER}\n  {ALSO}"))
    script = top1(a=lambda seed: 90.0, b=lambda seed: 90 + 5 * (-1) ** seed, c=lambda seed: 20 + seed / 10)
    session, _ = ended_after(8, script, bench)
    judged = session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    assert judged["also"].verdict is not None
    assert judged["better"].verdict is None
    assert judged["better"].pending is not None


def test_cases_that_were_not_asked_for_are_pending_too(bench: Bench) -> None:
    one, other = bench.claim(text(), "one"), bench.claim(text(arms="{a: {}, b: {epochs: 4}}"), "other")
    session, _ = ended_after(1, CLEAR, bench)
    for claim in (one, other):
        session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"])
    settled = dict(session.settled())
    assert len(settled) == 2
    assert all(judged["better"].pending for judged in settled.values())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("30m", 1800),
        ("30 min", 1800),
        ("1.5h", 5400),
        ("1h30m", 5400),
        (".5h", 1800),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "30x",
        "-5m",
        "m",
        "0",
        "1h-30m",
        "nan",
        "inf",
        "10 5",
        "1.5.5",
        "3 0m",
        "1 0 m",
        "1h1h",
        "30m1h",
    ],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(SettingsError):
        duration(text)
