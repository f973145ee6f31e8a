"""The whole audit: this repository's own suite stands it, and a broken judge does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgebench.judge import statistics, verdict
from edgebench.judge.audit import mutation, subject
from edgebench.judge.audit.audit import Audit, audit
from edgebench.judge.audit.mutation import KINDS, Fate
from edgebench.judge.audit.simulation import simulate
from edgebench.judge.audit.splits import LIMIT, splits
from edgebench.judge.audit.subject import Subject
from edgebench.judge.expectation import Expectation
from edgebench.judge.verdict import Outcome
from tests.judge.audit.fixtures import audited, noise, trained


@pytest.fixture(scope="module")
def found(own_suite: list[Subject]) -> Audit:
    return audit(own_suite)


def test_the_suite_has_no_vacuous_effect_and_the_judge_decides_seldom_enough(found: Audit) -> None:
    assert found.failures() == []
    assert found.splits is not None
    assert found.splits.overall.rate <= LIMIT
    assert found.splits.overall.effects > 300
    assert found.splits.halves is not None
    assert found.splits.halves.rate < 2
    assert len(found.mutated) > 500
    assert found.vacuous == ()


def test_every_effect_is_mutated_in_every_way_that_it_allows(found: Audit) -> None:
    fates = found.fates()
    assert set(fates) == set(KINDS)
    for kind in ("direction", "margin", "possible values"):
        assert fates[kind].total() == len(found.mutated)
        assert fates[kind][Fate.unknown] == 0
    for kind in ("arms swapped", "arms alike"):
        assert fates[kind][Fate.changed] > 300
        assert fates[kind][Fate.unknown] < 30
    assert fates["metric"][Fate.changed] > 50
    assert fates["arm"][Fate.changed] > 50


def test_stored_values_are_judged_as_recorded(found: Audit) -> None:
    assert [each.subject.name for each in found.mutated if each.stale] == []


def test_the_intervals_cover_what_they_say(found: Audit) -> None:
    for coverage in found.simulated.coverage:
        rates = {missed.noise.partition(" ")[0]: missed.rate for missed in coverage.missed}
        assert rates["normal"] == pytest.approx(5.0, abs=0.35)
        assert rates["heavy-tailed"] <= LIMIT
        assert rates["rounded"] <= LIMIT
        assert coverage.coarsest >= 0.3


def test_a_judge_that_does_not_split_its_level_is_caught(
    own_suite: list[Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (statistics, verdict):
        monkeypatch.setattr(module, "pocock_level", lambda looks, alpha=0.05: alpha)
    rates = splits([each for each in own_suite if each.tier.looks == (5, 10)])
    assert rates is not None
    assert rates.by_looks[5, 10].above
    assert rates.disagreements == 0, "both ways of judging are broken alike"
    (coverage,) = simulate([each for each in own_suite if each.tier.looks == (5, 10)], 4000).coverage
    assert all(missed.above for missed in coverage.missed if missed.noise in ("normal", "rounded"))


def test_a_judge_that_goes_its_own_way_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = trained(tmp_path, '{value: plain.top1 - slow.top1, expect: "> 0"}')
    subjects = audited(claim, {"gain": noise(5, seed=1, mean=9)})
    assert audit(subjects).failures() == []
    # Four times the level for real verdicts alone: the rates would not notice.
    monkeypatch.setattr(verdict, "pocock_level", lambda looks: 0.2)
    (said,) = audit(subjects).failures()
    assert "otherwise than the rules" in said


def test_a_judge_that_is_blind_to_directions_or_margins_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = trained(tmp_path, '{value: plain.top1 - slow.top1, expect: "> 0", margin: 0.5}')
    (one,) = audited(claim, {"gain": noise(5, seed=1, mean=9)})
    decide = verdict._decide

    def either_way(low: float, high: float, expect: Expectation, margin: float) -> Any:
        found = decide(low, high, expect, margin)
        far = found is not None and found[1] is verdict.Subtype.reversed
        return (Outcome.reproduced, None) if far else found

    monkeypatch.setattr(verdict, "_decide", either_way)
    kinds = {mutant.kind for mutant in mutation.mutate(one, []).survivors}
    assert kinds == {"direction", "arms swapped"}
    monkeypatch.setattr(verdict, "_decide", lambda low, high, expect, margin: decide(low, high, expect, 0.0))
    assert {mutant.kind for mutant in mutation.mutate(one, []).survivors} == {"margin"}


def test_what_a_claim_explains_is_told_and_is_no_failure(tmp_path: Path) -> None:
    effect = '{value: slow.top1, expect: "> -1"}'
    (one,) = audited(trained(tmp_path, effect), {"gain": noise(5, seed=1, mean=50)})
    failing = audit([one])
    assert [each.subject.effect.key for each in failing.vacuous] == ["gain"]
    (said,) = failing.failures()
    assert said.startswith("demo/claim::gain at smoke is vacuous under 'possible values'")
    (other,) = audited(
        trained(tmp_path, effect, lint="{vacuous: for a test}"), {"gain": noise(5, seed=1, mean=50)}
    )
    explained = audit([other])
    assert (explained.failures(), len(explained.explained)) == ([], 1)


def test_nothing_but_exact_effects(own_suite: list[Subject]) -> None:
    few = [each for each in own_suite if each.exact][:5]
    found = audit(few)
    assert (found.splits, found.tails, found.simulated.coverage) == (None, None, ())
    assert found.failures() == []
    assert subject.edge(few[0].effect.expect, few[0].effect.margin) is not None
