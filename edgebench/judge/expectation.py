"""What a claim expects of an effect: `> x`, `< x`, `~ x ± y` or `== x`, with constants for x and y.

    expectation = (">" | "<" | "==") number  |  "~" number ("±" | "+-") number
    number      = constant arithmetic, e.g. 1/512 + 1/9

Constants are parsed with `ast` against an allow-list and computed here; nothing is ever evaluated as code.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

from edgebench.errors import ExpressionError

Relation = Literal[">", "<", "~", "=="]

FORMS = "'> x', '< x', '~ x ± y' or '== x' with numbers for x and y"

_LONGEST = 120  # characters: the longest sensible constant is a short sum of fractions
_LARGEST_EXPONENT = 64

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


@dataclass(frozen=True)
class Expectation:
    """The relation that an effect's value is claimed to have to a target, in the effect's unit.

    Attributes:
        relation: `>`, `<`, `~` (within a band) or `==` (exact quantities only).
        target: the number after the relation.
        band: half-width of `~`; None for the other relations.
    """

    relation: Relation
    target: float
    band: float | None = None

    def __str__(self) -> str:
        """The expectation as it is written in a claim file; parses back to an equal one."""
        text = f"{self.relation} {_number(self.target)}"
        return text if self.band is None else f"{text} ± {_number(self.band)}"


def parse_expectation(text: str) -> Expectation:
    """Parse the `expect` of an effect.

    Raises:
        ExpressionError: not one of the four forms, a constant that is not a finite number, a band that is not
            positive, or a band with another relation than `~`.
    """
    if not isinstance(text, str):
        raise ExpressionError(
            f"an expectation is text, not {text!r}", expected=FORMS, hint="put it in quotes, e.g. '> 0'"
        )
    if len(text) > _LONGEST:
        raise ExpressionError(
            f"the expectation is {len(text)} characters long", expected=f"at most {_LONGEST} characters"
        )
    match = re.match(r"\s*(==|[<>~](?!=))(.*)\Z", text, flags=re.DOTALL)
    if match is None:
        raise ExpressionError(
            f"'{text}' does not begin with a relation", expected=FORMS, hint=_relation_hint(text.strip())
        )
    relation, rest = cast(Relation, match[1]), match[2]
    parts = re.split(r"±|\+-", rest)
    if relation == "~":
        return _parse_band(text, parts)
    if len(parts) > 1:
        raise ExpressionError(
            f"'{text}' gives a band to '{relation}'",
            expected=FORMS,
            hint="only '~' has a band; the smallest effect worth the name goes into 'margin'",
        )
    return Expectation(relation, constant(rest))


def _parse_band(text: str, parts: list[str]) -> Expectation:
    if len(parts) != 2:
        found = "has no band" if len(parts) == 1 else "has more than one band"
        raise ExpressionError(
            f"'{text}' {found}",
            expected="'~ x ± y', such as '~ 46.3 ± 0.1'",
            hint="'+-' may stand for '±'; an exact quantity is written '== x'",
        )
    band = constant(parts[1])
    if band <= 0:
        raise ExpressionError(
            f"the band of '{text}' is {_number(band)}",
            expected="a band greater than 0",
            hint="an exact quantity is written '== x'",
        )
    return Expectation("~", constant(parts[0]), band)


def _relation_hint(text: str) -> str | None:
    if text.startswith((">=", "<=", "≥", "≤")):
        return f"write '{'>' if text[0] in '>≥' else '<'}'; 'margin' says by how much"
    if text.startswith("="):
        return "exact quantities are written '== x'"
    if text.startswith(("≈", "~=")):
        return "equality within a band is written '~ x ± y'"
    return None


def constant(text: str) -> float:
    """The value of constant arithmetic: numbers, `+ - * / **`, signs and parentheses.

    Raises:
        ExpressionError: anything else, a division by zero, or a result that is not a finite real number.
    """
    text = text.strip()
    if not text:
        raise ExpressionError("a number is missing", expected=FORMS)
    if stranger := re.search(r"nan|inf|[^0-9eE_.+\-*/() ]", text, flags=re.IGNORECASE):
        raise ExpressionError(
            f"'{text}' contains '{stranger[0]}'",
            expected="constant arithmetic of numbers, + - * / ** and parentheses",
            hint="names belong into 'value', not into 'expect'" if stranger[0].isalpha() else None,
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ExpressionError(
            f"'{text}' is not a number", expected="constant arithmetic such as 0.5 or 1/512 + 1/9"
        ) from None
    try:
        value = _compute(tree.body, text)
    except ZeroDivisionError:
        raise ExpressionError(f"'{text}' divides by zero", expected="a finite number") from None
    except OverflowError:
        raise ExpressionError(f"'{text}' is too large", expected="a finite number") from None
    if not math.isfinite(value):
        raise ExpressionError(f"'{text}' is not a finite number", expected="a finite number")
    return value + 0.0  # no negative zero


def _compute(node: ast.expr, text: str) -> float:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(cast(float, node.value))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _compute(node.operand, text)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _compute(node.left, text), _compute(node.right, text)
        if isinstance(node.op, ast.Pow):
            if abs(right) > _LARGEST_EXPONENT:
                raise ExpressionError(
                    f"'{text}' has the exponent {_number(right)}",
                    expected=f"exponents from -{_LARGEST_EXPONENT} to {_LARGEST_EXPONENT}",
                )
            if left < 0 and not right.is_integer():
                raise ExpressionError(f"'{text}' is not a real number", expected="a real number")
        return _OPERATORS[type(node.op)](left, right)
    raise ExpressionError(
        f"'{text}' is more than constant arithmetic",
        expected="numbers, + - * / ** and parentheses",
    )


def _number(value: float) -> str:
    """The shortest text that reads back as the same float."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
