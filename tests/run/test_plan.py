"""The plan against what a session then really runs."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from edgebench.claim.claim import Claim
from edgebench.judge.baseline import Baseline
from edgebench.run.options import Options
from edgebench.run.plan import Plan, plan
from edgebench.run.store import Store
from edgebench.run.trial import seed_value, trials_of
from tests import roots
from tests.run.bench import ALSO, BETTER, CLEAR, NOISY, Bench, text, top1
from tests.run.scripted import Script
from tests.run.stocked import baseline_of, stock

BOTH = f"{BETTER}\n  {ALSO}"
SPREAD = (0.2, 1.4, 0.9, 0.3, 1.6, 0.6)


@pytest.fixture
def claim(tmp_path: Path) -> Claim:
    return roots.load(tmp_path / "claims", text())


def planned(
    claims: Sequence[Claim], store: Store | None = None, baseline: Baseline | None = None, workers: int = 1
) -> Plan:
    return plan(claims, Options(workers=workers), store, lambda claim, tier: baseline)


def test_without_a_store_all_is_to_run_and_nothing_is_known(claim: Claim) -> None:
    made = planned([claim])
    (item,) = made.items
    assert [(look.seeds, len(look.missing), look.seconds) for look in item.looks] == [
        (2, 4, None),
        (4, 8, None),
        (6, 12, None),
    ]
    assert (item.seeds, item.forecast, item.seconds, item.inconclusive) == (0, None, None, None)
    assert (made.cached, made.spared, made.shared) == (0, 0, {})
    assert (made.next.trials, made.expected.trials, made.most.trials) == (4, 12, 12)
    assert (made.most.seconds, made.most.unknown) == (0, 12)


def test_a_verdict_of_the_store_needs_nothing(claim: Claim, tmp_path: Path) -> None:
    store = stock(tmp_path / "s", claim, CLEAR, "ab", range(2))
    made = planned([claim], store)
    (item,) = made.items
    assert item.verdict is not None
    assert (item.verdict.outcome, item.looks, item.inconclusive, item.seconds) == ("reproduced", (), 0, 0)
    assert (made.cached, made.most.trials, len(made.trials)) == (4, 0, 4), "later seeds are not asked for"
    store.close()


def test_what_is_missing_and_what_it_costs(claim: Claim, tmp_path: Path) -> None:
    """Two arms; seeds 0 to 2 are there, and one arm's fifth."""
    stock(tmp_path / "s", claim, NOISY, "a", [4]).close()
    store = stock(tmp_path / "s", claim, NOISY, "ab", range(3))
    made = planned([claim], store, workers=2)
    (item,) = made.items
    assert item.seeds == 3
    assert [(look.seeds, len(look.missing), look.seconds) for look in item.looks] == [
        (4, 2, 20.0),
        (6, 5, 50.0),
    ]
    assert item.sources == {"timed"}
    assert (made.cached, made.next.trials, made.most.trials) == (7, 2, 5)
    assert (made.next.seconds, made.most.seconds) == (10.0, 25.0)
    assert item.forecast is not None
    _, after = item.reach
    assert after == 1 - item.forecast.decided[1]
    assert item.seconds == pytest.approx(20 + 30 * after)
    assert made.expected.trials == pytest.approx(2 + 3 * after)
    assert made.inconclusive == item.forecast.inconclusive
    store.close()


def test_no_run_is_shorter_than_its_longest_trial(claim: Claim, tmp_path: Path) -> None:
    store = stock(tmp_path / "s", claim, NOISY, "ab", range(3))
    assert planned([claim], store, workers=50).most.seconds == 10.0
    store.close()


def test_trials_are_counted_once_however_many_share_them(tmp_path: Path) -> None:
    first = roots.load(tmp_path / "claims", text(effects=BOTH), "first")
    other = roots.load(tmp_path / "claims", text(effects=BETTER.replace("better", "same")), "second")
    made = planned([first, other])
    assert [len(item.looks[-1].missing) for item in made.items] == [12, 12, 12]
    assert made.most.trials == 18, "three arms of six seeds"
    assert made.shared == {("demo/first", "demo/second"): 12}
    assert made.spared == 12


