from __future__ import annotations

import datetime
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue, ValidationError

from edgebench.errors import BaselineError
from edgebench.judge.baseline import Baseline, BaselineEffect, Recorded, compare, derive, dump, load
from edgebench.judge.expectation import parse_expectation
from edgebench.judge.statistics import prediction_half_width
from edgebench.judge.verdict import SUBTYPES, Outcome, Verdict, invalid_verdict, judge_exact, judge_seeds

VALUES = [1.2000000000000028, 0.7, 1.1, 0.9, 1.3]
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


def verdict_of(values: list[float], text: str = "> 0", margin: float = 0.3) -> Verdict:
    verdict = judge_seeds(values, parse_expectation(text), margin, (len(values),))
    assert isinstance(verdict, Verdict)
    return verdict


def baseline_of(**effects: BaselineEffect) -> Baseline:
    recorded = Recorded(by="A. Reviewer", when=datetime.date(2026, 1, 31), why="first recording")
    environment: dict[str, JsonValue] = {
        "torch": "2.9.0",
        "cpu": {"threads": 1, "model": "x"},
        "flags": ["avx2", 1e-07],
    }
    return Baseline(claim="p/c", tier="short", recorded=recorded, environment=environment, effects=effects)


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "claim.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_stochastic_tolerance_is_the_prediction_half_width() -> None:
    verdict = verdict_of(VALUES)
    effect = derive(verdict)
    assert effect.verdict is Outcome.reproduced
    assert effect.reason == ""
    assert effect.tolerance == pytest.approx(prediction_half_width(VALUES), rel=1e-5)
    assert effect.seeds == (1.2, 0.7, 1.1, 0.9, 1.3)  # without the noise of floats
    assert effect.interval is not None
    assert list(effect.interval) == pytest.approx([verdict.low, verdict.high], rel=1e-5)
    assert compare(verdict, effect).matches


@pytest.mark.parametrize("value", [230592.0, 1 / 3, 0.0, 2.0**60, -1e-300])
def test_exact_values_keep_every_digit(value: float, tmp_path: Path) -> None:
    verdict = judge_exact(value, parse_expectation("== 1"))
    effect = derive(verdict)
    assert (effect.value, effect.tolerance, effect.interval) == (value, 0.0, None)
    read = load(written(tmp_path, dump(baseline_of(e=effect)))).effects["e"]
    assert read == effect
    assert compare(verdict, read).matches


def test_rounding_never_exceeds_a_small_tolerance() -> None:
    values = [85.12301, 85.12344, 85.12390]
    verdict = verdict_of(values)
    effect = derive(verdict)
    assert verdict.value is not None
    assert abs(effect.value - verdict.value) <= 1e-3 * effect.tolerance
    assert compare(verdict, effect).matches


def test_seeds_that_all_agree_are_held_exactly() -> None:
    effect = derive(verdict_of([1 / 3] * 5, margin=0.1))
    assert (effect.value, effect.tolerance) == (1 / 3, 0.0)


def test_unreproduced_verdicts_carry_their_reason() -> None:
    effect = derive(verdict_of([0.01, 0.02, 0.0, 0.01]))
    assert effect.verdict is Outcome.contradicted
    assert "no effect worth the name" in effect.reason


def test_invalid_verdicts_cannot_be_recorded() -> None:
    with pytest.raises(BaselineError, match="plain is below its floor"):
        derive(invalid_verdict("plain is below its floor"))


