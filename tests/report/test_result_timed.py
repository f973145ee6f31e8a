"""Results of claims about latency: what they were timed on, and how they stand to their baselines."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.claim.claim import Claim
from edgebench.judge.baseline import derive
from edgebench.judge.baseline_file import dump
from edgebench.judge.verdict import Verdict
from edgebench.report.result import Baselines, Result, assess
from edgebench.report.tables import state_of
from edgebench.run.case import Judged
from tests import roots
from tests.judge.fixtures import baseline_of, verdict_of

CLAIM = """
    claim: One is quicker than the other
    where: Table 6
    kind: latency
    settings: {model: micronet, input: [2, 1, 8, 8], rounds: 3, threads: THREADS}
    arms: {slow: {model: {width: 2}}, quick: {}}
    tiers: {smoke: {looks: [5]}}
    effects:
      quicker: {value: slow.step_ms / quick.step_ms, expect: "> 1.8"}
"""
HERE: dict[str, str | int] = {"device": "cpu", "processor": "A Chip, cpu family 6", "threads": 1}
GPU: dict[str, str | int] = {"device": "cuda", "processor": "A Chip", "gpu": "A Board", "threads": 1}
DECIDED = [1.82, 1.83, 1.84, 1.82, 1.83]
OPEN = [1.7, 1.95, 1.75, 1.9, 1.85]


def claim_in(folder: Path, threads: int = 1) -> Claim:
    return roots.load(folder / "claims", CLAIM.replace("THREADS", str(threads)))


def verdict(values: list[float]) -> Verdict:
    return verdict_of(values, "> 1.8", 0.0)


def record(folder: Path, claim: Claim, values: list[float], *, timed: bool = True) -> None:
    baseline = baseline_of(quicker=derive(verdict(values), timed=timed))
    baseline = baseline.model_copy(update={"claim": claim.id, "tier": "smoke", "environment": dict(HERE)})
    path = folder / "baselines" / "smoke" / "demo" / "claim.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(dump(baseline), encoding="utf-8")


def result(claim: Claim, values: list[float], identity: dict[str, str | int]) -> Result:
    case = claim.cases[0]
    judged = Judged(case.effects["quicker"], verdict(values), identity=identity)
    return assess(claim, case, case.tiers["smoke"], judged, Baselines())


@pytest.mark.parametrize(
    ("identity", "threads", "label", "sentence"),
    [
        (HERE, 1, "cpu, 1 thread", "timed on cpu (A Chip) with 1 thread"),
        (HERE, 2, "cpu, 2 threads", "timed on cpu (A Chip) with 2 threads"),
        (GPU, 1, "cuda, 1 thread", "timed on cuda (A Board) with 1 thread"),
    ],
)
def test_it_says_what_it_was_timed_on(
    tmp_path: Path, identity: dict[str, str | int], threads: int, label: str, sentence: str
) -> None:
    found = result(claim_in(tmp_path, threads), DECIDED, identity)
    assert found.label == f"reproduced · proxy · {label}"
    assert sentence in found.said


def test_within_the_noise_of_one_machine_is_green_and_marked(tmp_path: Path) -> None:
    claim = claim_in(tmp_path)
    record(tmp_path, claim, DECIDED)
    found = result(claim, OPEN, HERE)
    assert (found.green, found.baseline) == (True, "noisy")
    assert "≈ within noise" in state_of(found)
    there = result(claim, OPEN, GPU)
    assert (there.green, there.baseline) == (True, "compatible")
    assert "≈ other machine" in state_of(there)


def test_a_baseline_of_something_else_than_times_is_refused(tmp_path: Path) -> None:
    claim = claim_in(tmp_path)
    record(tmp_path, claim, DECIDED, timed=False)
    found = result(claim, DECIDED, HERE)
    assert (found.green, found.baseline) == (False, "unreadable")
    assert any("was recorded of something else than times" in each for each in found.said)
