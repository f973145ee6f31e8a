"""What an effect's value becomes when its arms or its metric are others, from the expression alone.

A baseline has the value of an effect and not what it was computed from. Often that is enough: of a difference of arms
the exchanged one is the negative, of a ratio the inverse. Which of a few such laws an expression obeys is found by
trying it on made-up measurements; where it obeys none, the measurements themselves are needed.
"""

from __future__ import annotations

import ast
import copy
import math
import random
from collections.abc import Callable, Mapping
from functools import cache
from itertools import combinations

from edgebench.claim.configured import is_setting
from edgebench.claim.expression import Expression, Value, dotted
from edgebench.claim.folds import is_folds
from edgebench.errors import ExpressionError

Law = Callable[[float], float]
SAME: Law = lambda f: f  # noqa: E731 (one of the laws, to be told from the others)
LAWS: tuple[Law, ...] = (
    SAME,
    lambda f: -f,  # of a difference
    lambda f: 1 / f,  # of a ratio
    lambda f: 100 * (1 - 1 / (1 - f / 100)),  # of a saving in percent
    lambda f: 100 * (1 / (1 + f / 100) - 1),  # of an increase in percent
)
_TRIALS = 6
_EPOCHS = 400  # of made-up curves: as long as any epoch that an effect reads
_NEAR = 1e-7


@cache  # of the expressions of a suite, each the same at all its tiers
def exchanged(value: Expression) -> tuple[tuple[Mapping[str, str], Expression, Law | None], ...]:
    """The expression with arms exchanged: any two of them, and of more than two the arms of two pairs as well.

    Returns:
        For each way the new name of each arm, the expression, and the law by which its value follows from that of the
        given one; None where no law holds.
    """
    arms = measured_arms(value)
    bases = list(dict.fromkeys(arm.partition("[")[0] for arm in arms))  # of a trend, the arms of all cases
    pairs = list(combinations(bases, 2))
    ways = [[pair] for pair in pairs]
    ways += [[a, b] for a, b in combinations(pairs, 2) if not set(a) & set(b)]
    found = []
    for way in ways:
        swapped = {one: other for a, b in way for one, other in ((a, b), (b, a))}
        names = {arm: _within(arm, swapped) for arm in arms}
        if set(names.values()) == set(arms):
            other = with_arms(value, names)
            found.append((names, other, law(value, other)))
    return tuple(found)


@cache
def value_alike(value: Expression) -> float | None:
    """The value when all arms measure what the first does, of a trend in each case; None where it depends on that."""
    arms = measured_arms(value)
    first = arms[0].partition("[")[0]
    return constant(with_arms(value, {arm: _within(arm, {arm.partition("[")[0]: first}) for arm in arms}))


def measured_arms(value: Expression) -> list[str]:
    """The arms of which a measurement is read, in order of appearance."""
    return list(dict.fromkeys(arm for arm, name in value.references if not is_setting(name)))


def _within(arm: str, names: Mapping[str, str]) -> str:
    base, bracket, case = arm.partition("[")
    return names.get(base, base) + bracket + case


def with_arms(value: Expression, names: Mapping[str, str]) -> Expression:
    """The expression with other arms."""
    return _rewritten(value, lambda arm, name: (names.get(arm, arm), name))


def with_metric(value: Expression, old: str, new: str) -> Expression:
    """The expression with another metric in place of one."""
    return _rewritten(value, lambda arm, name: (arm, new if name == old else name))


def _rewritten(value: Expression, change: Callable[[str, str], tuple[str, str]]) -> Expression:
    tree = _Rewriter(value, change).visit(copy.deepcopy(value.tree))
    references = tuple(dict.fromkeys(change(*each) for each in value.references))
    return Expression(value.source, tree, references)


class _Rewriter(ast.NodeTransformer):
    """Changes what is read: `arm.metric`, and in a function of arms the bare arms and the metrics of its keywords."""

    def __init__(self, value: Expression, change: Callable[[str, str], tuple[str, str]]) -> None:
        self.known = set(value.references)
        self.change = change

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        parts = dotted(node)
        assert parts is not None, "checked when parsed"
        return _read(*self.change(parts[0], ".".join(parts[1:])))

    def visit_Call(self, node: ast.Call) -> ast.expr:
        keywords = []
        for keyword in node.keywords:
            metric = dotted(keyword.value)
            assert metric is not None, "checked when parsed"
            name = self.change("", ".".join(metric))[1]
            keywords.append(
                ast.keyword(
                    keyword.arg, _read(*name.split(".", 1)) if "." in name else ast.Name(name, ast.Load())
                )
            )
        return ast.Call(node.func, [self.visit(each) for each in node.args], keywords)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Name(self.change(node.id, "")[0], ast.Load())


def _read(arm: str, name: str) -> ast.expr:
    node: ast.expr = ast.Name(arm, ast.Load())
    for step in name.split("."):
        node = ast.Attribute(node, step, ast.Load())
    return node


def law(value: Expression, other: Expression) -> Law | None:
    """How the value of `other` follows from that of `value`, the same measurements given; None where no law holds."""
    pairs = [(_tried(value, trial), _tried(other, trial)) for trial in range(_TRIALS)]
    known = [(f, g) for f, g in pairs if f is not None and g is not None]
    if len(known) < _TRIALS // 2:
        return None
    return next((each for each in LAWS if all(_holds(each, f, g) for f, g in known)), None)


def constant(value: Expression) -> float | None:
    """The value that an expression has whatever is measured; None where it has several."""
    found = [each for trial in range(_TRIALS) if (each := _tried(value, trial)) is not None]
    same = found and all(math.isclose(each, found[0], rel_tol=_NEAR, abs_tol=_NEAR) for each in found)
    return round(found[0], 6) if same else None


def _holds(law: Law, f: float, g: float) -> bool:
    try:
        return math.isclose(law(f), g, rel_tol=_NEAR, abs_tol=_NEAR)
    except ZeroDivisionError:
        return False


def _tried(value: Expression, trial: int) -> float | None:
    """The value on made-up measurements; None where they happen to allow none."""
    try:
        return value.evaluate(lambda arm, name: _made_up(trial, arm, name))
    except ExpressionError:
        return None


def _made_up(trial: int, arm: str, name: str) -> Value:
    # What arms are configured with is the same in those that are compared, and differs from case to case.
    own = arm.partition("[")[2] if is_setting(name) else arm
    draw = random.Random(f"{trial} {own} {name}")
    if name.startswith("curve."):
        return tuple(draw.uniform(1.0, 100.0) for _ in range(_EPOCHS))
    if is_folds(name):
        return tuple(draw.uniform(1.0, 100.0) for _ in range(6))
    return draw.uniform(1.0, 100.0)
