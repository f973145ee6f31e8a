"""Costs that differ or are asked for."""

from __future__ import annotations

from pathlib import Path

from edgebench.report.findings.costs import costs_of, is_cost
from edgebench.run.record import Measured
from tests import roots
from tests.report.findings.fixtures import FRONT, findings, the_tier


def test_what_an_effect_reads_comes_first_and_what_is_equal_is_left_out(tmp_path: Path) -> None:
    costs = [
        each
        for each in the_tier(findings(tmp_path, front=FRONT), "demo/front").costs
        if each.case.endswith("once")
    ]
    assert [each.metric for each in costs[:2]] == ["params", "model_bytes"]
    assert "macs" not in {each.metric for each in costs}, "5 of all arms"
    assert [(bar.arm, bar.value) for bar in costs[0].bars] == [
        ("narrow", 500),
        ("wide", 2000),
        ("wider", 4000),
    ]


def test_equal_costs_are_shown_where_the_claim_asks_for_them(tmp_path: Path) -> None:
    text = roots.TRAINED.replace("plain.top1 - slow.top1", "plain.macs - slow.macs")
    assert [each.metric for each in the_tier(findings(tmp_path, trained=text)).costs] == ["macs"]


def test_times_stand_under_their_arms_in_one_record(tmp_path: Path) -> None:
    claim = roots.load(
        tmp_path,
        """
        claim: One is faster
        where: Table 1
        kind: latency
        settings: {input: [1, 4, 8, 8], rounds: 3}
        arms: {a: {model: relu}, b: {model: {name: full-conv, kernel: 3}}}
        tiers: {smoke: {looks: [2]}}
        effects: {faster: {value: b.step_ms / a.step_ms, expect: "> 1"}}
        """,
    )
    (case,) = claim.cases
    measured = [
        Measured({"a/step_ms": 1.0, "b/step_ms": 2.0}),
        Measured({"a/step_ms": 1.5, "b/step_ms": 4.0}),
    ]
    (bars,) = costs_of(claim, case.tiers["smoke"], "", case.effects.values(), {"a": measured, "b": measured})
    assert (bars.metric, bars.unit) == ("step_ms", "ms")
    assert [(bar.arm, bar.value, bar.low, bar.high) for bar in bars.bars] == [
        ("a", 1.25, 1, 1.5),
        ("b", 3, 2, 4),
    ]


def test_accuracies_are_no_costs() -> None:
    assert [name for name in ("top1", "val_loss", "epochs", "train_seconds") if is_cost(name)] == []
