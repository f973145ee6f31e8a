"""Between which numbers an effect's value must lie."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.claim.bounds import Bounds, bounds, settled
from edgebench.claim.expression import parse
from edgebench.claim.metrics import METRICS
from edgebench.claim.settings import Kind

INF = math.inf


def of(source: str, kind: Kind = "train") -> Bounds:
    readable = frozenset(METRICS[kind]) | {"settings.epochs"}
    return bounds(parse(source, {"a": readable, "b": readable}), kind)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a.top1", (0, 100)),
        ("a.top1 - b.top1", (-100, 100)),
        ("a.gap", (-100, 100)),
        ("a.val_loss", (0, INF)),
        ("a.params / b.params", (0, INF)),
        ("100 * (1 - a.params / b.params)", (-INF, 100)),
        ("a.top1 / 4 + 1", (1, 26)),
        ("-a.top1", (-100, 0)),
        ("abs(a.top1 - b.top1)", (0, 100)),
        ("abs(a.top1 - 200)", (100, 200)),
        ("min(a.top1, b.val_loss)", (0, 100)),
        ("max(a.top1, 50)", (50, 100)),
        ("mean(a.curve.val_top1)", (0, 100)),
        ("at(a.curve.val_top1, 3)", (0, 100)),
        ("roughness(a.curve.val_top1)", (0, INF)),
        ("log(a.params)", (-INF, INF)),
        ("a.top1 * a.settings.epochs", (-INF, INF)),
        ("1 / (a.top1 - b.top1)", (-INF, INF)),
        ("front(a, b, gain=top1, cost=params)", (-INF, INF)),
    ],
)
def test_of_expressions(source: str, expected: tuple[float, float]) -> None:
    assert of(source) == expected


@given(st.tuples(st.floats(0, 100), st.floats(0, 100), st.floats(0, 9), st.floats(0.01, 9)))
def test_no_value_lies_outside(measured: tuple[float, float, float, float]) -> None:
    top1, other, loss, more = measured
    values = {("a", "top1"): top1, ("b", "top1"): other, ("a", "val_loss"): loss, ("b", "val_loss"): more}
    readable = frozenset(METRICS["train"])
    for source in (
        "a.top1 - b.top1 * 2",
        "100 * (1 - a.val_loss / b.val_loss)",
        "max(a.top1, b.top1) - min(a.top1, b.top1)",
        "abs(a.top1 - b.top1) * -a.val_loss",
    ):
        low, high = of(source)
        value = parse(source, {"a": readable, "b": readable}).evaluate(lambda arm, name: values[arm, name])
        assert low <= value <= high


@pytest.mark.parametrize(
    ("source", "relation", "low", "high", "expected"),
    [
        ("a.top1", ">", -1, INF, True),
        ("a.top1", ">", 0, INF, None),
        ("a.top1", ">", 100, INF, False),
        ("a.val_loss", "<", -INF, 0, False),
        ("a.top1", "<", -INF, 101, True),
        ("a.top1", "~", -1, 101, True),
        ("a.top1", "~", 110, 120, False),
        ("a.top1", "~", 90, 120, None),
        ("a.top1", "==", 101, 101, False),
        ("a.top1 * 0", "==", 0, 0, True),
    ],
)
def test_settled(source: str, relation: str, low: float, high: float, expected: bool | None) -> None:
    assert settled(of(source), relation, low, high) is expected
