"""Which items share an interval plot, and what of them is drawn."""

from __future__ import annotations

import pytest

from edgebench.report.html.intervals import interval_figures
from tests.report.html.fixtures import item_of


def names(*items: tuple[str, tuple[float, ...], dict[str, object]]) -> list[list[str]]:
    figures = interval_figures([item_of(name, values, **changes) for name, values, changes in items])
    return [[each["name"] for each in figure.data["items"]] for figure in figures]


def test_items_of_one_unit_and_size_share_a_plot() -> None:
    assert names(("a", (1.0, 2.0), {}), ("b", (2.0, 4.0), {})) == [["a", "b"]]
    assert names(("a", (1.0, 2.0), {}), ("b", (2.0, 4.0), {"unit": "%"})) == [["a"], ["b"]]
    assert names(("a", (1.0, 2.0), {}), ("b", (2.0, 400.0), {})) == [["a"], ["b"]]


def test_cases_of_one_effect_stand_beside_each_other_sooner() -> None:
    wide = {"published": None}
    assert names(("a", (1.0, 2.0), wide), ("b", (9.0, 18.0), wide)) == [["a"], ["b"]]
    assert names(("a[x]", (1.0, 2.0), wide), ("a[y]", (9.0, 18.0), wide)) == [["a[x]", "a[y]"]]


def test_every_number_lies_within_the_range() -> None:
    (figure,) = interval_figures([item_of("a", (1.0, 2.0), published=7.0, expectation="> -3", margin=0.5)])
    low, high = figure.data["range"]
    assert low < -3
    assert high > 7
    (exact,) = interval_figures([item_of("a", (1000.0,), published=1000.0, expectation="== 1000", margin=0)])
    low, high = exact.data["range"]
    assert 980 < low < 1000 < high < 1020


@pytest.mark.parametrize(
    ("expectation", "margin", "claimed"),
    [("> 1", 0.5, (1.5, None)), ("< 1", 0.5, (None, 0.5)), ("~ 1 ± 0.2", 0, (0.8, 1.2)), ("== 1", 0, (1, 1))],
)
def test_the_claimed_side(
    expectation: str, margin: float, claimed: tuple[float | None, float | None]
) -> None:
    (figure,) = interval_figures([item_of("a", (1.0, 2.0), expectation=expectation, margin=margin)])
    (drawn,) = figure.data["items"]
    assert (drawn["from"], drawn["to"], drawn["target"]) == (*claimed, 1)


def test_values_and_words() -> None:
    (figure,) = interval_figures([item_of("a", (1.0, 3.0)), item_of("b", (), published=None)])
    (drawn,) = figure.data["items"]
    assert (drawn["value"], drawn["low"], drawn["high"], drawn["seeds"]) == (2, 1, 3, [1, 3])
    assert figure.said == "a: 2 [1, 3], claimed > 0 by 0.5, reproduced"
    assert figure.rows == (("a", "2 [1, 3]", "1, 3", "> 0 by 0.5", "3"),)


def test_what_was_published_of_items_that_were_not_run() -> None:
    (figure,) = interval_figures([item_of("a", (), verdict="not run", published=3.0)])
    (drawn,) = figure.data["items"]
    assert (drawn["value"], drawn["published"], drawn["seeds"]) == (None, 3, [])
