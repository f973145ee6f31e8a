"""The language of effects: what it accepts, what it refuses and how it says so, and that it computes right."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edgebench.claim.expression import FUNCTIONS, MAX_LENGTH, Expression, Value, parse
from edgebench.errors import ExpressionError

METRICS = frozenset({"top1", "gap", "flops", "flops.forward", "curve.loss"})
ARMS = {"a": METRICS, "b": METRICS, "plain": METRICS, "min": METRICS}
NUMBERS = {"top1": 3.0, "gap": -2.0, "flops": 8.0, "flops.forward": 0.5}
CURVE = (4.0, 2.0, 3.0, 1.0)


def lookup(arm: str, metric: str) -> Value:
    if metric.startswith("curve."):
        return CURVE
    return NUMBERS[metric] * (10.0 if arm == "b" else 1.0)


def value(text: str) -> float:
    return parse(text, ARMS).evaluate(lookup)


def refusal(text: str) -> ExpressionError:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ExpressionError) as caught:
            parse(text, ARMS)
    return caught.value


class TestValues:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("a.top1", 3),
            ("b.top1 - a.top1", 27),
            ("a.top1 - 1 - 1", 1),
            ("a.top1 - (1 - 1)", 3),
            ("2 + a.top1 * 4", 14),
            ("a.flops / 2 / 2", 2),
            ("-a.gap", 2),
            ("+a.gap", -2),
            ("--a.gap", -2),
            ("100 * (1 - a.flops.forward / b.flops.forward)", 90),
            ("  a.top1\n  + 1\n", 4),
            ("min(a.top1, b.top1, 1)", 1),
            ("max(a.top1, b.top1)", 30),
            ("mean(a.top1, b.top1)", 16.5),
            ("abs(a.gap)", 2),
            ("log(a.top1)", math.log(3)),
            ("min(a.curve.loss)", 1),
            ("max(a.curve.loss)", 4),
            ("mean(a.curve.loss)", 2.5),
            ("last(a.curve.loss)", 1),
            ("at(a.curve.loss, 1)", 4),
            ("at(a.curve.loss, 4)", 1),
            ("at(a.curve.loss, a.top1)", 3),
            ("roughness(a.curve.loss)", (abs(4 - 4 + 3) + abs(2 - 6 + 1)) / 2),
            ("min(min.top1, 7)", 3),  # an arm may be called as a function is
            ("1e2 + a.top1", 103),
        ],
    )
    def test_of_arithmetic_and_functions(self, text: str, expected: float) -> None:
        assert value(text) == pytest.approx(expected, rel=1e-15)

    def test_references_are_listed_once_in_order(self) -> None:
        parsed = parse("b.top1 - a.top1 + b.top1 * mean(a.curve.loss)", ARMS)
        assert parsed.references == (("b", "top1"), ("a", "top1"), ("a", "curve.loss"))
        assert parsed.source == "b.top1 - a.top1 + b.top1 * mean(a.curve.loss)"

    def test_whole_numbers_from_a_trial_are_numbers(self) -> None:
        assert parse("a.top1 / 2", ARMS).evaluate(lambda arm, metric: 3) == 1.5

    @pytest.mark.parametrize("name", ["min", "max", "mean", "last"])
    def test_a_curve_of_one_epoch_has_a_summary(self, name: str) -> None:
        assert parse(f"{name}(a.curve.loss)", ARMS).evaluate(lambda arm, metric: (7.0,)) == 7

    @pytest.mark.parametrize("name", ["min", "max", "mean", "last", "roughness"])
    def test_a_curve_without_epochs_has_none(self, name: str) -> None:
        with pytest.raises(ExpressionError, match="epoch"):
            parse(f"{name}(a.curve.loss)", ARMS).evaluate(lambda arm, metric: ())

    @pytest.mark.parametrize(
        "text",
        [
            "1 / (a.top1 - 3)", "log(a.gap)", "log(a.gap + 2)", "1e300 * a.top1 * 1e300", "at(a.curve.loss, 0)",
            "at(a.curve.loss, 5)", "at(a.curve.loss, 1.5)", "1e308 * a.top1 - 1e308 * a.top1",
            "at(a.curve.loss, 1e308 * a.top1)",
        ],
    )  # fmt: skip
    def test_that_do_not_exist_are_errors(self, text: str) -> None:
        with pytest.raises(ExpressionError):
            value(text)

    def test_nan_from_a_trial_is_an_error(self) -> None:
        with pytest.raises(ExpressionError, match="finite"):
            parse("a.top1", ARMS).evaluate(lambda arm, metric: math.nan)


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "words", "hint"),
        [
            ("plian.top1", "no arm is called 'plian'", "did you mean 'plain'?"),
            ("plain.top_1", "no metric is called 'top_1'", "did you mean 'top1'?"),
            ("plain.TOP1", "no metric is called 'TOP1'", "did you mean 'top1'?"),
            ("a.flops.foward", "no metric is called 'flops.foward'", "did you mean 'flops.forward'?"),
            ("mim(a.top1, 1)", "'mim' is not a function", "did you mean 'min'?"),
            ("a.curve.loss", "is a whole curve", "last("),
            ("1 + a.curve.loss", "'a.curve.loss' is a curve", "last("),
            ("-a.curve.loss", "'a.curve.loss' is a curve", "last("),
            ("a.top1 − b.top1", "contains '−'", "write a plain '-'"),
        ],
    )
    def test_suggest_what_was_meant(self, text: str, words: str, hint: str) -> None:
        error = refusal(text)
        assert words in error.found
        assert error.hint is not None
        assert hint in error.hint

    @pytest.mark.parametrize(
        "text",
        [
            # not an expression
            "", " ", "a.top1 -", "a.top1 b.top1", "a..top1", "a.top1;b.top1", "x = a.top1", "import os", "(a.top1",
            "a.top1 -- ", "a.top1\0", "a.top1 \\\n + 1", "a.top1 # b", "1.top1", "0x1for x in a", "1if a else 2",
            "lambda", "a.class", "*a",
            # code
            "().__class__", "().__class__.__bases__[0]", "a.__class__", "a.top1.__class__", "a.top1.real",
            "__import__('os').system('ls')", "eval('1')", "open('x')", "print(a.top1)", "a.top1()", "a()",
            "(lambda: 1)()", "[x for x in a]", "{a.top1}", "[a.top1]", "(a.top1, 1)", "{1: a.top1}", "f'{a.top1}'",
            "'a' + 'b'", "b'x'", "a.top1 if 1 else 2", "a.top1 and 1", "not a.top1", "~1 + a.top1", "(y := a.top1)",
            "a.top1 > 1", "a.top1 ** 2", "a.top1 // 2", "a.top1 % 2", "a.top1 << 2", "a.top1 @ 2", "a.curve.loss[0]",
            "min(*a.curve.loss)", "min(a.top1, key=1)", "abs(x=a.top1)", "await a.top1", "yield a.top1", "...", "None",
            "True + a.top1", "a.top1 + 1j", "min.min(a.top1, 1)", "(min)(a)",
            # numbers
            "a.top1 + 1e999", "a.top1 + " + "9" * 400, "a.top1 + 0777", "1_", "5", "1 + 2", "a.top1 + nan", "inf",
            # names
            "top1", "a", "a.nothing", "c.top1", "A.top1", "ａ.top1", "a.ｔop1", "a.tоp1", "µ.top1", "a\u200b.top1",
            "а.top1", "a.top1\u00a0", "\ud800", "a.top1 + ²", "a.top1 + ٣", "a.curve", "a.curve.top1",
            # functions
            "min()", "min(a.top1)", "min(1, a.curve.loss)", "abs()", "abs(a.top1, 1)", "abs(a.curve.loss)",
            "log(a.curve.loss)", "last(a.top1)", "last()", "at(a.curve.loss)", "at(1, a.curve.loss)",
            "roughness(a.top1)",
            "roughness(a.curve.loss, 1)", "mean(a.curve.loss, a.curve.loss)", "at(a.curve.loss, a.curve.loss)",
            # size
            "(" * 150 + "a.top1" + ")" * 150 + "(", "(" * 250 + "a.top1", "-" * 300 + "a.top1", "a" + ".a" * 200,
            "a.top1" + "+1" * 200, "abs(" * 90 + "a.top1" + ")" * 90, "x" * (MAX_LENGTH + 1),
        ],
    )  # fmt: skip
    def test_everything_else_without_a_warning(self, text: str) -> None:
        error = refusal(text)
        assert error.found

    def test_the_longest_names_are_cut(self) -> None:
        assert len(str(refusal("x" * 400 + "(1)"))) < 400

    @pytest.mark.skipif(sys.flags.dev_mode, reason="starts an interpreter of its own")
    def test_texts_that_python_warns_about_do_not_warn(self) -> None:
        code = (
            "from edgebench.claim.expression import parse\n"
            "for text in ('0x1for x in a', '1if a else 2', '1or a', '\"\\\\d\"', '1 is 1', '[1](2)', '1 .top1'):\n"
            "    try: parse(text, {'a': frozenset({'top1'})})\n"
            "    except Exception as error: assert type(error).__name__ == 'ExpressionError', error\n"
            "    else: raise SystemExit(text)\n"
        )
        found = subprocess.run(
            [sys.executable, "-W", "always", "-c", code], capture_output=True, text=True, check=False
        )
        assert (found.returncode, found.stderr) == (0, "")

    @given(st.text("ab.top1gap+-*/() ,mincurvelos0'\"[]{}:=!_é\n", max_size=40) | st.text(max_size=40))
    def test_any_text_is_parsed_or_refused(self, text: str) -> None:
        try:
            parsed = parse(text, ARMS)
        except ExpressionError:
            return
        assert parsed.references


# Trees of the language, printed with as few parentheses as the grammar allows, and computed by Python itself.
leaves = (
    st.sampled_from(["a.top1", "b.top1", "a.gap", "b.flops.forward"]).map(lambda name: ("name", name))
    | st.floats(0, 1e6).map(lambda number: ("number", number))
    | st.integers(0, 10**9).map(lambda number: ("number", number))
)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.tuples(st.sampled_from("+-*/"), inner, inner)
        | st.tuples(st.just("neg"), inner)
        | st.tuples(st.just("abs"), inner)
        | st.tuples(st.sampled_from(["min", "max", "mean"]), inner, inner)
    ),
    max_leaves=12,
)
_BINDS = {"+": 1, "-": 1, "*": 2, "/": 2, "neg": 3}


def printed(tree: Any, binds: int = 0) -> str:
    kind, *parts = tree
    own = _BINDS.get(kind, 4)
    if kind in ("name", "number"):
        return str(parts[0]) if kind == "name" else repr(parts[0])
    if kind == "neg":
        text = f"-{printed(parts[0], own)}"
    elif own < 4:
        text = f"{printed(parts[0], own)} {kind} {printed(parts[1], own + 1)}"
    else:
        return f"{kind}({', '.join(printed(part) for part in parts)})"
    return f"({text})" if own < binds else text


def computed(tree: Any) -> float:
    kind, *parts = tree
    if kind == "name":
        return lookup(*parts[0].split(".", 1))  # type: ignore[return-value]
    if kind == "number":
        return float(parts[0])
    values = [computed(part) for part in parts]
    match kind:
        case "+":
            return values[0] + values[1]
        case "-":
            return values[0] - values[1]
        case "*":
            return values[0] * values[1]
        case "/":
            return values[0] / values[1]
        case "neg":
            return -values[0]
        case "abs":
            return abs(values[0])
        case "min":
            return values[1] if values[1] < values[0] else values[0]
        case "max":
            return values[1] if values[1] > values[0] else values[0]
        case _:
            return math.fsum(values) / 2


@given(trees)
def test_agrees_with_an_independent_evaluator(tree: Any) -> None:
    text = printed(tree)
    assume(any(arm in text for arm in ("a.top1", "b.top1", "a.gap", "b.flops")))
    assume(len(text) <= MAX_LENGTH)
    parsed = parse(text, ARMS)
    try:
        expected = computed(tree)
    except ZeroDivisionError:
        expected = math.nan
    if math.isfinite(expected):
        assert parsed.evaluate(lookup) == expected
    else:
        with pytest.raises(ExpressionError):
            parsed.evaluate(lookup)


def test_every_function_has_a_signature_that_it_accepts() -> None:
    for name, function in FUNCTIONS.items():
        assert function.signature.startswith(f"{name}(")
        text = function.signature.split(" or ")[0].replace(", …", "").replace("curve", "a.curve.loss")
        text = (
            text.replace(" epoch)", " 2)")
            .replace(" value)", " 2)")
            .replace("(a,", "(a.top1,")
            .replace("(a)", "(a.top1)")
            .replace(" b)", " 2)")
            .replace("arm, other", "a, b")
            .replace("=metric", "=top1")
            .replace("x, y", "1, a.top1", 1)
            .replace("x, y", "2, b.top1")
        )
        assert isinstance(parse(text, ARMS), Expression)
