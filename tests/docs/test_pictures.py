"""The pictures show what they say: the judge gives each its verdict, and every mark stands where its number is."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from edgebench.judge.expectation import parse_expectation
from edgebench.judge.verdict import SUBTYPES, Outcome, Subtype, judge_exact
from tools.docs import pictures

SVG = "{http://www.w3.org/2000/svg}"
EXPECTED = {
    "reproduced": (Outcome.reproduced, None),
    "within": (Outcome.reproduced, None),
    **{str(each): (Outcome.contradicted, each) for each in sorted(SUBTYPES[Outcome.contradicted])},
    **{str(each): (Outcome.inconclusive, each) for each in sorted(SUBTYPES[Outcome.inconclusive])},
}  # fmt: skip


def test_every_verdict_has_a_picture() -> None:
    assert set(pictures.EXAMPLES) == set(EXPECTED)
    assert {subtype for _, subtype in EXPECTED.values()} == {None, *Subtype}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_judge_gives_each_example_its_verdict(name: str) -> None:
    verdict = pictures.EXAMPLES[name].verdict()
    assert (verdict.outcome, verdict.subtype) == EXPECTED[name]
    drawn = pictures.example(name)
    assert f"<strong>{verdict.outcome}" in drawn
    assert "\n" not in drawn, "or Markdown would end the block"


@pytest.mark.parametrize("name", EXPECTED)
def test_marks_stand_where_their_numbers_are(name: str) -> None:
    given = pictures.EXAMPLES[name]
    verdict, expectation = given.verdict(), parse_expectation(given.expect)
    svg = ElementTree.fromstring(pictures.draw(verdict, expectation, given.margin))
    labels = {float(each.text or ""): float(each.attrib["x"]) for each in svg.findall(f"{SVG}text")}
    (one, x_one), (other, x_other) = min(labels.items()), max(labels.items())
    scale = (x_other - x_one) / (other - one)

    def x(value: float) -> float:
        return x_one + scale * (value - one)

    (title,) = svg.findall(f"{SVG}title")
    assert str(verdict.outcome) in (title.text or "")
    mean, *seeds = svg.findall(f"{SVG}circle")
    assert float(mean.attrib["cx"]) == pytest.approx(x(given.mean), abs=0.3)
    assert [float(each.attrib["cx"]) for each in seeds] == pytest.approx(
        [x(value) for value in given.values], abs=0.3
    )
    thick = next(each for each in svg.findall(f"{SVG}line") if each.get("stroke-width") == "5")
    assert verdict.low is not None
    assert verdict.high is not None
    assert float(thick.attrib["x1"]) == pytest.approx(x(verdict.low), abs=0.3)
    assert float(thick.attrib["x2"]) == pytest.approx(x(verdict.high), abs=0.3)
    (side,) = svg.findall(f"{SVG}rect")
    start = float(side.attrib["x"])
    end = start + float(side.attrib["width"])
    lines = pictures.limits(expectation, given.margin)[1]
    for limit, edge in zip(lines, (start, end), strict=True):
        if limit is not None:
            assert edge == pytest.approx(x(limit), abs=0.3)
    holds = start <= float(thick.attrib["x1"]) and float(thick.attrib["x2"]) <= end
    assert holds == (verdict.outcome is Outcome.reproduced)


def test_less_is_shaded_on_the_left() -> None:
    expectation = parse_expectation("< 2")
    assert pictures.limits(expectation, 0.5) == ([1.5, 2.5], (None, 1.5))


def test_an_exact_value_has_no_interval_to_draw() -> None:
    expectation = parse_expectation("> 1")
    with pytest.raises(ValueError, match="no interval"):
        pictures.draw(judge_exact(2.0, expectation), expectation, 0.0)


def test_captions_are_escaped() -> None:
    assert not re.search(r"'> 0'", pictures.example("reproduced"))
    assert "&gt; 0" in pictures.example("reproduced")


def test_numbers_do_not_lie_on_each_other() -> None:
    assert pictures.readable([(100, 0.3), (90, 0.0), (60, -0.3), (134, 1.0)]) == [
        (100, 0.3),
        (60, -0.3),
        (134, 1.0),
    ]
