"""Effects per seed, diverged arms, and the floor of the reference arm."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.claim.claim import Claim, Effect, Tier
from edgebench.errors import ExpressionError
from edgebench.judge.effects import arms_to_run, below_floor, effect_values, judge_effect
from edgebench.judge.verdict import Outcome, Pending, Verdict
from edgebench.run.record import Measured
from tests import roots

CLAIM = """
    claim: Some arms differ
    where: Table 1
    settings:
      {{model: micronet, data: digits, epochs: 3, batch: 16, optimiser: {{name: sgd, lr: 0.1}}}}
    arms: {{plain: {{}}, other: {{epochs: 5}}, third: {{batch: 8}}}}
    reference: plain
    tiers: {{smoke: {{looks: [2, 3], floor: {floor}}}}}
    effects:
      effect: {{value: "{value}", expect: "> 0", margin: {margin}}}
"""


def made(
    folder: Path, value: str = "plain.top1 - other.top1", floor: str = "{}", margin: float = 0.5
) -> tuple[Effect, Claim, Tier]:
    text = textwrap.dedent(CLAIM).format(value=value, floor=floor, margin=margin)
    claim = roots.load(folder, text)
    return claim.cases[0].effects["effect"], claim, claim.cases[0].tiers["smoke"]


def seeds(**arms: list[Measured | float]) -> dict[tuple[str, int], Measured]:
    """Measurements by arm and seed; a number is an accuracy."""
    return {
        (arm, seed): each if isinstance(each, Measured) else Measured({"top1": float(each)})
        for arm, values in arms.items()
        for seed, each in enumerate(values)
    }


DIVERGED = Measured({"params": 5.0}, {"val_loss": (2.0,), "lr": (0.1,)}, None, True)


def test_arms_are_paired_by_seed(tmp_path: Path) -> None:
    effect, _, tier = made(tmp_path)
    observed = seeds(plain=[90, 80, 70], other=[89, 60, 75])
    assert effect_values(effect, tier, observed, range(3)) == [1, 20, -5]
    assert effect_values(effect, tier, observed, (2, 0)) == [-5, 1]


def test_a_diverged_arm_counts_with_its_worst_value(tmp_path: Path) -> None:
    effect, _, tier = made(tmp_path, "plain.top1 - other.top1 + 0 * other.params")
    assert effect_values(effect, tier, seeds(plain=[90], other=[DIVERGED]), (0,)) == [90]
    effect, _, tier = made(tmp_path, "other.val_loss")
    assert effect_values(effect, tier, seeds(other=[DIVERGED]), (0,)) == [100]


def test_a_diverged_arm_has_not_stopped_early(tmp_path: Path) -> None:
    effect, _, tier = made(tmp_path, "plain.epochs - other.epochs")
    lost = Measured({"epochs": 1.0}, {"val_loss": (2.0,)}, None, True)
    assert effect_values(effect, tier, seeds(plain=[Measured({"epochs": 3.0})], other=[lost]), (0,)) == [-2]


def test_a_diverged_curve_is_filled_up_to_its_length(tmp_path: Path) -> None:
    effect, _, tier = made(tmp_path, "mean(other.curve.val_loss)")
    assert effect_values(effect, tier, seeds(other=[DIVERGED]), (0,)) == [(2 + 4 * 100) / 5]
    effect, _, tier = made(tmp_path, "at(other.curve.val_top1, 1)")
    assert effect_values(effect, tier, seeds(other=[DIVERGED]), (0,)) == [0]


def test_a_diverged_curve_is_the_roughest_not_the_smoothest(tmp_path: Path) -> None:
    effect, _, tier = made(tmp_path, "roughness(other.curve.val_top1)")
    wild = Measured({"top1": 50.0}, {"val_top1": (0.0, 100.0, 0.0, 100.0, 0.0)})
    (lost, rough) = effect_values(effect, tier, seeds(other=[DIVERGED, wild]), (0, 1))
    assert lost >= rough == 200


def test_one_diverged_reference_is_not_averaged_away(tmp_path: Path) -> None:
    _, claim, tier = made(tmp_path, floor="{top1: 40}")
    observed = seeds(plain=[90, 90, DIVERGED])
    assert below_floor(claim, tier, observed, 2) is None
    assert below_floor(claim, tier, observed, 3) == "the reference arm 'plain' diverged at 1 of 3 seeds"


def test_a_metric_that_was_not_measured_is_named(tmp_path: Path) -> None:
    effect, _, tier = made(tmp_path, "plain.val_loss")
    with pytest.raises(ExpressionError, match="arm 'plain' did not measure 'val_loss'"):
        effect_values(effect, tier, seeds(plain=[90]), (0,))
    effect, _, tier = made(tmp_path, "last(plain.curve.lr)")
    with pytest.raises(ExpressionError, match=r"curve\.lr"):
        effect_values(effect, tier, seeds(plain=[90]), (0,))


def test_a_floor_is_held_against_the_seeds_that_the_verdict_uses(tmp_path: Path) -> None:
    effect, claim, tier = made(tmp_path, floor="{top1: 88}")
    observed = seeds(plain=[90, 89, 20], other=[60, 59, 0])
    verdict = judge_effect(effect, claim, tier, observed, 3)
    assert isinstance(verdict, Verdict)
    assert (verdict.outcome, verdict.n) == (Outcome.reproduced, 2)
    assert below_floor(claim, tier, observed, 2) is None
    assert below_floor(claim, tier, observed, 3) is not None


def test_a_floor_is_reached_by_reaching_it(tmp_path: Path) -> None:
    _, claim, tier = made(tmp_path, floor="{top1: 90}")
    assert below_floor(claim, tier, seeds(plain=[91, 89]), 2) is None


def test_a_missed_floor_needs_no_more_seeds(tmp_path: Path) -> None:
    effect, claim, tier = made(tmp_path, floor="{top1: 95}")
    unclear = seeds(plain=[90, 80], other=[80, 90])
    verdict = judge_effect(effect, claim, tier, unclear, 2)
    assert isinstance(verdict, Verdict)
    assert (verdict.outcome, verdict.n, verdict.value) == (Outcome.invalid, 2, None)
    assert verdict.values == (10, -10)
    effect, claim, tier = made(tmp_path)
    assert judge_effect(effect, claim, tier, unclear, 2) == Pending(3)


def test_a_diverged_treatment_loses_and_a_diverged_reference_is_invalid(tmp_path: Path) -> None:
    effect, claim, tier = made(tmp_path, floor="{top1: 50}")
    lost = judge_effect(effect, claim, tier, seeds(plain=[90, 91], other=[DIVERGED, DIVERGED]), 2)
    assert isinstance(lost, Verdict)
    assert (lost.outcome, lost.value) == (Outcome.reproduced, 90.5)
    broken = judge_effect(effect, claim, tier, seeds(plain=[DIVERGED, 91], other=[60, 61]), 2)
    assert isinstance(broken, Verdict)
    assert broken.outcome is Outcome.invalid


def test_a_collapsed_reference_is_invalid_even_where_it_is_divided_by(tmp_path: Path) -> None:
    effect, claim, tier = made(tmp_path, "other.top1 / plain.top1", floor="{top1: 50}")
    observed = seeds(plain=[DIVERGED, DIVERGED], other=[60, 61])
    verdict = judge_effect(effect, claim, tier, observed, 2)
    assert isinstance(verdict, Verdict)
    assert verdict.outcome is Outcome.invalid
    effect, claim, tier = made(tmp_path, "other.top1 / plain.top1")
    with pytest.raises(ExpressionError, match="division by zero"):
        judge_effect(effect, claim, tier, observed, 2)


def test_exact_values_are_judged_by_their_one_value(tmp_path: Path) -> None:
    claim = roots.load(tmp_path, roots.FORMULA)
    effect, tier = claim.cases[0].effects["exact"], claim.cases[0].tiers["smoke"]
    for violations, outcome in ((0.0, Outcome.reproduced), (1.0, Outcome.contradicted)):
        observed = {("rates", 0): Measured({"violations": violations})}
        verdict = judge_effect(effect, claim, tier, observed, 1)
        assert isinstance(verdict, Verdict)
        assert (verdict.outcome, verdict.n, verdict.low) == (outcome, 1, None)


def test_only_the_arms_that_are_read_run_and_the_reference_for_its_floor(tmp_path: Path) -> None:
    effect, claim, tier = made(tmp_path, "third.top1 - other.top1")
    assert arms_to_run(effect, claim, tier) == ("other", "third")
    effect, claim, tier = made(tmp_path, "third.top1 - other.top1", floor="{top1: 1}")
    assert arms_to_run(effect, claim, tier) == ("plain", "other", "third")
    effect, claim, tier = made(tmp_path, floor="{top1: 1}")
    assert arms_to_run(effect, claim, tier) == ("plain", "other")


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=20))
def test_values_are_differences_whatever_the_accuracies(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[float, float]]
) -> None:
    effect, _, tier = made(tmp_path_factory.getbasetemp() / "effects")
    observed = seeds(plain=[a for a, _ in pairs], other=[b for _, b in pairs])
    assert effect_values(effect, tier, observed, range(len(pairs))) == [a - b for a, b in pairs]


TRENDS = """
    claim: Arms differ less with more images
    where: Figure 1
    settings:
      {model: micronet, data: {name: digits, val: 100}, epochs: 3, batch: 16, optimiser: {name: sgd, lr: 0.1}}
    arms: {plain: {}, other: {epochs: 5}}
    tiers: {smoke: {looks: [2, 3]}}
    matrix:
      size:
        few: {settings: {data: {train: 100}}, tiers: {smoke: {floor: {top1: 20}}}}
        more: {settings: {data: {train: 200}}, tiers: {smoke: {floor: {top1: 40}}}}
        many: {settings: {data: {train: 800}}, tiers: {smoke: {floor: {top1: 60}}}}
    effects: {gap: {value: plain.top1 - other.top1, expect: "> 0"}}
    trends: {falls: {effect: gap, along: data.train, expect: "< 0", margin: 0.5}}
