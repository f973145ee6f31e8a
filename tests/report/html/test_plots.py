"""Curves, costs, fronts and maps as figures."""

from __future__ import annotations

from pathlib import Path

from edgebench.report.findings.model import Band, Bar, Bars, Curves, Front, Point
from edgebench.report.html.figure import listed
from edgebench.report.html.plots import cost_figure, curve_figure, front_figure, map_figure, plots_of
from tests import roots
from tests.report.findings.fixtures import FRONT, findings, the_tier


def test_curves_with_a_band_where_seeds_differ() -> None:
    bands = (
        Band("a", 2, (1.0, 3.0), (0.5, 2.0), (1.5, 4.0)),
        Band("b", 1, (2.0, 2.0), (2.0, 2.0), (2.0, 2.0)),
    )
    figure = curve_figure(Curves("case", "val_loss", "nats", "cross-entropy", bands))
    assert figure.data["arms"] == [
        {"arm": "a", "trials": 2, "mean": (1, 3), "low": (0.5, 2), "high": (1.5, 4)},
        {"arm": "b", "trials": 1, "mean": (2, 2)},
    ]
    assert figure.said == "cross-entropy. Means at the end: a 3 after epoch 2; b 2 after epoch 2"
    assert figure.rows[0] == ("a", "2", "1", "3", "2 to 4")


def test_costs_and_fronts() -> None:
    bars = cost_figure(
        Bars("", "flops", "", "operations", (Bar("a", 2.0, 1.0, 3.0), Bar("b", 5.0, 5.0, 5.0)))
    )
    assert (bars.title, bars.rows) == ("flops", (("a", "2", "1 to 3"), ("b", "5", "–")))
    points = (Point("a", 10.0, 50.0, 49.0, 51.0, True), Point("b", 20.0, 40.0, 40.0, 40.0, False))
    front = front_figure(Front("", "best", "top1", "%", "params", "", points))
    assert (front.said, front.data["gain"], front.data["cost"]) == ("On the front: a", "top1 (%)", "params")
    assert [(each["arm"], each["front"]) for each in front.data["points"]] == [("a", True), ("b", False)]


def test_maps_have_the_shade_the_value_and_the_verdict(tmp_path: Path) -> None:
    (_, gain) = the_tier(findings(tmp_path, front=FRONT), "demo/front").grids
    figure = map_figure(gain)
    assert figure.data["cells"][0] == [
        {"value": "4.5", "shade": 0.5, "verdict": "reproduced"},
        {"value": "4.5", "shade": 0.5, "verdict": "reproduced"},
    ]
    assert figure.rows[1] == ("200", "9 [9, 9], reproduced", "9 [9, 9], reproduced")


def test_sorts_that_a_claim_has(tmp_path: Path) -> None:
    found = findings(tmp_path, front=FRONT, trained=roots.TRAINED)
    assert list(plots_of(the_tier(found, "demo/front"))) == [
        "Heat maps",
        "Gain against cost",
        "Learning curves",
        "Costs",
    ]
    assert list(plots_of(the_tier(found))) == ["Learning curves"]


def test_long_lists_are_counted() -> None:
    assert listed(["a", "b", "c"], most=2) == "a; b; and 1 more"
    assert listed([]) == ""
