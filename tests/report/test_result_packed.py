"""Results of claims about files, held against baselines of what they are, and of something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.claim.claim import Claim
from edgebench.judge.baseline import derive
from edgebench.judge.baseline_file import dump
from edgebench.judge.expectation import parse_expectation
from edgebench.judge.verdict import judge_exact
from edgebench.report.result import Baselines, Result, assess
from edgebench.run.case import Judged
from tests import roots
from tests.judge.fixtures import baseline_of

CLAIM = """
    claim: The network is small
    where: Table 1
    kind: file
    settings: {model: micronet, input: [2, 1, 8, 8]}
    arms: {it: {}}
    effects:
      params: {value: it.params, expect: "< 100"}
      file: {value: it.bytes.torch, expect: "< 100"}
      ratio: {value: it.bytes.torch / it.model_bytes, expect: "< 100"}
"""


@pytest.fixture
def claim(tmp_path: Path) -> Claim:
    return roots.load(tmp_path / "claims", CLAIM)


def held(folder: Path, claim: Claim, effect: str, now: float, *, packed: bool) -> Result:
    expected = parse_expectation("< 100")
    baseline = baseline_of(**{effect: derive(judge_exact(50.0, expected), packed=packed)})
    baseline = baseline.model_copy(update={"claim": claim.id, "tier": "smoke"})
    path = folder / "baselines" / "smoke" / "demo" / "claim.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(dump(baseline), encoding="utf-8")
    case = claim.cases[0]
    judged = Judged(case.effects[effect], judge_exact(now, expected))
    return assess(claim, case, case.tiers["smoke"], judged, Baselines())


@pytest.mark.parametrize("effect", ["file", "ratio"])
def test_a_size_may_move_a_little(tmp_path: Path, claim: Claim, effect: str) -> None:
    found = held(tmp_path, claim, effect, 51.0, packed=True)
    assert (found.green, found.baseline) == (True, "matches")


def test_a_number_of_parameters_may_not(tmp_path: Path, claim: Claim) -> None:
    found = held(tmp_path, claim, "params", 51.0, packed=False)
    assert (found.green, found.baseline) == (False, "drifted")


@pytest.mark.parametrize(
    ("effect", "packed", "what"),
    [("params", True, "recorded of sizes of files"), ("file", False, "something else than sizes of files")],
)
def test_a_baseline_of_something_else_is_refused(
    tmp_path: Path, claim: Claim, effect: str, packed: bool, what: str
) -> None:
    found = held(tmp_path, claim, effect, 50.0, packed=packed)
    assert (found.green, found.baseline) == (False, "unreadable")
    assert any(what in sentence for sentence in found.said)
