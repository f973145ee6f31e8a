"""What trials ran on."""

from __future__ import annotations

from edgebench.judge.baseline import BaselineEffect
from edgebench.judge.verdict import Outcome
from edgebench.report.findings.environments import environments_of
from edgebench.report.findings.model import Source
from edgebench.run.record import Record, Status
from tests.judge.fixtures import baseline_of


def record(when: str, python: str = "3.11", **state: object) -> Record:
    facts = {"identity": {"torch": "2.9.0"}, "state": {"when": when, "python": python, "load": 1.0, **state}}
    return Record("x", Status.ok, None, 1.0, environment=dict(facts))


def test_equal_ones_once_with_their_days_and_the_most_used_first() -> None:
    records = [
        record("2026-02-03"),
        record("2026-02-01", load=7),
        record("2026-02-02"),
        record("2026-03-01", "3.12"),
    ]
    often, once = environments_of([records[3], *records[:3]], None)
    assert (often.trials, often.first, often.last) == (3, "2026-02-01", "2026-02-03")
    assert often.environment.facts == {"torch": "2.9.0", "python": "3.11"}
    assert (once.trials, once.environment.facts["python"]) == (1, "3.12")


def test_the_baselines_own_comes_last() -> None:
    effect = BaselineEffect(verdict=Outcome.reproduced, value=1, seeds=(1,), tolerance=0)
    *_, last = environments_of([record("2026-02-03")], baseline_of(gain=effect))
    assert (last.environment.source, last.trials, last.first) == (Source.baseline, 0, "2026-01-31")
    assert last.environment.facts["cpu.model"] == "x"


def test_a_record_that_says_nothing() -> None:
    (seen,) = environments_of([Record("x", Status.ok, None, 1.0)], None)
    assert (seen.trials, seen.first, seen.environment.facts) == (1, "", {})
    assert environments_of([], None) == ()
