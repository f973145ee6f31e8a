"""An item stands by the store, else by its baseline, else as one that was not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.judge.baseline import BaselineEffect
from edgebench.judge.verdict import Outcome
from edgebench.report.findings.model import NOT_RUN, Source
from edgebench.report.findings.standing import recorded_verdict
from tests import roots
from tests.report.findings.fixtures import BASELINE, findings, the_item


def test_by_the_store_as_a_run_would_judge_it(tmp_path: Path) -> None:
    item = the_item(findings(tmp_path, trained=roots.TRAINED))
    result = item.result
    assert (item.source, item.verdict, item.subtype, item.proxy) == (Source.store, "reproduced", None, True)
    assert (result.value, result.n, result.values) == (20.0, 2, (20.0, 20.0))
    assert (result.published, result.cached, result.trained) == (3, 4, 0)
    assert item.state == "✗ no baseline"
    assert not result.green


def test_held_against_its_baseline(tmp_path: Path) -> None:
    item = the_item(findings(tmp_path, trained=roots.TRAINED, baseline=BASELINE))
    assert (item.source, item.verdict, item.result.baseline) == (Source.store, "reproduced", "flipped")
    assert item.state == "✗ FLIPPED"


def test_by_the_baseline_where_the_store_does_not_decide(tmp_path: Path) -> None:
    item = the_item(findings(tmp_path, seeds=1, trained=roots.TRAINED, baseline=BASELINE))
    result = item.result
    assert (item.source, item.verdict, item.subtype) == (Source.baseline, "inconclusive", "underpowered")
    assert (result.value, result.low, result.high, result.n, result.values) == (3, 0.4, 5.6, 2, (2, 4))
    assert item.state == "recorded 2026-01-31"
    assert result.said == (
        "Two seeds are few.",
        "as the baseline has it: 1 of the 2 seeds of its next look are in the store",
    )


def test_not_run_without_either(tmp_path: Path) -> None:
    item = the_item(findings(tmp_path, seeds=0, trained=roots.TRAINED))
    assert (item.source, item.verdict, item.state) == (Source.nothing, NOT_RUN, "–")
    assert (item.result.value, item.result.n, item.proxy) == (None, 0, False)
    assert item.result.said == ("the store has no trials of it",)


def test_not_run_where_the_data_are_missing(tmp_path: Path) -> None:
    text = roots.TRAINED.replace("{name: digits,", "{name: mnist,")
    item = the_item(findings(tmp_path, seeds=0, trained=text))
    assert item.verdict == NOT_RUN
    assert "mnist" in item.result.said[0]


def test_a_baseline_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    item = the_item(findings(tmp_path, seeds=0, trained=roots.TRAINED, baseline="claim: demo/trained\n"))
    assert (item.verdict, item.state) == (NOT_RUN, "✗ unreadable")
    assert "baselines/smoke/demo/trained.yaml" in item.result.said[0]


def test_what_cannot_be_evaluated_has_failed(tmp_path: Path) -> None:
    text = roots.TRAINED.replace("plain.top1 - slow.top1", "plain.top1 / (slow.macs - 5)")
    item = the_item(findings(tmp_path, trained=text))
    assert (item.source, item.verdict) == (Source.store, "failed")
    assert "division by zero" in item.result.said[0]


@pytest.mark.parametrize("interval", [None, (1.0, 3.0)])
def test_a_baseline_as_verdict(interval: tuple[float, float] | None) -> None:
    seeds = (2.0,) if interval is None else (1.5, 2.5)
    stored = BaselineEffect(
        verdict=Outcome.reproduced, value=2.0, interval=interval, seeds=seeds, tolerance=0
    )
    verdict = recorded_verdict(stored)
    assert (verdict.value, verdict.n, verdict.values) == (2.0, len(seeds), seeds)
    assert (verdict.low, verdict.high) == (interval or (None, None))
