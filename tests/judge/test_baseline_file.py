"""A baseline as a file: written, read back equal, and refused at the place of the mistake."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.errors import BaselineError
from edgebench.judge.baseline import Baseline, BaselineEffect, First, Recorded, derive
from edgebench.judge.baseline_file import dump, load
from edgebench.judge.expectation import parse_expectation
from edgebench.judge.statistics import prediction_half_width
from edgebench.judge.verdict import SUBTYPES, Outcome, judge_exact
from tests.judge.fixtures import baseline_of, verdict_of, written

GOOD = """\
claim: netaug/regularisers-hurt-tiny
tier: short
recorded:
  by: A. Reviewer
  when: 2026-01-31
  why: first recording
environment:
  device: cpu
effects:
  mixup:
    verdict: contradicted
    subtype: negligible
    reason: 8 epochs are too few for mixup to hurt
    value: 0.1
    interval: [-0.05, 0.25]
    seeds: [0.1, 0.05, 0.15]
    tolerance: 0.2
"""


def test_the_file_is_read(tmp_path: Path) -> None:
    baseline = load(written(tmp_path, GOOD))
    assert baseline.recorded.when == datetime.date(2026, 1, 31)
    assert baseline.effects["mixup"].interval == (-0.05, 0.25)
    assert dump(baseline) == GOOD
    assert load(written(tmp_path, GOOD.replace("2026-01-31", "'2026-01-31'"))) == baseline


def test_seeds_take_one_line() -> None:
    effect = derive(verdict_of([float(f"1.{index}23456789") for index in range(40)]))
    lines = dump(baseline_of(e=effect)).splitlines()
    (seeds,) = [line for line in lines if line.strip().startswith("seeds:")]
    assert seeds.count(",") == 39


text = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), min_size=1).filter(
    str.strip
)
number = st.floats(-1e12, 1e12).map(lambda x: x + 0.0)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | number | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def effects(draw: st.DrawFn) -> BaselineEffect:
    verdict = draw(st.sampled_from([Outcome.reproduced, Outcome.contradicted, Outcome.inconclusive]))
    low, value, high = sorted(draw(st.tuples(number, number, number)))
    exact = draw(st.booleans())
    seeds = (value,) if exact else tuple(draw(st.lists(number, min_size=2, max_size=5)))
    widest = 0.0 if exact else min(prediction_half_width(seeds), 1e300)
    first = st.builds(
        First, when=st.dates(), verdict=st.just(verdict), value=number, tolerance=st.floats(0, 1e300)
    )
    return BaselineEffect(
        verdict=verdict,
        subtype=draw(st.sampled_from([None, *sorted(SUBTYPES[verdict])])),
        reason=draw(text),
        value=value,
        interval=None if exact else (low, high),
        seeds=seeds,
        tolerance=draw(st.floats(0, widest)),
        trial_seconds=draw(st.none() | st.floats(0, 1e9)),
        first=draw(st.none() | first),
    )


@given(
    st.dictionaries(text, effects(), min_size=1, max_size=3), st.dictionaries(text, plain, max_size=3), text
)
def test_what_is_written_reads_back_equal(
    tmp_path_factory: pytest.TempPathFactory,
    effects: dict[str, BaselineEffect],
    environment: dict[str, object],
    words: str,
) -> None:
    recorded = Recorded(by=words, when=datetime.date(2026, 1, 31), why=words)
    baseline = Baseline.model_validate(
        {
            "claim": words,
            "tier": "short",
            "recorded": recorded,
            "environment": environment,
            "effects": effects,
        }
    )
    path = written(tmp_path_factory.getbasetemp(), dump(baseline))
    assert load(path) == baseline
    assert dump(load(path)) == dump(baseline)


@pytest.mark.parametrize(
    "words", ["1e5", "0x1F", "2026-01-31", "yes", "null", "~", "- a", "a: b", "'", "#", "1_000"]
)
def test_text_that_looks_like_something_else(words: str, tmp_path: Path) -> None:
    effect = derive(judge_exact(1, parse_expectation("> 0"))).model_copy(update={"reason": words})
    baseline = baseline_of(e=effect).model_copy(update={"environment": {words: words}})
    assert load(written(tmp_path, dump(baseline))) == baseline


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("tier: short", "teir: short", 2, "did you mean 'tier'"),
        ("    verdict: contradicted", "    verdict: contradictd", 11, "verdict"),
        ("    verdict: contradicted", "    verdict: invalid", 10, "invalid verdict cannot be expected"),
        ("    verdict: contradicted", "    verdict: inconclusive", 10, "no subtype 'negligible'"),
        ("    reason: 8 epochs are too few for mixup to hurt\n", "", 10, "needs a reason"),
        ("    tolerance: 0.2", "    tolerance: -1", 17, "tolerance"),
        ("    tolerance: 0.2", "    tolerance: .nan", 17, "tolerance"),
        ("    tolerance: 0.2", "    tolerance: '0.2'", 17, "tolerance"),
        ("    seeds: [0.1, 0.05, 0.15]", "    seeds: []", 16, "seeds"),
        ("    seeds: [0.1, 0.05, 0.15]", "    seeds: [0.1, x, 0.15]", 16, "seeds"),
        ("    interval: [-0.05, 0.25]", "    interval: [0.2, 0.25]", 10, "outside its interval"),
        ("    interval: [-0.05, 0.25]", "    interval: [0.2]", 15, "interval"),
        ("    value: 0.1", "    value: 0.1\n    value: 0.2", 15, "duplicate key 'value'"),
        ("    value: 0.1", "    valeu: 0.1", 14, "did you mean 'value'"),
        ("    value: 0.1", "    value: 0.1\n    trial_seconds: -1", 15, "trial_seconds"),
        ("    value: 0.1", "    value: 0.1\n    first: {when: 2026-01-30}", 15, "'verdict' is missing"),
        ("2026-01-31", "2026-02-31", 5, "when"),
        ("by: A. Reviewer", "by: ''", 4, "by"),
        ("    value: 0.1", "    value: }", 14, "not valid YAML"),
        ("    value: 0.1", "<<<<<<< HEAD\n    value: 0.1", 14, "merge-conflict"),
    ],
)
def test_bad_files_are_pointed_at(old: str, new: str, line: int, message: str, tmp_path: Path) -> None:
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new))
    with pytest.raises(BaselineError) as caught:
        load(path)
    shown = str(caught.value)
    assert f"{path}:{line}:" in shown
    assert message in shown


def test_every_problem_is_listed(tmp_path: Path) -> None:
    broken = GOOD.replace("tier: short\n", "").replace("tolerance: 0.2", "tolerance: -1")
    with pytest.raises(BaselineError) as caught:
        load(written(tmp_path, broken))
    assert "'tier' is missing" in str(caught.value)
    assert "tolerance" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"# only a comment\n", "empty"),
        (b"\xff\xfe\x00\x01", "UTF-8"),
        (b"\x00\x00", "not"),
        (b"- a\n- b\n", "a list"),
        (b"just text", "text"),
        (b"a: &x 1\nb: *x\n", "anchors"),
        (b"[" * 5000, "nested"),
    ],
)
def test_files_that_are_no_baselines(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match=message):
        load(written(tmp_path, content))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="there is no baseline") as caught:
        load(tmp_path / "none.yaml")
    assert caught.value.where == str(tmp_path / "none.yaml")
    with pytest.raises(BaselineError, match="cannot be read"):
        load(tmp_path)
