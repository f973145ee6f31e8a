"""What is doubtful about a valid claim; and that this repository's own claims explain it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.claim.catalogue import load_catalogue
from edgebench.claim.claim import Claim
from edgebench.claim.problems import Problem
from edgebench.judge.baseline import Baseline
from edgebench.judge.lint import lint
from edgebench.report.result import Baselines
from tests import roots

CLAIMS = Path(__file__).parents[2] / "claims"


def stored(seeds: tuple[float, ...], verdict: str) -> Baseline:
    mean = sum(seeds) / len(seeds)
    effect = {
        "verdict": verdict, "reason": "so it was", "value": mean, "interval": (mean - 9, mean + 9),
        "seeds": seeds, "tolerance": 0.0,
    }  # fmt: skip
    recorded = {"by": "A. Reviewer", "when": "2026-01-31", "why": "a test"}
    return Baseline.model_validate(
        {"claim": "demo/trained", "tier": "smoke", "recorded": recorded, "effects": {"gain": effect}}
    )


def warnings(tmp_path: Path, text: str, baseline: Baseline | None = None) -> list[Problem]:
    claim = roots.load(tmp_path, text)
    return lint(claim, lambda of, tier: baseline if tier == "smoke" else None)


def replaced(old: str, new: str) -> str:
    assert roots.TRAINED.count(old) == 1
    return roots.TRAINED.replace(old, new)


def test_a_claim_in_order(tmp_path: Path) -> None:
    assert warnings(tmp_path, roots.TRAINED) == []
    assert warnings(tmp_path, roots.TRAINED, stored((2, 3, 4, 5), "reproduced")) == []


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ('"> -100", margin: 0', None),
        ('"> -101", margin: 0.5', "always holds"),
        ('"> 99.6", margin: 0.5', "never holds"),
    ],
)  # fmt: skip
def test_what_holds_by_construction(tmp_path: Path, expect: str, said: str | None) -> None:
    found = warnings(tmp_path, replaced('"> 0", margin: 0.5', expect))
    if said is None:
        assert found == []
        return
    (problem,) = found
    assert f"'gain' {said}, whatever is measured: 'plain.top1 - slow.top1'" in problem.message
    assert (problem.mark.line, problem.mark.column) == (17, 3)


def test_an_expectation_that_can_hardly_fail(tmp_path: Path) -> None:
    (problem,) = warnings(tmp_path, roots.TRAINED, stored((80, 80.5, 81, 80.5), "reproduced"))
    assert "'gain' can hardly fail: what was measured lies 196 standard deviations" in problem.message
    for seeds, verdict in (
        ((80, 90, 85, 70), "reproduced"),  # far, but so is every seed from the next
        ((80, 80.5, 81, 80.5), "contradicted"),
        ((80, 80, 80, 80), "reproduced"),  # exact: there is no noise to measure it by
    ):
        assert warnings(tmp_path, roots.TRAINED, stored(seeds, verdict)) == []


def test_what_the_seeds_cannot_show(tmp_path: Path) -> None:
    noisy = stored((-20, 30, 10, -15), "inconclusive")
    (problem,) = warnings(tmp_path, roots.TRAINED, noisy)
    assert "'gain' asks for more than its seeds can show" in problem.message
    assert "the published value lies 2.5 inside the limit, the interval after 4 seeds" in problem.message
    (problem,) = warnings(tmp_path, replaced("published: 3", "published: 0.2"), noisy)
    assert "its margin or band is 0.5," in problem.message
    assert warnings(tmp_path, roots.TRAINED, stored((-20, 30, 10, -15), "contradicted")) == [], "decided"
    assert warnings(tmp_path, replaced("published: 3", "published: 90"), noisy) == []
    assert warnings(tmp_path, replaced("margin: 0.5, published: 3", "margin: 0"), noisy) == []


def test_arms_that_do_not_differ(tmp_path: Path) -> None:
    overridden = replaced("short: {", "short: {arms: {slow: {optimiser: {lr: 0.05}}}, ")
    (problem,) = warnings(tmp_path, overridden)
    assert "'gain' compares 'plain' with 'slow', which do not differ at tier short" in problem.message


@pytest.mark.parametrize(
    ("where", "is_place"), [("Appendix B", True), ("p. 4", True), ("TODO", False), ("paper", False)]
)
def test_a_claim_without_its_place(tmp_path: Path, where: str, is_place: bool) -> None:
    found = warnings(tmp_path, replaced("where: Figure 3", f"where: {where}"))
    assert [(problem.mark.line, problem.mark.column) for problem in found] == ([] if is_place else [(2, 1)])


def test_a_stated_exception_is_left_out(tmp_path: Path) -> None:
    text = replaced("where: Figure 3", "where: TODO\n    lint: {where: the paper is not out yet}")
    assert warnings(tmp_path, text) == []
    assert len(warnings(tmp_path, text, stored((-20, 30, 10, -15), "inconclusive"))) == 1, "another rule"


def test_cases_of_a_matrix_are_one_warning(tmp_path: Path) -> None:
    text = roots.TRAINED + "    matrix:\n      batch: [8, 16, 32]\n"
    (problem,) = warnings(tmp_path, text.replace('"> 0"', '"> -101"'))
    assert "'gain[batch=8]' always holds" in problem.message
    assert problem.message.endswith("; likewise gain[batch=16], gain[batch=32]")


CATALOGUE = load_catalogue([CLAIMS])


@pytest.mark.parametrize("claim", CATALOGUE.claims, ids=lambda claim: claim.id)
def test_claims_of_this_repository_explain_themselves(claim: Claim) -> None:
    assert [str(problem) for problem in lint(claim, Baselines().get)] == []