def test_shared_trials_are_probably_run_when_one_of_two_effects_stays_open(tmp_path: Path) -> None:
    claim = roots.load(tmp_path / "claims", text(effects=BOTH))
    stored = baseline_of(claim, SPREAD)
    both = Baseline(
        **{**dict(stored), "effects": dict.fromkeys(("better", "also"), stored.effects["better"])}
    )
    made = planned([claim], None, both)
    better, also = made.items
    assert better.reach == also.reach
    p, q = better.reach[1:]
    # Arm a is read by both, b and c by one of them each; two seeds for each look.
    expected = 2 * 3 + 2 * (p + p + 1 - (1 - p) ** 2) + 2 * (q + q + 1 - (1 - q) ** 2)
    assert made.expected.trials == pytest.approx(expected)


@pytest.mark.parametrize("script", [CLEAR, NOISY], ids=["clear", "noisy"])
def test_a_session_then_runs_what_was_planned(bench: Bench, script: Script) -> None:
    claim = bench.claim(text(effects=BOTH))
    made = planned([claim])
    judged, ran = bench.settled(claim, script)
    assert made.next.trials <= len(ran) <= made.most.trials
    store = Store(bench.folder / "store.sqlite")
    after = planned([claim], store)
    assert after.cached == len(ran)
    assert after.most.trials == 0
    assert {item.name: item.verdict for item in after.items} == {
        name: each.verdict for name, each in judged.items()
    }
    store.close()


def test_expected_trials_are_those_that_are_run_on_average(bench: Bench) -> None:
    """A baseline so long that mean and spread are known: sessions need about as many trials as was foreseen."""
    claim = bench.claim(text())
    source = random.Random(seed_value(0))
    values = tuple(0.9 + 0.6 * each for each in (-1.5, -1, -0.6, -0.2, 0, 0.2, 0.6, 1, 1.5) * 20)
    foreseen = planned([claim], None, baseline_of(claim, values)).expected.trials
    spread = (sum((v - 0.9) ** 2 for v in values) / (len(values) - 1)) ** 0.5
    counts = []
    for run in range(150):
        drawn = [source.gauss(0.9, spread) for _ in range(6)]
        script = top1(a=lambda seed, drawn=drawn: 50 + drawn[seed], b=lambda seed: 50.0)  # type: ignore[misc]
        other = Bench(bench.folder / f"run{run}")
        counts.append(len(other.settled(claim, script)[1]))
        other.sessions[0].close()
    assert foreseen == pytest.approx(sum(counts) / len(counts), abs=4 * 4 / 150**0.5)


def test_a_missing_dataset_stops_no_other_claim(claim: Claim, tmp_path: Path) -> None:
    lost = roots.load(tmp_path / "claims", text().replace("data: digits", "data: cifar10"), "lost")
    made = planned([lost, claim])
    assert [item.error is None for item in made.items] == [False, True]
    assert "the dataset 'cifar10' is not here" in str(made.items[0].error)
    assert made.items[0].inconclusive is None
    assert made.most.trials == 12


def test_exact_claims_need_one_trial_an_arm_and_end_never_inconclusive(tmp_path: Path) -> None:
    claim = roots.load(tmp_path / "claims", roots.BLOCKS)
    made = planned([claim])
    assert [[look.seeds for look in item.looks] for item in made.items] == [[1]] * 4
    assert made.most.trials == made.next.trials == made.expected.trials == 4
    assert {item.inconclusive for item in made.items} == {0.0}
    assert {item.name for item in made.items} == {"params[relu]", "macs[relu]", "params[conv]", "macs[conv]"}


def test_claims_without_the_tier_are_left_out(claim: Claim) -> None:
    assert plan([claim], Options(tier="paper"), None, lambda claim, tier: None).items == ()


def test_other_looks_are_planned_as_they_are_asked_for(claim: Claim) -> None:
    made = plan([claim], Options(seeds=9), None, lambda claim, tier: None)
    assert [look.seeds for look in made.items[0].looks] == [9]


def test_the_store_is_only_read(claim: Claim, tmp_path: Path) -> None:
    stock(tmp_path / "s", claim, NOISY, "ab", range(3)).close()

    def content() -> list[str]:
        db = sqlite3.connect(tmp_path / "s")
        lines = list(db.iterdump())
        db.close()
        return lines

    before = content()
    store = Store(tmp_path / "s")
    planned([claim], store)
    store.close()
    assert content() == before


def test_hashes_are_those_of_the_trials(claim: Claim) -> None:
    tier = claim.cases[0].tiers["smoke"]
    assert list(planned([claim]).trials) == [
        each.hash for _, each in trials_of(claim, tier, ("a", "b"), range(6))
    ]
