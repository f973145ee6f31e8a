"""Measures of curves: on curves whose answer is known, on any curve, and on those of arms that diverged."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.claim.curves import (
    DivergedCurve,
    epochs_down_to,
    epochs_to,
    late_slope,
    rise,
    roughness,
)
from edgebench.errors import ExpressionError
from tests.claim.fixtures import TRAIN, Root, changed

Measure = Callable[[Sequence[float]], float]

curves = st.lists(st.floats(0, 100), min_size=4, max_size=40).map(tuple)
values = st.floats(0, 100)


class TestEpochsTo:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (10, 1),
            (20, 1),  # reached after the first epoch: nothing is known before it
            (30, 1.5),
            (40, 2),
            (50, 3.25),  # first reached before it was lost again, after the dip of the third epoch
            (70, 3.75),
            (80, 4),
            (80.1, 5),  # never: all epochs
        ],
    )
    def test_first_crossing(self, value: float, expected: float) -> None:
        assert epochs_to([20, 40, 40, 80, 60], value) == expected

    def test_a_fall_is_a_rise_upside_down(self) -> None:
        assert epochs_down_to([4, 2, 1, 3], 3) == 1.5
        assert epochs_down_to([4, 2, 1, 3], 5) == 1
        assert epochs_down_to([4, 2, 1, 3], 0.5) == 4

    @given(curves, values)
    def test_the_curve_is_at_the_value_there_and_below_it_before(
        self, curve: tuple[float, ...], value: float
    ) -> None:
        epochs = epochs_to(curve, value)
        assert 1 <= epochs <= len(curve)
        before = curve[: int(np.ceil(epochs)) - 1]
        assert all(each < value for each in before)
        if max(curve) < value:
            assert epochs == len(curve)
        elif epochs > 1:
            assert np.interp(epochs, range(1, len(curve) + 1), curve) == pytest.approx(value, abs=1e-6)

    @given(curves, values, values)
    def test_more_takes_longer(self, curve: tuple[float, ...], one: float, other: float) -> None:
        assert epochs_to(curve, min(one, other)) <= epochs_to(curve, max(one, other)) + 1e-9

    @given(curves, curves, values, st.integers(4, 40))
    def test_a_shorter_look_understates_a_difference_and_never_turns_it(
        self, one: tuple[float, ...], other: tuple[float, ...], value: float, epochs: int
    ) -> None:
        # Both continued to the value, so that the long curves have the true times.
        full = [(*curve, *[curve[-1]] * (40 - len(curve)), 100.0) for curve in (one, other)]
        true = epochs_to(full[0], value) - epochs_to(full[1], value)
        seen = epochs_to(full[0][:epochs], value) - epochs_to(full[1][:epochs], value)
        assert abs(seen) <= abs(true) + 1e-9
        assert seen * true >= 0


class TestLateSlope:
    @pytest.mark.parametrize(("epochs", "late"), [(4, 2), (6, 2), (7, 3), (9, 3), (10, 4), (300, 100)])
    def test_of_the_last_third_alone(self, epochs: int, late: int) -> None:
        early = [1000.0 * (-1) ** i for i in range(epochs - late)]
        assert late_slope([*early, *(7 + 0.25 * i for i in range(late))]) == pytest.approx(0.25)

    @given(curves)
    def test_agrees_with_numpy(self, curve: tuple[float, ...]) -> None:
        late = curve[len(curve) * 2 // 3 :]
        assert late_slope(curve) == pytest.approx(np.polyfit(range(len(late)), late, 1)[0], abs=1e-7)

    @given(curves, values, st.sampled_from([-1.0, 0.5, 4.0]))
    def test_shift_and_scale(self, curve: tuple[float, ...], shift: float, scale: float) -> None:
        moved = [shift + scale * each for each in curve]
        assert late_slope(moved) == pytest.approx(scale * late_slope(curve), abs=1e-9)


class TestRise:
    @pytest.mark.parametrize(
        ("curve", "expected"), [([3, 2, 1], 0), ([3, 1, 1.5, 4], 3), ([2, 1, 5, 1], 0), ([7], 0)]
    )
    def test_above_the_smallest(self, curve: list[float], expected: float) -> None:
        assert rise(curve) == expected

    @given(curves)
    def test_it_is_nought_exactly_where_no_epoch_was_better_than_the_last(
        self, curve: tuple[float, ...]
    ) -> None:
        assert rise(curve) >= 0
        assert (rise(curve) == 0) == all(each >= curve[-1] for each in curve)


def diverged(seen: Sequence[float], worst: float) -> DivergedCurve:
    return DivergedCurve((*seen, *[worst] * (40 - len(seen)), worst))


class TestDiverged:
    """No curve does worse than a diverged one, whatever was seen of it before."""

    @given(curves, st.one_of(st.just(()), curves), values)
    def test_of_an_accuracy(self, curve: tuple[float, ...], seen: tuple[float, ...], value: float) -> None:
        lost = diverged(seen, 0.0)
        assert roughness(lost) >= roughness(curve)
        assert late_slope(lost) <= late_slope(curve)
        assert rise(lost) <= rise(curve)
        assert epochs_to(lost, value) == 41 >= epochs_to(curve, value)

    @given(curves, st.one_of(st.just(()), curves), values)
    def test_of_a_loss(self, curve: tuple[float, ...], seen: tuple[float, ...], value: float) -> None:
        lost = diverged(seen, 100.0)
        assert roughness(lost) >= roughness(curve)
        assert late_slope(lost) >= late_slope(curve)
        assert rise(lost) >= rise(curve)
        assert epochs_down_to(lost, value) == 41 >= epochs_down_to(curve, value)


@pytest.mark.parametrize(
    ("measure", "epochs"),
    [(roughness, 3), (late_slope, 4), (rise, 1), (lambda c: epochs_to(c, 1), 1)],
)
def test_a_curve_that_is_too_short(measure: Measure, epochs: int) -> None:
    assert measure([1.0] * epochs) is not None
    with pytest.raises(
        ExpressionError, match=f"of a curve of {epochs - 1} epochs; expected at least {epochs}"
    ):
        measure([1.0] * (epochs - 1))


class TestInAClaim:
    @pytest.mark.parametrize(
        ("value", "unit"),
        [
            ("epochs_to(mixup.curve.val_top1, 80) - epochs_to(plain.curve.val_top1, 80)", "epochs"),
            ("epochs_to(mixup.curve.val_top1, 0.9 * max(plain.curve.val_top1))", "epochs"),
            ("epochs_down_to(plain.curve.train_loss, 0.1)", "epochs"),
            ("late_slope(plain.curve.val_top1)", "points per epoch"),
            ("-late_slope(plain.curve.val_loss)", "nats per epoch"),
            ("rise(plain.curve.val_loss) - rise(mixup.curve.val_loss)", "nats"),
            ("roughness(plain.curve.val_top1) - roughness(mixup.curve.val_top1)", "points"),
            ("rise(plain.curve.val_loss) / rise(mixup.curve.val_loss)", ""),
            ("max(plain.curve.val_top1) - epochs_to(plain.curve.val_top1, 3)", ""),
            ("last(plain.curve.val_loss)", "nats"),
            ("log(plain.val_loss)", ""),
            ("2 * plain.top1", ""),
        ],
    )
    def test_units(self, root: Root, value: str, unit: str) -> None:
        effect = root.load(changed(TRAIN, "plain.top1 - mixup.top1", value)).cases[0].effects["mixup"]
        assert effect.unit == unit

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (
                "epochs_to(plain.curve.val_loss, 1)",
                "'curve.val_loss' goes the other way than epochs_to asks; expected epochs_down_to(…)",
            ),
            (
                "epochs_down_to(plain.curve.val_top1, 1)",
                "'curve.val_top1' goes the other way than epochs_down_to asks; expected epochs_to(…)",
            ),
        ],
    )
    def test_the_way_that_curves_go(self, root: Root, value: str, message: str) -> None:
        assert root.the_problem(changed(TRAIN, "plain.top1 - mixup.top1", value)).message == message