"""


class TestTrends:
    @pytest.fixture
    def trend(self, tmp_path: Path) -> tuple[Effect, Claim, Tier]:
        claim = roots.load(tmp_path, TRENDS)
        case = claim.cases[-1]
        return case.effects["falls"], claim, case.tiers["smoke"]

    @staticmethod
    def observed(**cases: list[Measured | float]) -> dict[tuple[str, int], Measured]:
        """Accuracies of `other` by case, 10 below or more; `plain` has 70 everywhere."""
        others = seeds(**{f"other[{case}]": values for case, values in cases.items()})
        return others | seeds(**{f"plain[{case}]": [70.0] * 3 for case in cases})

    def test_are_slopes_for_each_seed(self, trend: tuple[Effect, Claim, Tier]) -> None:
        effect, claim, tier = trend
        assert len(arms_to_run(effect, claim, tier)) == 6
        # The gap against log2(train) - log2(100), which is 0, 1 and 3: lines of slope -3 and -1, and none.
        observed = self.observed(few=[60, 65, 60], more=[63, 66, 70], many=[69, 68, 66])
        values = effect_values(effect, tier, observed, range(3))
        assert values == pytest.approx([-3, -1, np.polyfit([0, 1, 3], [10, 0, 4], 1)[0]])
        verdict = judge_effect(effect, claim, tier, observed, 2)
        assert verdict == Pending(3)

    def test_a_diverged_arm_counts_with_its_worst_value(self, trend: tuple[Effect, Claim, Tier]) -> None:
        effect, _, tier = trend
        observed = self.observed(few=[DIVERGED], more=[70], many=[70])
        assert effect_values(effect, tier, observed, (0,)) == pytest.approx(
            [np.polyfit([0, 1, 3], [70, 0, 0], 1)[0]]
        )

    def test_the_reference_of_every_case_must_reach_its_own_floor(
        self, trend: tuple[Effect, Claim, Tier]
    ) -> None:
        effect, claim, tier = trend
        observed = self.observed(few=[60, 60], more=[63, 63], many=[69, 69])
        verdict = judge_effect(effect, claim, tier, observed, 2)
        assert isinstance(verdict, Verdict)
        assert verdict.outcome is Outcome.reproduced
        observed |= seeds(**{"plain[few]": [30, 30], "plain[more]": [50, 20]})
        lost = judge_effect(effect, claim, tier, observed, 2)
        assert isinstance(lost, Verdict)
        assert lost.outcome is Outcome.invalid
        said = "the reference arm 'plain[more]' has top1 35 on average, below its floor of 40"
        assert below_floor(claim, tier, observed, 2) == said
        observed |= seeds(**{"plain[few]": [30, DIVERGED]})
        assert (
            below_floor(claim, tier, observed, 2) == "the reference arm 'plain[few]' diverged at 1 of 2 seeds"
        )
