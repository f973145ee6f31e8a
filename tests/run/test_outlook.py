"""What store and baselines say of work to come."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.claim.claim import Claim
from edgebench.errors import BaselineError
from edgebench.judge.baseline import Baseline
from edgebench.run.outlook import Prospect, StoredOutlook, elsewhere
from edgebench.run.store import Store
from edgebench.run.trial import trials_of
from tests import roots
from tests.run.bench import CLEAR, NOISY, text, top1
from tests.run.stocked import IDENTITY, baseline_of, stock

SEEDS = (1.0, 2.0, 1.5, 0.5, 1.2, 0.9)


@pytest.fixture
def claim(tmp_path: Path) -> Claim:
    return roots.load(tmp_path / "claims", text())


def outlook(store: Store | None, baseline: Baseline | None = None) -> StoredOutlook:
    return StoredOutlook(store, IDENTITY, lambda claim, tier: baseline)


def prospect(claim: Claim, found: StoredOutlook, key: str = "better") -> Prospect:
    case = claim.cases[0]
    return found.prospect(claim, case, case.tiers["smoke"], case.effects[key])


def decided(claim: Claim, found: StoredOutlook, looks: tuple[int, ...]) -> list[float]:
    case = claim.cases[0]
    return list(found.decided(claim, case, case.tiers["smoke"], case.effects["better"], looks))


def test_nothing_is_known(claim: Claim) -> None:
    found = outlook(None)
    seen = prospect(claim, found)
    assert (seen.seeds, seen.verdict, seen.forecast, seen.remarks) == (0, None, None, ())
    assert [trial.seed for trial in seen.trials] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert found.seconds(seen.trials[0]) is None
    assert decided(claim, found, (2, 4, 6))[-1] == 1


def test_only_seeds_without_a_gap_count(claim: Claim, tmp_path: Path) -> None:
    stock(tmp_path / "s", claim, CLEAR, "a", [0, 1, 2, 4]).close()
    store = stock(tmp_path / "s", claim, CLEAR, "b", [0, 1, 4])
    seen = prospect(claim, outlook(store))
    assert seen.seeds == 2
    assert seen.verdict is not None, "two of them decide at the first look"
    assert seen.verdict.n == 2
    store.close()


def test_open_after_the_first_look(claim: Claim, tmp_path: Path) -> None:
    store = stock(tmp_path / "s", claim, NOISY, "ab", range(3))
    found = outlook(store)
    seen = prospect(claim, found)
    assert (seen.seeds, seen.verdict) == (3, None)
    assert seen.forecast is not None
    assert seen.forecast.decided[0] == 0
    assert seen.forecast.inconclusive > 0.5
    assert decided(claim, found, (4, 6)) == list(seen.forecast.decided[1:])
    assert decided(claim, found, (6,)) == [1]
    store.close()


def test_verdicts_are_those_of_the_looks(claim: Claim, tmp_path: Path) -> None:
    """After 3 seeds the first look, at 2, counts, not the three."""
    turning = top1(a=lambda seed: 90.0 + (0.1 * seed if seed < 2 else -50), b=lambda seed: 80.0)
    store = stock(tmp_path / "s", claim, turning, "ab", range(3))
    found = outlook(store)
    verdict = prospect(claim, found).verdict
    assert verdict is not None
    assert (verdict.n, verdict.outcome) == (2, "reproduced")
    assert decided(claim, found, (2, 4, 6)) == [1, 1, 1]
    store.close()


def test_a_baseline_gives_values_and_time(claim: Claim) -> None:
    found = outlook(None, baseline_of(claim, SEEDS, seconds=7.5))
    seen = prospect(claim, found)
    assert seen.forecast is not None
    assert seen.forecast.reproduced > 0.3
    cost = found.cost(seen.trials[0])
    assert cost is not None
    assert (cost.seconds, cost.source) == (7.5, "recorded")


def test_the_store_knows_times_better_than_the_baseline(claim: Claim, tmp_path: Path) -> None:
    for old in (False, True):
        store = stock(tmp_path / f"s{old}", claim, NOISY, "a", [0], old=old)
        found = outlook(store, baseline_of(claim, SEEDS, seconds=7.5))
        trials = prospect(claim, found).trials
        costs = [found.cost(trial) for trial in trials[2:4]]
        assert costs[0] is not None
        assert costs[1] is not None
        assert (costs[0].seconds, costs[0].source) == (10.0, "timed")
        # As long as 3 1/3 epochs are next to 2 1/3: the same network and images for one epoch more.
        assert (costs[1].seconds, costs[1].source) == (
            pytest.approx(10 * (3 + 1 / 3) / (2 + 1 / 3)),
            "similar",
        )
        store.close()


def test_an_unusable_baseline_is_said_and_goes_without(claim: Claim) -> None:
    def broken(claim: Claim, tier: str) -> Baseline | None:
        raise BaselineError("it is no baseline")

    seen = prospect(claim, StoredOutlook(None, IDENTITY, broken))
    assert seen.remarks == ("it is no baseline",)
    assert seen.forecast is None


def test_values_that_cannot_be_computed_are_said(tmp_path: Path) -> None:
    effects = 'better: {value: a.top1 / b.top1, expect: "> 1", margin: 0.1}'
    claim = roots.load(tmp_path / "claims", text(effects=effects))
    store = stock(tmp_path / "s", claim, top1(a=lambda s: 9.0 + s, b=lambda s: 1.0 - s), "ab", range(2))
    seen = prospect(claim, outlook(store))
    assert (seen.verdict, seen.forecast) == (None, None)
    assert "zero" in seen.remarks[0]
    store.close()


def test_a_reference_below_its_floor_is_invalid_at_once(tmp_path: Path) -> None:
    claim = roots.load(
        tmp_path / "claims",
        text("looks: [2, 4], floor: {top1: 95}").replace("effects:", "reference: a\neffects:"),
    )
    store = stock(tmp_path / "s", claim, NOISY, "ab", range(2))
    verdict = prospect(claim, outlook(store)).verdict
    assert verdict is not None
    assert verdict.outcome == "invalid"
    store.close()


def test_exact_quantities_have_no_forecast(tmp_path: Path) -> None:
    claim = roots.load(tmp_path / "claims", roots.FORMULA)
    found = outlook(None)
    seen = prospect(claim, found, "exact")
    assert (len(seen.trials), seen.seeds, seen.verdict, seen.forecast) == (1, 0, None, None)


def test_trials_are_those_that_a_session_asks_for(claim: Claim) -> None:
    tier = claim.cases[0].tiers["smoke"]
    wanted = [trial.hash for _, trial in trials_of(claim, tier, ("a", "b"), range(6))]
    assert [trial.hash for trial in prospect(claim, outlook(None)).trials] == wanted


def test_values_from_elsewhere_count_once(claim: Claim) -> None:
    stored = baseline_of(claim, SEEDS).effects["better"]
    assert elsewhere((), None) == ()
    assert elsewhere((), stored) == SEEDS
    assert elsewhere((1.0, 2.0 + 1e-12), stored) == SEEDS[2:], "recorded here: the same trials"
    assert elsewhere((*SEEDS, 1.0), stored) == ()
    assert elsewhere((1.0, 2.1), stored) == SEEDS, "another machine"
    assert elsewhere((9.0, 9.5), stored) == (), "another claim, by now"
    exact = stored.model_copy(update={"interval": None})
    assert elsewhere((), exact) == ()
