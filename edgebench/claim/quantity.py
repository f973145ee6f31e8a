"""What kind of quantity an effect's value is: its unit, and whether its functions are asked of the right metrics."""

from __future__ import annotations

import ast

from edgebench.claim.configured import is_setting
from edgebench.claim.expression import Expression, dotted
from edgebench.claim.folds import metric_of
from edgebench.claim.functions import FUNCTIONS
from edgebench.claim.metrics import METRICS, unit
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
    units = _units(value.tree, kind)
    if len(units) != 1:
        return ""
    only = units.pop()
    return "points" if only == "%" and "-" in value.source else only


def _units(node: ast.expr, kind: Kind) -> set[str]:
    """The units of a value's terms; where it is a product or the like, an empty one stands among them."""
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        if FUNCTIONS[name].metrics:  # a margin, which is a difference of gains
            (gain,) = {_unit(ast.unparse(each.value), kind) for each in node.keywords if each.arg == "gain"}
            return {"points" if gain == "%" else gain}
        if FUNCTIONS[name].pairs:
            return {""}  # a unit of y for one of x, of which neither need be plain
        if (form := FUNCTIONS[name].unit) is not None:
            (given,) = _units(node.args[0], kind)
            return {form.format("points" if given == "%" else given)}
        units = set().union(*(_units(argument, kind) for argument in node.args))
        return units if name not in ("log", "log2") else {""}
    if isinstance(node, ast.UnaryOp):
        return _units(node.operand, kind)
    if isinstance(node, ast.BinOp):
        units = _units(node.left, kind) | _units(node.right, kind)
        return units if isinstance(node.op, ast.Add | ast.Sub) else {""}
    parts = dotted(node)
    return {_unit(".".join(parts[1:]), kind)} if parts else set()


def _unit(name: str, kind: Kind) -> str:
    return "" if is_setting(name) else unit(kind, metric_of(name))
