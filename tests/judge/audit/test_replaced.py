"""What stands in the place of an effect's metric and arm, with and without what the arms measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgebench.judge.audit.algebra import exchanged
from edgebench.judge.audit.mutation import Fate, mutate
from edgebench.judge.audit.replaced import measured_values, replacements
from edgebench.judge.effects import Observations
from edgebench.run.record import Measured
from tests.judge.audit.fixtures import audited, trained

SEEDS = 5


def observed(**metrics: dict[str, float]) -> Observations:
    return {
        (arm, seed): Measured({name: value + 0.1 * seed for name, value in of.items()})
        for arm, of in metrics.items()
        for seed in range(SEEDS)
    }


def values(mean: float) -> tuple[float, ...]:
    return tuple(mean + 0.1 * seed for seed in range(SEEDS))


def test_every_metric_that_the_arms_have(tmp_path: Path) -> None:
    claim = trained(tmp_path, '{value: plain.top1 - slow.top1, expect: "> 0"}')
    (one,) = audited(claim, {"gain": (4.0,) * SEEDS})
    seen = observed(
        plain={"top1": 90.0, "val_top1": 80.0, "params": 7.0, "macs": 5.0},
        slow={"top1": 86.0, "val_top1": 70.0, "params": 7.0},
    )
    found = replacements(replace(one, observed=seen), [])
    assert set(found) == {"metric"}
    assert {name: round(of[0], 6) for name, of in found["metric"].values.items()} == {
        "val_top1": 10.0,
        "params": 0.0,
    }
    (metric,) = [each for each in mutate(replace(one, observed=seen), []).mutants if each.kind == "metric"]
    assert (metric.fate, metric.tried) == (Fate.changed, 2)
    alike = {
        key: replace(of, metrics=of.metrics | {"params": 7.0 if key[0] == "slow" else 9.0})
        for key, of in seen.items()
    }
    (metric,) = [each for each in mutate(replace(one, observed=alike), []).mutants if each.kind == "metric"]
    assert (metric.fate, metric.said) == (Fate.survived, "reproduced of val_top1, params as well")


def test_the_arms_of_a_front_exchanged_by_what_they_measured(tmp_path: Path) -> None:
    claim = trained(tmp_path, '{value: "front(plain, slow, slower, gain=top1, cost=params)", expect: "> 0"}')
    (one,) = audited(claim, {"gain": values(20)})
    (unknown,) = [each for each in mutate(one, []).mutants if each.kind == "arms swapped"]
    assert unknown.fate is Fate.unknown
    dominated = observed(
        plain={"top1": 90.0, "params": 5.0},
        slow={"top1": 70.0, "params": 5.0},
        slower={"top1": 60.0, "params": 5.0},
    )
    (swapped,) = [
        each for each in mutate(replace(one, observed=dominated), []).mutants if each.kind == "arms swapped"
    ]
    assert swapped.fate is Fate.changed
    every = observed(
        plain={"top1": 20.0, "params": 5.0},
        slow={"top1": 70.0, "params": 50.0},
        slower={"top1": 80.0, "params": 500.0},
    )
    (swapped,) = [
        each for each in mutate(replace(one, observed=every), []).mutants if each.kind == "arms swapped"
    ]
    assert swapped.fate is Fate.survived
    _, other, _ = exchanged(one.effect.value)[0]
    assert measured_values(replace(one, observed=every), other) is not None
    assert measured_values(one, other) is None


def test_an_arm_of_which_the_paper_says_nothing_is_no_evidence(tmp_path: Path) -> None:
    claim = trained(tmp_path, '{value: plain.top1, expect: "> 50"}')
    (one,) = audited(claim, {"gain": values(90)})
    high = observed(plain={"top1": 90.0}, slow={"top1": 80.0}, slower={"top1": 80.0})
    (arm,) = [each for each in mutate(replace(one, observed=high), []).mutants if each.kind == "arm"]
    assert (arm.fate, arm.tried) == (Fate.equivalent, 2)
    low = observed(plain={"top1": 90.0}, slow={"top1": 80.0}, slower={"top1": 10.0})
    (arm,) = [each for each in mutate(replace(one, observed=low), []).mutants if each.kind == "arm"]
    assert (arm.fate, arm.tried) == (Fate.changed, 2)
