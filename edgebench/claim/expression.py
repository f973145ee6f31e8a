"""The language of effects: arithmetic over arms' metrics, such as `plain.top1 - mixup.top1`.

Grammar: numbers, `arm.metric`, `arm.settings.data.train` (what an arm is configured with, as far as it is a number),
`+ - * /`, parentheses, and the functions of `edgebench.claim.functions`. Python's own parser reads the text, an
allow-list of node types decides what may stand in it, and a small interpreter evaluates it; nothing is ever passed to
`eval`. Curves (`arm.curve.val_loss`) are sequences, one value per epoch, and must be summarised by a function; so are
the values of a cross-validated arm's folds (`arm.folds.top1`). In a function of arms alone, arms and metrics stand by
themselves: `front(arm, other, gain=top1, cost=memory.counted)`.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgebench.claim.configured import is_setting
from edgebench.claim.folds import is_folds, metric_of
from edgebench.claim.functions import FUNCTIONS, Function
from edgebench.errors import ExpressionError, did_you_mean

Value = float | tuple[float, ...]
Lookup = Callable[[str, str], Value]
MAX_LENGTH = 500
MAX_NODES = 200

# How a whole sequence, which stands where a number must, can be summarised.
_SUMMARIES = {"curve": "use last(…), at(…, epoch), roughness(…)", "folds": "use min(…), max(…), mean(…)"}
_WHOLE = {"curve": "is a whole curve", "folds": "are the values of all folds"}

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}


@dataclass(frozen=True)
class Expression:
    """A checked effect expression.

    Attributes:
        source: the text as written; of a trend, what it is the slope of.
        tree: Python's syntax tree, holding allowed nodes only.
        references: every (arm, metric) it reads, in order of appearance.
    """

    source: str
    tree: ast.expr
    references: tuple[tuple[str, str], ...]

    @property
    def gains(self) -> tuple[str, ...]:
        """The metrics that it takes for gains, of which more is better."""
        calls = [node for node in ast.walk(self.tree) if isinstance(node, ast.Call)]
        return tuple(_named(call, "gain") for call in calls if call.keywords)

    @property
    def functions(self) -> frozenset[str]:
        """The names of the functions that it calls."""
        return frozenset(ast.unparse(node.func) for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    @property
    def directed(self) -> tuple[tuple[str, str], ...]:
        """(function, metric) of every curve of which a function takes it that more, or less, is better."""
        calls = [node for node in ast.walk(self.tree) if isinstance(node, ast.Call)]
        named = [(ast.unparse(call.func), call) for call in calls]
        return tuple(
            (name, ast.unparse(call.args[0]).partition(".")[2])
            for name, call in named
            if FUNCTIONS[name].rises is not None
        )

    def evaluate(self, lookup: Lookup) -> float:
        """The value, with `lookup(arm, metric)` giving numbers and curves.

        Raises:
            ExpressionError: on a division by zero or a result that is not finite.
        """
        try:
            value = _evaluate(self.tree, lookup)
        except (ZeroDivisionError, OverflowError, ValueError) as error:
            raise ExpressionError(f"'{self.source}' cannot be evaluated: {error}") from None
        if not math.isfinite(value):
            raise ExpressionError(f"'{self.source}' gives {value}", expected="a finite number")
        return value


def parse(source: str, arms: Mapping[str, frozenset[str]]) -> Expression:
    """Parse an effect expression over the given arms and what can be read of each: metrics, and its numeric settings.

    Raises:
        ExpressionError: naming the first thing that is not allowed, with the nearest valid name.
    """
    if len(source) > MAX_LENGTH:
        raise ExpressionError(f"expression of {len(source)} characters", expected=f"at most {MAX_LENGTH}")
    # Python would fold look-alike letters into plain ones, and read a comment as nothing.
    if stranger := re.search(r"[^\x20-\x7e\t\r\n]|#", source):
        hint = "write a plain '-'" if stranger[0] in "‐‑‒–—−" else None
        raise ExpressionError(
            f"'{source}' contains '{stranger[0]}'",
            expected="numbers, arm.metric, + - * / ( ) and functions",
            hint=hint,
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of texts such as `0x1for`, which are refused below
            tree = ast.parse(" ".join(source.split()), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ExpressionError(
            f"'{source}' is not an expression", expected="such as 'plain.top1 - mixup.top1'"
        ) from None
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
        raise ExpressionError("expression is too long", expected=f"at most {MAX_NODES} parts")
    references: list[tuple[str, str]] = []
    if (found := _check(tree, arms, references)) != "number":
        raise ExpressionError(f"'{source}' {_WHOLE[found]}", expected="a number", hint=_SUMMARIES[found])
    if all(is_setting(metric) for _, metric in references):
        what = "measures nothing" if references else "names no arm"
        raise ExpressionError(f"'{source}' {what}", expected=f"a metric of {_list(arms)}")
    return Expression(source, tree, tuple(dict.fromkeys(references)))


def dotted(node: ast.expr) -> list[str] | None:
    """`a.b.c` as ['a', 'b', 'c'], or None for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else None


