"""Effects of cross-validated arms: the mean over the folds, their values, diverged folds, and the floor."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from edgebench.claim.claim import Claim, Effect, Tier
from edgebench.judge.effects import arms_to_run, below_floor, effect_values, judge_effect
from edgebench.judge.verdict import Outcome, Verdict
from edgebench.run.record import Measured
from tests import roots

CLAIM = """
    claim: Folds differ
    where: Table 1
    settings:
      {{model: micronet, data: digits, epochs: 3, optimiser: {{name: sgd, lr: 0.1}}}}
    arms: {{plain: {{data: {{folds: 3}}}}, other: {{}}}}
    tiers: {{smoke: {{looks: [2, 3], floor: {floor}}}}}
    effects:
      effect: {{value: "{value}", expect: "> 0", margin: 0.5}}
"""
SPREAD = "max(plain.folds.top1) - min(plain.folds.top1)"


def made(folder: Path, value: str, floor: str = "{}") -> tuple[Effect, Claim, Tier]:
    claim = roots.load(folder, textwrap.dedent(CLAIM).format(value=value, floor=floor))
    return claim.cases[0].effects["effect"], claim, claim.cases[0].tiers["smoke"]


def observed(*seeds: tuple[float | None, ...], other: float = 50.0) -> dict[tuple[str, int], Measured]:
    """Accuracies of the folds at each seed, None where one diverged, and of the other arm at all."""
    found = {("other", seed): Measured({"top1": other}) for seed in range(len(seeds))}
    for seed, folds in enumerate(seeds):
        for number, top1 in enumerate(folds, 1):
            diverged = Measured({"params": 5.0}, {}, None, True)
            found[f"plain/{number}", seed] = diverged if top1 is None else Measured({"top1": top1})
    return found


def test_a_metric_is_the_mean_over_the_folds(tmp_path: Path) -> None:
    effect, _, tier = made(tmp_path, "plain.top1 - other.top1")
    assert effect_values(effect, tier, observed((60, 70, 80), (51, 51, 54)), (1, 0)) == [2, 20]


def test_folds_are_read_one_by_one(tmp_path: Path) -> None:
    effect, _, tier = made(tmp_path, SPREAD)
    assert effect_values(effect, tier, observed((60, 70, 85), (51, 51, 54)), range(2)) == [25, 3]


def test_settings_are_those_of_every_fold(tmp_path: Path) -> None:
    effect, _, tier = made(tmp_path, "plain.top1 - plain.settings.data.folds * plain.settings.epochs")
    assert effect_values(effect, tier, observed((60, 70, 80)), (0,)) == [61]


@pytest.mark.parametrize(("value", "expected"), [("plain.top1", 40.0), (SPREAD, 70.0)])
def test_a_diverged_fold_counts_with_its_worst_value(tmp_path: Path, value: str, expected: float) -> None:
    effect, _, tier = made(tmp_path, value)
    assert effect_values(effect, tier, observed((50, None, 70)), (0,)) == [expected]


def test_the_floor_is_for_the_mean_and_against_divergence(tmp_path: Path) -> None:
    _, claim, tier = made(tmp_path, "plain.top1 - other.top1", "{top1: 60}")
    assert below_floor(claim, tier, observed((50, 60, 70), (60, 60, 60)), 2) is None
    low = below_floor(claim, tier, observed((50, 60, 70), (60, 60, 57)), 2)
    assert low == "the reference arm 'plain' has top1 59.5 on average, below its floor of 60"
    lost = below_floor(claim, tier, observed((99, None, None), (99, 99, 99)), 2)
    assert lost == "the reference arm 'plain' diverged at 1 of 2 seeds"


def test_every_fold_is_run_of_an_arm_that_is_read_or_must_reach_a_floor(tmp_path: Path) -> None:
    folds = ("plain/1", "plain/2", "plain/3")
    for value, floor, expected in (
        ("plain.top1", "{}", folds),
        ("other.top1", "{}", ("other",)),
        ("other.top1", "{top1: 1}", (*folds, "other")),
    ):
        effect, claim, tier = made(tmp_path, value, floor)
        assert arms_to_run(effect, claim, tier) == expected


def test_it_is_judged_by_the_seeds_and_not_by_the_folds(tmp_path: Path) -> None:
    effect, claim, tier = made(tmp_path, "plain.top1 - other.top1")
    verdict = judge_effect(effect, claim, tier, observed((10, 90, 80), (20, 85, 75.1)), 2)
    assert isinstance(verdict, Verdict)
    assert (verdict.outcome, verdict.n, len(verdict.values)) == (Outcome.reproduced, 2, 2)
