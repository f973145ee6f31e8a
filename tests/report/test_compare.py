"""What changed between two sides, and what only seems to."""

from __future__ import annotations

import random

import pytest

from edgebench.judge.expectation import parse_expectation
from edgebench.judge.statistics import paired_interval
from edgebench.judge.verdict import Verdict, judge_seeds
from edgebench.report.compare import LEVEL, Change, Compared, compare_sides, compared_text
from edgebench.report.history import Entry
from edgebench.report.result import Result
from edgebench.report.sides import Side
from edgebench.run.history import Run
from tests.report.fixtures import IDENTITY, result_of

VALUES = (1.0, 1.5, 0.5, 2.0, 1.25)


def side(*results: Result) -> Side:
    run = Run(1, "u", 0.0, None, "", "smoke", "local", None, None, "1", IDENTITY, {})
    entries = {(each.tier, each.claim, each.item): Entry(run, each) for each in results}
    return Side("name", "a run", entries)


def compared(a: Result, b: Result) -> Compared:
    return compare_sides(side(a), side(b))


def change(a: Result, b: Result) -> Change:
    (pair,) = compared(a, b).pairs
    return pair.change


def test_seeds_are_paired() -> None:
    """A shift of a tenth of the spread between seeds is seen, because every seed has its partner."""
    shifted = tuple(value + 0.1 + 0.01 * (-1) ** index for index, value in enumerate(VALUES))
    (pair,) = compared(result_of("gain", VALUES), result_of("gain", shifted)).pairs
    assert pair.change is Change.moved
    assert pair.interval == paired_interval([b - a for a, b in zip(VALUES, shifted, strict=True)], 0.05)
    assert pair.difference == pytest.approx(0.102)
    shuffled = tuple(random.Random(0).sample(shifted, len(shifted)))
    assert change(result_of("gain", VALUES), result_of("gain", shuffled)) is Change.noise


def test_only_common_seeds_count() -> None:
    (pair,) = compared(result_of("gain", VALUES), result_of("gain", (*VALUES[:3], 9.0))).pairs
    assert pair.interval is not None
    assert pair.interval.n == 4
    assert change(result_of("gain", VALUES), result_of("gain", VALUES[:3])) is Change.same


def test_intervals_cover_as_often_as_they_say() -> None:
    source = random.Random(1)
    moved = 0
    for _ in range(2000):
        other = tuple(value + source.gauss(0, 1) for value in VALUES)
        moved += change(result_of("gain", VALUES), result_of("gain", other)) is Change.moved
    assert 0.035 < moved / 2000 < 0.065
    assert LEVEL == 0.05


def test_stopping_by_the_values_makes_nothing_seem_moved() -> None:
    """Both sides stop at looks 5, 10 or 20 by their own verdicts: nobody chose the common number beforehand."""
    source = random.Random(2)
    looks, expectation = (5, 10, 20), parse_expectation("> 0")
    moved = early = 0
    for _ in range(3000):
        sides = []
        for _ in range(2):
            values = [source.gauss(0, 1) for _ in range(20)]
            verdict = judge_seeds(values, expectation, 0.0, looks)
            assert isinstance(verdict, Verdict)
            sides.append(result_of("gain", verdict.values, level=verdict.level))
        early += min(len(each.values) for each in sides) < 20
        moved += change(*sides) is Change.moved
    assert early > 50
    assert moved / 3000 < 0.05


def test_exact_quantities_are_equal_or_not() -> None:
    assert change(result_of("params", (10.0,)), result_of("params", (10.0,))) is Change.same
    found = compared(result_of("params", (10.0,)), result_of("params", (12.0,)))
    assert found.pairs[0].change is Change.differs
    assert (found.pairs[0].difference, found.pairs[0].interval) == (2.0, None)
    assert found.changed


def test_what_cannot_be_compared_is_not() -> None:
    gain = result_of("gain", VALUES)
    assert change(gain, result_of("gain")) is Change.missing
    assert change(gain, result_of("gain", VALUES, expression="plain.top1")) is Change.redefined
    assert change(gain, result_of("gain", (1.0,))) is Change.redefined, "exact now"


