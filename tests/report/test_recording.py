"""Whose reasons survive a new recording, and under whose name."""

from __future__ import annotations

import getpass
import subprocess
from dataclasses import replace
from typing import Any

import pytest

from edgebench.judge.baseline import derive
from edgebench.judge.expectation import parse_expectation
from edgebench.judge.verdict import Verdict, judge_exact, judge_seeds
from edgebench.report import recording
from edgebench.report.recording import _keep_reason


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