def test_compare_tells_flip_from_drift() -> None:
    verdict = verdict_of(VALUES)
    effect = derive(verdict)
    flipped = compare(verdict_of([0.0, 0.01, 0.02, 0.0, 0.01]), effect.model_copy(update={"tolerance": 5.0}))
    assert (flipped.matches, flipped.flipped, flipped.drifted) == (False, True, False)
    assert "was reproduced and is now contradicted" in flipped.explanation[0]

    drifted = compare(verdict_of([value + 2 for value in VALUES]), effect)
    assert (drifted.matches, drifted.flipped, drifted.drifted) == (False, False, True)
    assert "a change of +2 where the tolerance is" in drifted.explanation[0]

    both = compare(verdict_of([value - 9 for value in VALUES]), effect)
    assert (both.flipped, both.drifted) == (True, True)
    assert len(both.explanation) == 2

    assert compare(verdict, effect).explanation == ()
    void = compare(invalid_verdict("plain is below its floor"), effect)
    assert (void.matches, void.flipped) == (False, True)
    assert "plain is below its floor" in void.explanation[0]


def test_drift_is_judged_at_the_tolerance() -> None:
    effect = derive(verdict_of(VALUES)).model_copy(update={"tolerance": 0.5})
    verdict = verdict_of(VALUES)
    assert verdict.value is not None
    at, past = (replace(verdict, value=effect.value + distance) for distance in (0.5, 0.5001))
    assert compare(at, effect).matches
    assert compare(past, effect).drifted


def test_exact_values_may_differ_by_float_format_only() -> None:
    effect = derive(judge_exact(1000.0, parse_expectation("> 0")))
    assert compare(judge_exact(1000.0 * (1 + 1e-10), parse_expectation("> 0")), effect).matches
    moved = compare(judge_exact(1000.001, parse_expectation("> 0")), effect)
    assert moved.drifted
    assert "should be exact" in moved.explanation[0]


def test_contradicted_as_expected_is_green() -> None:
    verdict = verdict_of([0.01, 0.02, 0.0, 0.01])
    assert compare(verdict, derive(verdict)).matches
    # Another subtype is worth a remark, not a failure.
    reversed_ = verdict_of([-1.01, -1.02, -1.0, -1.01])
    wide = derive(verdict).model_copy(update={"tolerance": 5.0})
    comparison = compare(reversed_, wide)
    assert comparison.matches
    assert "now reversed, then negligible" in comparison.explanation[0]


def test_a_change_in_the_number_of_seeds_is_said() -> None:
    comparison = compare(verdict_of(VALUES[:4]), derive(verdict_of(VALUES)))
    assert any("rests on 4 seeds, the baseline on 5" in sentence for sentence in comparison.explanation)


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
    return BaselineEffect(
        verdict=verdict,
        subtype=draw(st.sampled_from([None, *sorted(SUBTYPES[verdict])])),
        reason=draw(text),
        value=value,
        interval=None if exact else (low, high),
        seeds=seeds,
        tolerance=draw(st.floats(0, widest)),
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


def test_models_refuse_nonsense_in_code_too() -> None:
    effect = derive(verdict_of(VALUES))
    with pytest.raises(ValidationError, match="needs a reason"):
        BaselineEffect.model_validate({**effect.model_dump(), "verdict": "inconclusive"})
    with pytest.raises(ValidationError):
        BaselineEffect.model_validate({**effect.model_dump(), "value": math.nan})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tolerance": 0.5}, "an exact value .* has one seed and a tolerance of 0"),
        ({"seeds": (3.0, 3.0)}, "an exact value .* has one seed and a tolerance of 0"),
        ({"interval": (1.0, 5.0)}, "needs the values of at least 2 seeds"),
        ({"interval": (1.0, 5.0), "seeds": (2.0, 3.0, 4.0), "tolerance": 9.0}, "the seeds give 8.10"),
    ],
)
def test_a_tolerance_may_be_tightened_but_not_widened(changes: dict[str, object], message: str) -> None:
    plain: dict[str, object] = {
        "verdict": Outcome.reproduced,
        "value": 3.0,
        "seeds": (3.0,),
        "tolerance": 0.0,
    }
    BaselineEffect.model_validate(plain)
    spread = {"interval": (1.0, 5.0), "seeds": (2.0, 3.0, 4.0), "tolerance": 8.0}
    BaselineEffect.model_validate({**plain, **spread})
    with pytest.raises(ValidationError, match=message):
        BaselineEffect.model_validate({**plain, **changes})
