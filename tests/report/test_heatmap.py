"""Grids of effects over two axes, and how they are drawn."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.claim.claim import Place
from edgebench.report.heatmap import Grid, grids, heat_maps
from edgebench.report.result import Result
from tests.report.fixtures import result_of

SIZES, WIDTHS = ("100", "1000"), ("0.5", "1", "2")


def cell(size: int, width: int, values: list[float], **changes: object) -> Result:
    place = (Place("data.train", size, SIZES[size]), Place("model.width", width, WIDTHS[width]))
    item = f"deficit[train={SIZES[size]},width={WIDTHS[width]}]"
    return result_of(item, values, **{"place": place, "expectation": "> 0", **changes})


def six() -> list[Result]:
    return [
        cell(0, 0, [4.0, 4.0]),
        cell(0, 1, [2.0, 2.5]),
        cell(0, 2, [1.0, 0.04], verdict="inconclusive"),
        cell(1, 0, [1.0, 1.0]),
        cell(1, 1, [0.0, 0.0], verdict="contradicted"),
        cell(1, 2, [-2.0, -2.0], verdict="contradicted"),
    ]


def the_grid(results: list[Result]) -> Grid:
    (grid,) = grids(results)
    return grid


def test_a_grid_has_the_cases_at_their_places_in_any_order() -> None:
    grid = the_grid(six())
    assert (grid.claim, grid.tier, grid.effect, grid.unit) == ("demo/trained", "smoke", "deficit", "points")
    assert (grid.axes, grid.rows, grid.columns) == (("data.train", "model.width"), SIZES, WIDTHS)
    values = [[each.result.value for each in row if each] for row in grid.cells]
    assert values == [[4, 2.25, 0.52], [1, 0, -2]]
    assert the_grid(six()[::-1]) == grid


def test_shades_are_relative_to_the_farthest_from_the_target() -> None:
    shades = [[each.shade for each in row if each] for row in the_grid(six()).cells]
    assert shades == [[1, 2.25 / 4, 0.13], [0.25, 0, -0.5]]
    above_one = [cell(0, 0, [1.5, 1.5], expectation="> 1"), cell(0, 1, [0.9, 0.9], expectation="> 1")]
    assert [each.shade for row in the_grid(above_one).cells for each in row if each] == pytest.approx(
        [1, -0.2]
    )


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=6))
def test_shades_have_the_sign_and_order_of_values(values: list[float]) -> None:
    results = [cell(i // 3, i % 3, [value, value]) for i, value in enumerate(values)]
    found = [each for row in the_grid(results).cells for each in row if each is not None]
    assert len(found) == len(values)
    for one in found:
        assert one.shade is not None
        assert one.result.value is not None
        assert -1 <= one.shade <= 1
        assert (one.shade > 0) <= (one.result.value > 0)
        assert all(other.shade is None or (one.shade <= other.shade or one.result.value > other.result.value)  # type: ignore[operator]
                   for other in found)  # fmt: skip
    if any(values):
        assert max(abs(each.shade) for each in found if each.shade is not None) == 1


def test_only_matrices_of_two_axes_have_grids() -> None:
    (one, *others) = six()
    place = one.place
    assert grids([result_of("gain", [1.0, 2.0])]) == []
    assert heat_maps([result_of("gain", [1.0, 2.0])]) == ""
    assert grids([result_of(each.item, each.values, place=each.place[:1]) for each in others]) == []
    third = Place("seed", 0, "0")
    assert grids([result_of(each.item, each.values, place=(*each.place, third)) for each in others]) == []
    assert grids([one]) == []  # one cell is no map
    assert place == one.place


def test_each_effect_has_its_own() -> None:
    others = [replace(each, item=each.item.replace("deficit", "rise")) for each in six()]
    mixed = [each for pair in zip(six(), others, strict=True) for each in pair]
    assert [grid.effect for grid in grids(mixed)] == ["deficit", "rise"]


def test_places_survive_the_way_between_processes() -> None:
    for each in six():
        again = Result.from_json(json.loads(json.dumps(each.to_json())))
        assert again == each
        assert again.place[0].axis == "data.train"
    old = {key: value for key, value in six()[0].to_json().items() if key != "place"}
    assert Result.from_json(old).place == ()


def test_it_can_be_read_without_colour() -> None:
    assert heat_maps(six()).splitlines() == [
        "demo/trained deficit, points: data.train down, model.width across",
        "           0.5         1          2",
        " 100  █ 4.00 R  ▓ 2.25 R  ░  0.52 I",
        "1000  ░ 1.00 R    0.00 C  ▒ -2.00 C",
        "",
        "R reproduced, C contradicted, I inconclusive",
    ]


def test_colour_changes_nothing_but_colours() -> None:
    coloured = heat_maps(six(), colour=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == heat_maps(six())
    backgrounds = re.findall(r"\x1b\[38;5;16;48;5;(\d+)m. +(-?[0-9.]+)", coloured)
    assert backgrounds == [
        ("202", "4.00"),
        ("209", "2.25"),
        ("223", "0.52"),
        ("223", "1.00"),
        ("153", "-2.00"),
    ]


def test_cases_without_value_or_result() -> None:
    results = [
        cell(0, 0, [], verdict="failed"),
        cell(0, 1, [3.0, 3.0]),
        cell(1, 1, [-0.001, -0.001], verdict="invalid"),
    ]
    assert heat_maps(results).splitlines()[1:] == [
        "        0.5         1",
        " 100    – F  █ 3.00 R",
        "1000         ░ 0.00 V",
        "",
        "R reproduced, V invalid, F failed",
    ]


def test_whole_numbers_stay_whole() -> None:
    results = [cell(0, 0, [1234567.0]), cell(0, 1, [-12.0])]
    assert heat_maps(results).splitlines()[2] == "100  █ 1,234,567 R  ░ -12 R"
