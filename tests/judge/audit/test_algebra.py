"""What an effect becomes with other arms or metrics."""

from __future__ import annotations

import pytest

from edgebench.claim.expression import Expression, parse
from edgebench.judge.audit.algebra import SAME, exchanged, value_alike, with_arms, with_metric

METRICS = frozenset(
    {"top1", "params", "flops", "memory.counted", "step_ms", "curve.val_loss", "settings.data.train"}
)


def expression(source: str) -> Expression:
    return parse(source, dict.fromkeys("abcd", METRICS))


def swapped(source: str, value: float) -> float | None:
    ((names, _, law),) = exchanged(expression(source))
    assert names == {"a": "b", "b": "a"}
    return None if law is None else law(value)


@pytest.mark.parametrize(
    ("source", "value", "after"),
    [
        ("a.top1 - b.top1", 3.0, -3.0),
        ("a.step_ms / b.step_ms", 1.25, 0.8),
        ("(a.params - b.params) / 1e6", 2.0, -2.0),
        ("100 * (1 - a.flops / b.flops)", 20.0, -25.0),
        ("100 * (a.step_ms / b.step_ms - 1)", 25.0, -20.0),
        ("(a.params - b.params) / a.params * 100", 20.0, -25.0),
        ("max(a.top1, b.top1)", 7.0, 7.0),
        ("abs(a.top1 - b.top1)", 7.0, 7.0),
        ("min(a.curve.val_loss) - min(b.curve.val_loss)", 0.5, -0.5),
        (
            "epochs_down_to(a.curve.val_loss, max(min(a.curve.val_loss), min(b.curve.val_loss)))"
            " - epochs_down_to(b.curve.val_loss, max(min(b.curve.val_loss), min(a.curve.val_loss)))",
            4.0,
            -4.0,
        ),
        ("a.top1 - 2 * b.top1", 3.0, None),
        ("a.params / b.flops", 3.0, None),
    ],
)
def test_the_value_of_exchanged_arms_where_it_follows_from_the_value(
    source: str, value: float, after: float | None
) -> None:
    assert swapped(source, value) == (None if after is None else pytest.approx(after))


def test_exchanges_of_more_than_two_arms() -> None:
    ways = exchanged(expression("min(a.top1, b.top1) - c.top1"))
    laws = {tuple(key for key, new in names.items() if key != new): law for names, _, law in ways}
    assert laws[("a", "b")] is SAME
    assert laws[("a", "c")] is None
    pairs = exchanged(expression("(a.top1 - b.top1) - (c.top1 - d.top1)"))
    found = {tuple(sorted(names.items())): law for names, _, law in pairs}
    both = found[(("a", "b"), ("b", "a"), ("c", "d"), ("d", "c"))]
    assert both is not None
    assert both(2.0) == -2.0


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("a.top1 - b.top1", 0.0),
        ("a.step_ms / b.step_ms", 1.0),
        ("100 * (1 - a.flops / b.flops)", 0.0),
        ("front(a, b, c, gain=top1, cost=memory.counted)", 0.0),
        ("a.top1 - max(b.top1, c.top1)", 0.0),
        ("a.top1 - b.params", None),
        ("a.top1 + b.top1", None),
    ],
)
def test_the_value_of_arms_that_are_alike(source: str, value: float | None) -> None:
    assert value_alike(expression(source)) == value


def test_rewritten_expressions_read_what_they_say() -> None:
    front = with_metric(expression("front(a, b, gain=top1, cost=memory.counted)"), "memory.counted", "params")
    table = {("a", "top1"): 3.0, ("b", "top1"): 2.0, ("a", "params"): 9.0, ("b", "params"): 1.0}
    assert front.evaluate(lambda arm, name: table[arm, name]) == 1.0
    assert set(front.references) == set(table)
    moved = with_arms(expression("a.top1 / a.settings.data.train"), {"a": "b"})
    assert moved.references == (("b", "top1"), ("b", "settings.data.train"))
    assert moved.evaluate(lambda arm, name: {"top1": 6.0}.get(name, 2.0)) == 3.0
    nested = with_metric(expression("a.top1 - b.top1"), "top1", "memory.counted")
    assert nested.references == (("a", "memory.counted"), ("b", "memory.counted"))
