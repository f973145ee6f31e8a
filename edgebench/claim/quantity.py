"""What kind of quantity an effect's value is: its unit, and whether its functions are asked of the right metrics."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from edgebench.claim.configured import is_setting
from edgebench.claim.expression import Expression, dotted
from edgebench.claim.folds import metric_of
from edgebench.claim.functions import FUNCTIONS
from edgebench.claim.metrics import METRICS, Metric
from edgebench.claim.settings import Kind
from edgebench.errors import ExpressionError


def check_directions(value: Expression, kind: Kind) -> None:
    """Accept an effect whose gains are metrics of which more is better, as far as that is known, and whose curves go
    the way that its functions take them to go.

    Raises:
        ExpressionError: a gain is a loss or the like; a loss is asked when it rises to a value, or an accuracy when
            it falls to one.
    """
    table = METRICS[kind]
    for gain in value.gains:
        # Where a diverged arm gets 0, more is better; as for a floor.
        known = [name for name, each in table.items() if each.worst == 0 and not name.startswith("curve.")]
        if known and gain not in known:
            raise ExpressionError(
                f"'{gain}' is not a metric where more is better", expected=f"one of {', '.join(known)}"
            )
    for name, metric in value.directed:
        if FUNCTIONS[name].rises != (table[metric].worst == 0):
            other = "epochs_down_to" if FUNCTIONS[name].rises else "epochs_to"
            raise ExpressionError(f"'{metric}' goes the other way than {name} asks", expected=f"{other}(…)")


def unit_of(value: Expression, kind: Kind) -> str:
    """The unit where it is plain: sums and differences of one unit; differences of per cent are points."""
    table = METRICS[kind]
    units = _units(value.tree, table)
    if len(units) != 1:
        return ""
    unit = units.pop()
    return "points" if unit == "%" and "-" in value.source else unit


def _units(node: ast.expr, table: Mapping[str, Metric]) -> set[str]:
    """The units of a value's terms; where it is a product or the like, an empty one stands among them."""
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        if FUNCTIONS[name].metrics:  # a margin, which is a difference of gains
            (unit,) = {_unit(ast.unparse(each.value), table) for each in node.keywords if each.arg == "gain"}
            return {"points" if unit == "%" else unit}
        if FUNCTIONS[name].pairs:
            return {""}  # a unit of y for one of x, of which neither need be plain
        if (form := FUNCTIONS[name].unit) is not None:
            (unit,) = _units(node.args[0], table)
            return {form.format("points" if unit == "%" else unit)}
        units = set().union(*(_units(argument, table) for argument in node.args))
        return units if name not in ("log", "log2") else {""}
    if isinstance(node, ast.UnaryOp):
        return _units(node.operand, table)
    if isinstance(node, ast.BinOp):
        units = _units(node.left, table) | _units(node.right, table)
        return units if isinstance(node.op, ast.Add | ast.Sub) else {""}
    parts = dotted(node)
    return {_unit(".".join(parts[1:]), table)} if parts else set()


def _unit(name: str, table: Mapping[str, Metric]) -> str:
    return "" if is_setting(name) else table[metric_of(name)].unit
