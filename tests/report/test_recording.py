"""Whose reasons survive a new recording, and under whose name."""

from __future__ import annotations

import datetime
import getpass
import subprocess
from dataclasses import replace
from typing import Any

import pytest

from edgebench.judge.baseline import BaselineEffect, First, derive
from edgebench.judge.expectation import parse_expectation
from edgebench.judge.verdict import Outcome, Verdict, judge_exact, judge_seeds
from edgebench.report import recording
from edgebench.report.recording import _keep_reason, _trial_seconds, carry_first
from edgebench.run.case import Judged
from tests.judge.fixtures import baseline_of


def verdicts() -> list[Verdict]:
    found = [
        judge_exact(0.25, parse_expectation("> 1")),
        judge_exact(-3.0, parse_expectation("> 1")),
        judge_seeds([1.0, 1.125, 1.0625], parse_expectation("> 5"), 0.5, (2, 3)),
        judge_seeds([5.0, -5.5, 1 / 3], parse_expectation("> 0"), 0.5, (2, 3)),
    ]
    assert all(isinstance(each, Verdict) for each in found)
    return [each for each in found if isinstance(each, Verdict)]


@pytest.mark.parametrize("verdict", verdicts())
def test_a_generated_reason_is_renewed_and_a_written_one_kept(verdict: Verdict) -> None:
    old = derive(verdict)
    new = old.model_copy(update={"reason": "numbers of today"})
    assert _keep_reason(new, old).reason == "numbers of today"
    written = old.model_copy(update={"reason": "the network is too small for it"})
    assert _keep_reason(new, written).reason == "the network is too small for it"


def test_a_reason_belongs_to_its_verdict() -> None:
    contradicted = derive(judge_exact(0.0, parse_expectation("> 1"))).model_copy(update={"reason": "by hand"})
    reproduced = derive(judge_exact(2.0, parse_expectation("> 1")))
    assert _keep_reason(reproduced, contradicted) == reproduced
    assert _keep_reason(reproduced, None) == reproduced
    assert replace(judge_exact(2.0, parse_expectation("> 1"))).value == 2.0


@pytest.mark.parametrize(
    ("status", "output", "expected"), [(0, "A. Nobody\n", "A. Nobody"), (1, "", "login"), (0, " \n", "login")]
)
def test_the_author_is_gits_or_the_logins(
    monkeypatch: pytest.MonkeyPatch, status: int, output: str, expected: str
) -> None:
    monkeypatch.setattr(
        subprocess, "run", lambda *a, **k: subprocess.CompletedProcess([], status, stdout=output, stderr="")
    )
    monkeypatch.setattr(getpass, "getuser", lambda: "login")
    assert recording._author() == expected


def test_where_nobody_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*arguments: Any, **options: Any) -> Any:
        raise FileNotFoundError

    def nameless() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(subprocess, "run", missing)
    monkeypatch.setattr(getpass, "getuser", nameless)
    assert recording._author() == "unknown"


THEN, NOW = datetime.date(2026, 1, 31), datetime.date(2026, 3, 1)


def exact(value: float) -> BaselineEffect:
    return derive(judge_exact(value, parse_expectation("> 0")))


def test_the_first_accepted_baseline_is_carried_on() -> None:
    before = baseline_of(gain=exact(1.0))
    second = carry_first(exact(2.0), "gain", before, NOW)
    assert second.first == First(when=THEN, verdict=Outcome.reproduced, value=1.0, tolerance=0.0)
    later = before.model_copy(
        update={"effects": {"gain": second}, "recorded": before.recorded.model_copy(update={"when": NOW})}
    )
    third = carry_first(exact(3.0), "gain", later, datetime.date(2026, 4, 1))
    assert third.first == second.first, "not the last one"
    assert carry_first(exact(1.0), "gain", before, NOW).first == second.first, "its day is kept"
    assert carry_first(exact(1.0), "gain", before, THEN).first is None, "it is the first itself"
    assert carry_first(exact(2.0), "loss", before, NOW).first is None, "a new item"


@pytest.mark.parametrize(
    ("seconds", "cached", "trained", "mean"), [(12.3456, 2, 1, 4.12), (0.0, 0, 1, 0.0), (0.0, 0, 0, None)]
)
def test_the_mean_time_of_a_trial_is_kept(
    seconds: float, cached: int, trained: int, mean: float | None
) -> None:
    effect: Any = None
    judged = Judged(effect, verdicts()[0], cached=cached, trained=trained, seconds=seconds)
    assert _trial_seconds(judged) == mean
