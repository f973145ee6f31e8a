from __future__ import annotations

import contextlib
import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.errors import ExpressionError
from edgebench.judge.expectation import Expectation, constant, parse_expectation

finite = st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0)
expectations = st.one_of(
    st.builds(Expectation, st.sampled_from([">", "<", "=="]), finite),
    st.builds(Expectation, st.just("~"), finite, st.floats(min_value=1e-300, max_value=1e300)),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("> 0", Expectation(">", 0.0)),
        ("<-1.5", Expectation("<", -1.5)),
        ("~ 46.3 ± 0.1", Expectation("~", 46.3, 0.1)),
        ("~46.3+-0.1", Expectation("~", 46.3, 0.1)),
        ("~ -1 ± 1/4", Expectation("~", -1.0, 0.25)),
        ("== 230592", Expectation("==", 230592.0)),
        ("== 1/512 + 1/9", Expectation("==", 1 / 512 + 1 / 9)),
        ("> 2 * (3 - 1) ** 3", Expectation(">", 16.0)),
        ("  >   1e-3  ", Expectation(">", 1e-3)),
        ("> 1_000", Expectation(">", 1000.0)),
    ],
)
def test_forms(text: str, expected: Expectation) -> None:
    assert parse_expectation(text) == expected


@given(expectations)
def test_reads_back_what_it_writes(expectation: Expectation) -> None:
    assert parse_expectation(str(expectation)) == expectation


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "does not begin with a relation"),
        ("5", "does not begin with a relation"),
        (">= 5", "does not begin with a relation"),
        ("= 5", "does not begin with a relation"),
        (">", "a number is missing"),
        ("> nan", "contains 'nan'"),
        ("> -inf", "contains 'inf'"),
        ("> plain.top1", "contains 'p'"),
        ("> 10%", "contains '%'"),
        ("> 5 > 3", "contains '>'"),
        ("> \N{MINUS SIGN}1", "contains '\N{MINUS SIGN}'"),
        ("> 1 ± 2", "gives a band to '>'"),
        ("~ 5", "has no band"),
        ("~ 5 ± 1 ± 2", "more than one band"),
        ("~ 5 ± 0", "the band of"),
        ("~ 5 ± -1", "the band of"),
        ("~ ± 1", "a number is missing"),
        ("> 1/0", "divides by zero"),
        ("> 0**-1", "divides by zero"),
        ("> 1e999", "is not a finite number"),
        ("> 9e99**64", "is too large"),
        ("> 2**65", "has the exponent 65"),
        ("> 2**2**9", "has the exponent 512"),
        ("> (-8)**0.5", "is not a real number"),
        ("> 1 +", "is not a number"),
        ("> 0777", "is not a number"),
        ("> (1, 2)", "contains ','"),
        ("> 5(3)", "more than constant arithmetic"),
        ("> 7 // 2", "more than constant arithmetic"),
        ("> ()", "more than constant arithmetic"),
        ("> " + "(" * 110, "is not a number"),
        ("> " + "1+" * 5000 + "1", "10003 characters long"),
        (">\x00 1", r"contains '\x00'"),
    ],
)
def test_rejections_are_sentences(text: str, found: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expectation(text)
    assert found in caught.value.found
    assert caught.value.expected
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (">= 5", "write '>'"),
        ("≤ 5", "write '<'"),
        ("= 5", "'== x'"),
        ("≈ 5", "'~ x ± y'"),
        ("> 1 ± 2", "margin"),
    ],
)
def test_hints(text: str, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expectation(text)
    assert hint in (caught.value.hint or "")


def test_not_text() -> None:
    with pytest.raises(ExpressionError, match="an expectation is text, not 5"):
        parse_expectation(5)  # type: ignore[arg-type]


@given(st.text(alphabet="0123456789eE.+-*/() _<>~=±naifx", max_size=40))
def test_any_text_is_a_finite_constant_or_a_plain_error(text: str) -> None:
    with contextlib.suppress(ExpressionError):
        assert math.isfinite(constant(text))
    with contextlib.suppress(ExpressionError):
        parsed = parse_expectation(text)
        assert math.isfinite(parsed.target)
        assert (parsed.band is None) == (parsed.relation != "~")


def test_no_negative_zero() -> None:
    assert str(parse_expectation("> -0")) == "> 0"
    assert math.copysign(1, constant("-0.0")) == 1