def _check(node: ast.expr, arms: Mapping[str, frozenset[str]], references: list[tuple[str, str]]) -> str:
    """Check a subtree against the allow-list; returns its type, 'number', 'curve' or 'folds'."""
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
    ):
        return _finite(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return _number(node.operand, arms, references)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        _number(node.left, arms, references)
        return _number(node.right, arms, references)
    if isinstance(node, ast.Call):
        return _check_call(node, arms, references)
    if isinstance(node, ast.Name | ast.Attribute) and (parts := dotted(node)):
        return _check_reference(parts, arms, references)
    raise ExpressionError(
        f"'{ast.unparse(node)}' is not allowed in an effect",
        expected="numbers, arm.metric, + - * / ( ) and functions",
    )


def _finite(value: float) -> str:
    try:
        finite = math.isfinite(float(value))
    except OverflowError:
        finite = False
    if not finite:
        raise ExpressionError("a number is too large", expected="a finite number")
    return "number"


def _number(node: ast.expr, arms: Mapping[str, frozenset[str]], references: list[tuple[str, str]]) -> str:
    if (found := _check(node, arms, references)) != "number":
        what = "is a curve" if found == "curve" else _WHOLE[found]
        raise ExpressionError(f"'{ast.unparse(node)}' {what}", expected="a number", hint=_SUMMARIES[found])
    return "number"


def _check_reference(
    parts: list[str], arms: Mapping[str, frozenset[str]], references: list[tuple[str, str]]
) -> str:
    arm, name = parts[0], ".".join(parts[1:])
    if arm not in arms:
        raise ExpressionError(f"no arm is called '{arm}'", expected=_list(arms), hint=did_you_mean(arm, arms))
    # A list of all that can be read of an arm would bury the few that may have been meant.
    what = "setting with a number" if is_setting(name) else "metric"
    folds, metric = is_folds(f"{name}."), metric_of(name)
    known = frozenset(each for each in arms[arm] if is_setting(each) == is_setting(name))
    if folds:  # of which each has a number, and no list names it twice
        known = frozenset(each for each in known if not each.startswith("curve."))
    if name in ("", "folds"):
        told = ".".join(parts)
        what = "are folds" if name else "is an arm"
        raise ExpressionError(f"'{told}' {what} without a metric", expected=f"such as '{told}.{min(known)}'")
    if metric not in known:
        raise ExpressionError(
            f"no {what} is called '{metric}'", expected=_list(known), hint=did_you_mean(metric, known)
        )
    references.append((arm, name))
    return "folds" if folds else "curve" if metric.startswith("curve.") else "number"


def _check_call(node: ast.Call, arms: Mapping[str, frozenset[str]], references: list[tuple[str, str]]) -> str:
    name = ast.unparse(node.func)
    if name not in FUNCTIONS:
        raise ExpressionError(
            f"'{name[:60]}' is not a function of effects",
            expected=_list(FUNCTIONS),
            hint=did_you_mean(name, FUNCTIONS),
        )
    function = FUNCTIONS[name]
    if function.metrics:
        return _check_arms(node, name, function, arms, references)
    if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
        raise ExpressionError(f"{name} takes plain arguments", expected=function.signature)
    found = tuple(_check(argument, arms, references) for argument in node.args)
    if not function.takes(found):
        given = ", ".join(found) or "nothing"
        raise ExpressionError(f"{name} was given {given}", expected=function.signature)
    return "number"


def _check_arms(
    node: ast.Call,
    name: str,
    function: Function,
    arms: Mapping[str, frozenset[str]],
    references: list[tuple[str, str]],
) -> str:
    """Check a call of a function of arms, which must be distinct and all have the metrics."""
    named = [argument.id for argument in node.args if isinstance(argument, ast.Name)]
    keywords = sorted(str(keyword.arg) for keyword in node.keywords)
    if len(named) < max(2, len(node.args)) or keywords != sorted(function.metrics):
        raise ExpressionError(
            f"'{ast.unparse(node)[:60]}' does not name arms and metrics", expected=function.signature
        )
    if twice := next((arm for arm in named if named.count(arm) > 1), None):
        raise ExpressionError(f"{name} names the arm '{twice}' twice", expected="every arm once")
    for keyword in node.keywords:
        metric = dotted(keyword.value)
        if metric is None:
            raise ExpressionError(
                f"'{ast.unparse(keyword.value)[:60]}' is not a metric's name", expected=function.signature
            )
        for arm in named:
            if (found := _check_reference([arm, *metric], arms, references)) != "number":
                raise ExpressionError(
                    f"'{'.'.join(metric)}' {_WHOLE[found]}", expected=f"a number as '{keyword.arg}'"
                )
    return "number"


def _named(call: ast.Call, key: str) -> str:
    """The metric that a checked call of a function of arms names by a keyword."""
    return ast.unparse(next(keyword.value for keyword in call.keywords if keyword.arg == key))


def _evaluate(node: ast.expr, lookup: Lookup) -> float:
    value = _value(node, lookup)
    assert not isinstance(value, tuple), "checked when parsed"
    return float(value)


def _value(node: ast.expr, lookup: Lookup) -> Value:
    if isinstance(node, ast.Constant):
        assert isinstance(node.value, int | float)
        return float(node.value)
    if isinstance(node, ast.UnaryOp):
        operand = _evaluate(node.operand, lookup)
        return -operand if isinstance(node.op, ast.USub) else operand
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_evaluate(node.left, lookup), _evaluate(node.right, lookup))
    if isinstance(node, ast.Call):
        function = FUNCTIONS[ast.unparse(node.func)]
        if function.metrics:
            metrics = [_named(node, key) for key in function.metrics]
            rows = [[lookup(ast.unparse(arm), metric) for metric in metrics] for arm in node.args]
            return float(function.apply(*rows))
        arguments = [_value(argument, lookup) for argument in node.args]
        if function.arguments is None and isinstance(arguments[0], tuple):
            arguments = list(arguments[0])
        return float(function.apply(*arguments))
    parts = dotted(node)
    assert parts is not None
    return lookup(parts[0], ".".join(parts[1:]))


def _list(names: Mapping[str, object] | frozenset[str]) -> str:
    return "one of " + ", ".join(sorted(names))
