"""Between which numbers an effect's value must lie, whatever is measured: interval arithmetic over its expression.

A percentage lies in 0..100, a count, a size, a time or a loss is not negative. What is not known is unbounded, so that
nothing is concluded from it.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import NamedTuple

from edgebench.claim.configured import is_setting
from edgebench.claim.expression import Expression, dotted
from edgebench.claim.folds import metric_of
from edgebench.claim.metrics import METRICS
from edgebench.claim.settings import Kind


class Bounds(NamedTuple):
    """A closed interval; its ends may be infinite."""

    low: float
    high: float


_OPEN = Bounds(-math.inf, math.inf)
_POSITIVE = Bounds(0.0, math.inf)
_UNITS = {"%": Bounds(0.0, 100.0), "points": Bounds(-100.0, 100.0)}
# Functions whose value lies between the smallest and the largest of what they are given; of `at` the curve alone.
_WITHIN = ("min", "max", "mean", "at", "last")
_NOT_NEGATIVE = ("roughness", "epochs_to", "epochs_down_to", "rise")


def bounds(value: Expression, kind: Kind) -> Bounds:
    """The interval outside which the value of an effect cannot lie."""
    return _bounds(value.tree, kind)


def _bounds(node: ast.expr, kind: Kind) -> Bounds:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return Bounds(float(node.value), float(node.value))
    if isinstance(node, ast.UnaryOp):
        inner = _bounds(node.operand, kind)
        return Bounds(-inner.high, -inner.low) if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.BinOp):
        return _combined(node.op, _bounds(node.left, kind), _bounds(node.right, kind))
    if isinstance(node, ast.Call):
        return _of_call(node, kind)
    parts = dotted(node)
    name = metric_of(".".join(parts[1:])) if parts else ""
    if is_setting(name) or name not in METRICS[kind]:
        return _OPEN
    return _UNITS.get(METRICS[kind][name].unit, _POSITIVE)


def _of_call(node: ast.Call, kind: Kind) -> Bounds:
    name = ast.unparse(node.func)
    if name in _NOT_NEGATIVE:
        return _POSITIVE
    if name == "abs":
        inner = _bounds(node.args[0], kind)
        ends = (abs(inner.low), abs(inner.high))
        return Bounds(0.0 if inner.low <= 0 <= inner.high else min(ends), max(ends))
    if name not in _WITHIN:
        return _OPEN
    parts = [_bounds(each, kind) for each in (node.args[:1] if name == "at" else node.args)]
    lows, highs = [each.low for each in parts], [each.high for each in parts]
    if name == "min":
        return Bounds(min(lows), min(highs))
    return Bounds(max(lows) if name == "max" else min(lows), max(highs))


def _combined(op: ast.operator, a: Bounds, b: Bounds) -> Bounds:
    if isinstance(op, ast.Add):
        return Bounds(a.low + b.low, a.high + b.high)
    if isinstance(op, ast.Sub):
        return Bounds(a.low - b.high, a.high - b.low)
    if isinstance(op, ast.Div):
        if b.low < 0 or b.high == 0:
            return _OPEN
        # Dividing by what may come as near to 0 as it likes.
        inverse = Bounds(1 / b.high, 1 / b.low if b.low else math.inf)
        return _combined(ast.Mult(), a, inverse)
    ends = [_product(x, y) for x in a for y in b]
    return Bounds(min(ends), max(ends))


def _product(x: float, y: float) -> float:
    """The product, 0 where one is 0: an unbounded number is still a number."""
    return 0.0 if x == 0 or y == 0 else x * y


FORMS: dict[str, Callable[[Bounds, float, float], tuple[bool, bool]]] = {
    ">": lambda b, low, high: (b.low > low, b.high <= low),
    "<": lambda b, low, high: (b.high < high, b.low >= high),
    "~": lambda b, low, high: (low <= b.low and b.high <= high, b.high < low or b.low > high),
    "==": lambda b, low, high: (b.low == b.high == low, b.high < low or b.low > low),
}


def settled(value: Bounds, relation: str, low: float, high: float) -> bool | None:
    """Whether a value within the bounds always (True) or never (False) lies where it is expected; None: it may.

    Args:
        relation: `>` (above `low`), `<` (below `high`), `~` (within both) or `==` (at both).
    """
    always, never = FORMS[relation](value, low, high)
    return True if always else False if never else None
