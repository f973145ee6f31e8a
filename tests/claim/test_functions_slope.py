"""The least-squares slope, against numpy's, and how it is written."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edgebench.claim.expression import parse
from edgebench.claim.functions import slope
from edgebench.errors import ExpressionError

ARMS = dict.fromkeys(("a", "b", "c"), frozenset({"top1", "curve.val_top1", "settings.data.train"}))
points = st.lists(st.tuples(st.integers(-50, 50), st.floats(-1e4, 1e4)), min_size=2, max_size=40)


def flat(points: list[tuple[float, float]]) -> list[float]:
    return [each for point in points for each in point]


@given(points, st.floats(1e-3, 1e3))
def test_it_is_that_of_numpy(points: list[tuple[int, float]], scale: float) -> None:
    xs, ys = np.array([x for x, _ in points]) * scale, np.array([y for _, y in points])
    assume(len(set(xs.tolist())) > 1)
    expected = np.polyfit(xs - xs.mean(), ys, 1)[0]
    assert slope(*flat(list(zip(xs, ys, strict=True)))) == pytest.approx(expected, rel=1e-6, abs=1e-6 / scale)


@given(points, st.floats(-100, 100), st.floats(-1e6, 1e6))
def test_a_line_has_its_own(points: list[tuple[int, float]], steep: float, height: float) -> None:
    xs = [x for x, _ in points]
    assume(len(set(xs)) > 1)
    assert slope(*flat([(x, steep * x + height) for x in xs])) == pytest.approx(steep, rel=1e-6, abs=1e-7)


@given(st.lists(st.lists(st.floats(-100, 100), min_size=3, max_size=3), min_size=1, max_size=6))
def test_of_a_full_grid_it_is_the_mean_of_the_slopes_of_its_rows(rows: list[list[float]]) -> None:
    """However far apart the rows lie: what differs between them is no slope."""
    xs = (1.0, 2.0, 5.0)
    pooled = slope(*flat([(x, y) for row in rows for x, y in zip(xs, row, strict=True)]))
    within = [slope(*flat(list(zip(xs, row, strict=True)))) for row in rows]
    assert pooled == pytest.approx(math.fsum(within) / len(within), abs=1e-9)


def test_points_at_one_place_have_none() -> None:
    with pytest.raises(
        ExpressionError, match="slope of points that all lie at 3; expected at least two values"
    ):
        slope(3, 1, 3, 2)


def test_it_is_written_in_effects() -> None:
    measured = {"a": 1.0, "b": 4.0, "c": 4.0}
    sizes = {"a": 100.0, "b": 200.0, "c": 800.0}

    def lookup(arm: str, name: str) -> float:
        return measured[arm] if name == "top1" else sizes[arm]

    assert parse("slope(1, a.top1, 3, b.top1)", ARMS).evaluate(lookup) == 1.5
    text = ", ".join(f"log2({arm}.settings.data.train), {arm}.top1" for arm in "abc")
    assert parse(f"slope({text})", ARMS).evaluate(lookup) == pytest.approx(
        np.polyfit([0, 1, 3], [1, 4, 4], 1)[0]
    )
    with pytest.raises(ExpressionError, match="all lie at 2"):
        parse("slope(2, a.top1, 2, b.top1)", ARMS).evaluate(lookup)


@pytest.mark.parametrize(
    "text",
    ["slope(a.top1)", "slope(1, a.top1)", "slope(1, a.top1, 2)", "slope(1, a.top1, 2, b.top1, 3)", "slope()",
     "slope(a.curve.val_top1)", "slope(1, a.curve.val_top1, 2, b.top1)"],
)  # fmt: skip
def test_it_takes_two_pairs_of_numbers_or_more(text: str) -> None:
    with pytest.raises(ExpressionError, match=r"slope was given .*; expected slope\(x, y, x, y, …\)"):
        parse(text, ARMS)