def test_a_changed_verdict_is_a_change_whatever_the_value() -> None:
    a, b = result_of("gain", VALUES), result_of("gain", VALUES, verdict="inconclusive")
    assert compared(a, b).changed
    assert compared(a, result_of("gain")).changed, "it fails now"
    assert not compared(a, a).changed
    pending = compared(a, result_of("gain", verdict="pending"))
    assert not pending.changed, "there is no verdict yet"
    moved = compared(a, result_of("gain", tuple(value + 1 for value in VALUES)))
    assert (moved.pairs[0].change, moved.changed) == (Change.moved, False)


def test_what_changed_most_comes_first() -> None:
    shifted = tuple(value + 1 for value in VALUES)
    noisy = tuple(value + 0.1 * (-1) ** index for index, value in enumerate(VALUES))
    a = [result_of("same", VALUES), result_of("noise", VALUES), result_of("moved", VALUES),
         result_of("exact", (1.0,)), result_of("verdict", VALUES), result_of("gone", VALUES)]  # fmt: skip
    b = [result_of("same", VALUES), result_of("noise", noisy), result_of("moved", shifted),
         result_of("exact", (2.0,)), result_of("verdict", VALUES, verdict="contradicted"),
         result_of("new", VALUES)]  # fmt: skip
    found = compare_sides(side(*a), side(*b))
    assert [pair.a.item for pair in found.pairs] == ["verdict", "exact", "moved", "noise", "same"]
    assert [item for _, _, item in (*found.only_a, *found.only_b)] == ["gone", "new"]
    text = compared_text(side(*a), side(*b), found)
    lines = text.splitlines()
    assert [line.split()[0].rpartition("::")[2] for line in lines[5:9]] == [
        "verdict",
        "exact",
        "moved",
        "noise",
    ]
    assert lines[5].endswith("reproduced → contradicted; same")
    assert lines[6].split()[1:] == ["1", "2", "+1", "–", "differs"]
    assert (
        "5 items on both sides: 1 with another verdict, 1 exact with another value, 1 moved, 1 within noise, 2 same"
        in text
    )
    assert (
        "of 2 effects with 95 % intervals (over all looks), at most 0.1 would seem moved by chance alone"
        in text
    )
    assert "only in A: demo/trained::gone at smoke\nonly in B: demo/trained::new at smoke" in text
    assert "::same" not in text
    assert "those that are the same are left out; --all shows them" in text
    everything = compared_text(side(*a), side(*b), found, everything=True)
    assert "::same" in everything
    assert "left out" not in everything


def test_many_items_on_one_side_are_counted() -> None:
    many = [result_of(f"item{number}", VALUES) for number in range(9)]
    a, b = side(*many), side(result_of("other", VALUES))
    text = compared_text(a, b, compare_sides(a, b))
    assert "no item is on both sides" in text
    assert "demo/trained::item3 at smoke, and 5 more" in text
    assert "item8" in compared_text(a, b, compare_sides(a, b), everything=True)


def test_tiers_are_named_where_there_are_several() -> None:
    both = side(result_of("gain", (1.0,)), result_of("gain", (2.0,), tier="short"))
    other = side(result_of("gain", (2.0,)), result_of("gain", (3.0,), tier="short"))
    text = compared_text(both, other, compare_sides(both, other))
    assert "demo/trained::gain at short  2  3  +1" in text


def test_speed_is_a_ratio_of_times_a_seed() -> None:
    """Twice the seeds take no longer a seed; what was served from the store to both sides was not timed twice."""
    a = side(
        result_of("gain", VALUES, seconds=10.0),
        result_of("served", VALUES, seconds=7.0),
        result_of("partly", VALUES, seconds=5.0),
        result_of("params", (1.0,), seconds=5.0),
        result_of("lost", VALUES, seconds=3.0),
    )
    b = side(
        result_of("gain", VALUES * 2, seconds=30.0),
        result_of("served", VALUES, seconds=7.0, trained=0, cached=10),
        result_of("partly", VALUES * 2, seconds=9.0, cached=10),
        result_of("params", (1.0,), seconds=1.0),
        result_of("lost", seconds=1.0),
    )
    found = compare_sides(a, b)
    assert (found.speed, found.timed) == (pytest.approx(1.5), 1)
    assert "speed: B trains 1.50 times as long as A a seed, over 1 trained items" in compared_text(
        a, b, found
    )
    served = side(result_of("gain", VALUES, seconds=10.0, trained=0, cached=10))
    assert compare_sides(a, served).speed is None
