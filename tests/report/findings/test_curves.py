"""Bands of curves."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edgebench.claim.metrics import METRICS
from edgebench.report.findings.curves import arms_of, band, curves_of
from edgebench.run.record import Measured
from tests import roots
from tests.report.findings.fixtures import findings, the_tier


def test_mean_and_range_at_each_epoch_of_the_curves_that_go_so_far() -> None:
    found = band("a", [(1.0, 2.0, 6.0), (3.0, 6.0)])
    assert found is not None
    assert (found.arm, found.trials) == ("a", 2)
    assert (found.mean, found.low, found.high) == ((2, 4, 6), (1, 2, 6), (3, 6, 6))
    assert band("a", []) is None
    assert band("a", [()]) is None


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5), min_size=1, max_size=4))
def test_the_mean_lies_in_the_band(curves: list[list[float]]) -> None:
    found = band("a", curves)
    assert found is not None
    assert len(found.mean) == max(map(len, curves))
    for mean, low, high in zip(found.mean, found.low, found.high, strict=True):
        slack = 1e-4 * max(abs(low), abs(high))  # of rounding
        assert low - slack <= mean <= high + slack


def test_all_arms_by_metric_and_what_readers_look_for_first(tmp_path: Path) -> None:
    curves = the_tier(findings(tmp_path, trained=roots.TRAINED)).curves
    assert [each.metric for each in curves] == ["val_top1", "lr"]
    assert [(each.arm, each.trials, len(each.mean)) for each in curves[0].bands] == [
        ("plain", 2, 3),
        ("slow", 2, 3),
    ]
    assert curves[0].unit == METRICS["train"]["curve.val_top1"].unit == "%"


def test_folds_are_curves_of_their_arm(tmp_path: Path) -> None:
    text = roots.TRAINED.replace("train: 200, val: 100", "folds: 3")
    claim = roots.load(tmp_path, text)
    tier = claim.cases[0].tiers["smoke"]
    assert arms_of(tier)["plain"] == ("plain/1", "plain/2", "plain/3")
    trained = {
        arm: [Measured({}, {"val_loss": (1.0, 0.5)})] * 2 for arm in tier.arms if arm.startswith("plain")
    }
    (curves,) = curves_of(claim, tier, "", trained)
    assert [(each.arm, each.trials) for each in curves.bands] == [("plain", 6)]
