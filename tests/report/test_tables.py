"""Numbers and tables as they are read in a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.judge.verdict import Verdict, invalid_verdict, judge_exact, judge_seeds
from edgebench.report.closing import closing
from edgebench.report.result import Baselines, Result, assess
from edgebench.report.tables import counted, failure, number, tally
from edgebench.run.case import Judged
from tests import roots


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"), (0.0, "0"), (-0.0, "0"), (128.0, "128"), (1234567.0, "1,234,567"), (-3.0, "-3"),
        (0.123456, "0.1235"), (97.123456, "97.12"), (-1234.5678, "-1235"), (12345.678, "12,345.7"), (1e-7, "1e-07"),
        (2.8e-15, "0"),
    ],
)  # fmt: skip
def test_numbers(value: float | None, shown: str) -> None:
    assert number(value) == shown


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_shown_to_four_digits(value: float) -> None:
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=1e-3)


def result(folder: Path, verdict: Verdict | None, failed: str | None = None, **options: Any) -> Result:
    claim = roots.load(folder / "claims", roots.TRAINED, "trained")
    case = claim.cases[0]
    judged = Judged(case.effects["gain"], verdict, failed)
    return assess(claim, case, case.tiers["smoke"], judged, Baselines(folder / "baselines"), **options)


def judged(tmp_path: Path) -> list[Result]:
    effect = roots.load(tmp_path / "claims", roots.TRAINED, "trained").cases[0].effects["gain"]
    reproduced = judge_seeds([5.0, 5.01], effect.expect, effect.margin, (2, 4))
    inconclusive = judge_seeds([5.0, -5.0, 4.0, -3.0], effect.expect, effect.margin, (2, 4))
    assert isinstance(reproduced, Verdict)
    assert isinstance(inconclusive, Verdict)
    return [
        result(tmp_path, reproduced),
        result(tmp_path, inconclusive),
        result(tmp_path, judge_exact(0.0, effect.expect)),
        result(tmp_path, invalid_verdict("the floor was missed", [1.0, 2.0])),
        result(tmp_path, None, "trial x: crashed: by SIGSEGV"),
    ]


def test_results_survive_the_way_between_processes(tmp_path: Path) -> None:
    for each in judged(tmp_path):
        assert Result.from_json(json.loads(json.dumps(each.to_json()))) == each


def test_results_of_other_versions_can_be_read(tmp_path: Path) -> None:
    """The history outlives the version that wrote it."""
    each = judged(tmp_path)[0]
    old = each.to_json()
    assert each.values == (5.0, 5.01)
    for name in ("values", "seconds", "moved"):
        del old[name]
    read = Result.from_json({**old, "from a later version": 1})
    assert (read.values, read.seconds, read.moved) == ((), 0.0, None)
    assert read.id == each.id
    with pytest.raises(TypeError):
        Result.from_json({"claim": "demo/trained"})


def test_counted() -> None:
    assert [counted(each, "item") for each in (0, 1, 1234)] == ["0 items", "1 item", "1,234 items"]


def test_every_verdict_has_a_row_and_a_text(tmp_path: Path) -> None:
    results = judged(tmp_path)
    rows = closing(results, everything=True).splitlines()[2:]
    assert len(rows) == 5
    assert rows[0].startswith("demo/trained")
    assert not rows[1].startswith("demo/trained"), "a claim is named once"
    for row, label in zip(
        rows,
        ("reproduced", "inconclusive", "contradicted (negligible)", "invalid", "failed to run"),
        strict=True,
    ):
        assert label in row
    texts = [failure(each) for each in results]
    assert all(text.splitlines()[2].endswith("than a tiny one (Figure 3)") for text in texts)
    assert "the floor was missed" in texts[3]
    assert "edgebench baseline record" not in texts[3], "an invalid verdict cannot be recorded"
    assert [text.split(":")[0] for text in texts[:3]] == ["no baseline"] * 3
    assert [text.split(":")[0] for text in texts[3:]] == ["invalid · proxy", "failed to run"]
    assert "trial x: crashed: by SIGSEGV" in texts[4]
    assert "edgebench baseline record" not in texts[4], "there is nothing to record"


def test_shortened_runs_are_called_proxies(tmp_path: Path) -> None:
    results = judged(tmp_path)
    assert results[0].label == "reproduced · proxy"
    assert results[4].label == "failed to run"
    exact = roots.load(tmp_path / "claims", roots.FORMULA, "formula")
    case = exact.cases[0]
    told = Judged(case.effects["exact"], judge_exact(0.0, case.effects["exact"].expect))
    assert assess(exact, case, case.tiers["smoke"], told, Baselines()).label == "reproduced"


def test_the_tally_is_honest(tmp_path: Path) -> None:
    results = judged(tmp_path)
    counts = "1 reproduced, 1 contradicted, 1 inconclusive, 1 invalid, 1 failed"
    assert tally(results) == f"{counts}; 5 not as recorded"
    assert tally(results[:1]) == "1 reproduced; 1 not as recorded; nothing had to be run"


def test_without_comparing_valid_verdicts_are_green_and_others_are_not(tmp_path: Path) -> None:
    effect = roots.load(tmp_path / "claims", roots.TRAINED, "trained").cases[0].effects["gain"]
    assert result(tmp_path, judge_exact(0.0, effect.expect), comparing=False).green
    assert not result(tmp_path, None, "trial x: crashed", comparing=False).green
    assert not result(tmp_path, invalid_verdict("the floor was missed"), comparing=False).green


def test_a_baseline_of_another_claim_is_refused(tmp_path: Path) -> None:
    effect = roots.load(tmp_path / "claims", roots.TRAINED, "trained").cases[0].effects["gain"]
    folder = tmp_path / "baselines" / "smoke" / "demo"
    folder.mkdir(parents=True)
    (folder / "trained.yaml").write_text(
        "claim: demo/other\ntier: smoke\nrecorded: {by: me, when: 2020-01-01, why: so}\n"
        "effects: {gain: {verdict: reproduced, value: 1, seeds: [1], tolerance: 0}}\n"
    )
    found = result(tmp_path, judge_exact(1.0, effect.expect))
    assert (found.baseline, found.green) == ("unreadable", False)
    assert any(
        "it is the baseline of demo/other at smoke; expected demo/trained" in said for said in found.said
    )


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_failure_fits_a_narrow_terminal(tmp_path: Path, width: int) -> None:
    for each in judged(tmp_path):
        text = failure(each, width)
        assert each.location in text.splitlines(), "terminals open it by a click"
        assert all(len(line) <= width for line in text.splitlines() if line != each.location)
        assert "published: 3 points, the paper's claim" in " ".join(text.split())
    assert failure(judged(tmp_path)[0], 200).splitlines()[5].startswith("           value")
