"""pydantic's complaints, in plain words and at the right place."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BeforeValidator, Field

from edgebench.claim.fields import Strict
from edgebench.claim.models import Tag
from edgebench.claim.nodes import read_text
from edgebench.claim.problems import Problem
from edgebench.claim.settings import Optimiser
from edgebench.claim.validation import MAX_PROBLEMS, validate


class Inner(Strict):
    count: Annotated[int, Field(gt=0, le=10)] = 1
    share: Annotated[float, Field(ge=0, lt=1)] = 0.5


class Outer(Strict):
    """One field of every kind that settings and files have."""

    title: Annotated[str, Field(min_length=1)] = "x"
    on: bool = False
    tags: list[Tag] = Field(default_factory=list)
    inner: Inner | None = None
    inners: Annotated[dict[str, Inner], Field(min_length=1)] | None = None
    pair: Annotated[list[int], Field(max_length=2)] = Field(default_factory=list)
    shape: Annotated[tuple[int, ...], BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)] = ()
    choice: Literal["first", "second"] = "first"
    optimiser: Optimiser | None = None


class Needs(Strict):
    must: int
    inner: Outer


def problems_of(text: str, model: Any = Outer, **how: Any) -> list[Problem]:
    problems: list[Problem] = []
    assert validate(model, read_text(text, "f"), problems, **how) is None
    return problems


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("on: 5", "f:1:1: 'on' is the number 5; expected true or false"),
        ("on: yes", "f:1:1: 'on' is the text 'yes'; expected true or false"),
        ("title: 5", "f:1:1: 'title' is the number 5; expected text"),
        ("title: true", "f:1:1: 'title' is the truth value true; expected text"),
        ("title: ''", "f:1:1: 'title' is the text ''; expected some text"),
        ("title:", "f:1:1: 'title' is nothing; expected text"),
        ("title: [a]", "f:1:1: 'title' is a list; expected text"),
        ("inner: 5", "f:1:1: 'inner' is the number 5; expected keys and values"),
        ("inner: [1]", "f:1:1: 'inner' is a list; expected keys and values"),
        ("inner: {count: 1.5}", "f:1:9: 'count' is the number 1.5; expected a whole number"),
        ("inner: {count: '1'}", "f:1:9: 'count' is the text '1'; expected a whole number"),
        ("inner: {count: true}", "f:1:9: 'count' is the truth value true; expected a whole number"),
        ("inner: {count: 0}", "f:1:9: 'count' is the number 0; expected more than 0"),
        ("inner: {count: 11}", "f:1:9: 'count' is the number 11; expected at most 10"),
        ("inner: {share: -0.1}", "f:1:9: 'share' is the number -0.1; expected at least 0.0"),
        ("inner: {share: 1}", "f:1:9: 'share' is the number 1; expected less than 1.0"),
        ("inner: {share: .nan}", "f:1:9: 'share' is the number nan; expected a finite number"),
        ("inner: {share: -.inf}", "f:1:9: 'share' is the number -inf; expected a finite number"),
        ("inner: {share: 1e999}", "f:1:9: 'share' is the number inf; expected a finite number"),
        ("inner: {share: half}", "f:1:9: 'share' is the text 'half'; expected a number"),
        ("inners: {}", "f:1:1: 'inners' is a mapping; expected at least 1 entry"),
        ("inners: {a: {}, b: {count: x}}", "f:1:21: 'count' is the text 'x'; expected a whole number"),
        ("pair: [1, 2, 3]", "f:1:1: 'pair' is a list; expected at most 2 entries"),
        ("pair: [1, x]", "f:1:11: 'pair' is the text 'x'; expected a whole number"),
        ("shape: 5", "f:1:1: 'shape' is the number 5; expected a list"),
        ("shape: [1, [2]]", "f:1:12: 'shape' is a list; expected a whole number"),
        ("tags: [a, B c]", "f:1:11: 'tags' is the text 'B c'; expected lower-case letters, digits and hyphens"),
        ("choice: third", "f:1:1: 'choice' is the text 'third'; expected 'first' or 'second'"),
        ("choice: frist", "expected 'first' or 'second' (did you mean 'first'?)"),
        ("choice: FIRST", "(did you mean 'first'?)"),
        ("optimiser: sgdd", "f:1:1: 'optimiser' is the text 'sgdd'; expected 'sgd', 'adam', 'adamw' or 'nadam' (did"),
        ("optimiser: sgd", "f:1:1: the key 'lr' is missing in 'optimiser'"),
        ("optimiser: {name: sgd, lr: x}", "f:1:24: 'lr' is the text 'x'; expected a number"),
        ("\n\n  titel: x", "f:3:3: unknown key 'titel'; expected one of choice, inner, inners, on,"),
        ("titel: x", "(did you mean 'title'?)"),
        ("inners: {a: {cuont: 1}}", "unknown key 'cuont'; expected one of count, share (did you mean 'count'?)"),
        ("zzzzzz: x", "f:1:1: unknown key 'zzzzzz'"),
    ],
)  # fmt: skip
def test_each_problem_says_found_expected_and_where(text: str, shown: str) -> None:
    problems = problems_of(text)
    assert any(shown in str(problem) for problem in problems), [str(problem) for problem in problems]
    assert len(problems) == (2 if text == "optimiser: sgdd" else 1)


def test_all_problems_are_reported_and_a_valid_file_none() -> None:
    text = "on: 5\ntitel: x\ninner: {count: 0, share: 2}\n"
    assert [problem.mark.line for problem in problems_of(text)] == [1, 3, 3, 2]
    problems: list[Problem] = []
    assert validate(Outer, read_text("on: true", "f"), problems) == Outer(on=True)
    assert problems == []


def test_missing_keys_stand_at_the_mapping_that_lacks_them() -> None:
    found = problems_of("inner: {optimiser: {name: sgd}}", Needs)
    assert [str(each) for each in found] == [
        "f:1:1: the key 'must' is missing",
        "f:1:9: the key 'lr' is missing in 'optimiser'",
    ]


def test_a_misspelt_key_is_not_called_missing_as_well() -> None:
    (problem,) = problems_of("optimiser: {nam: sgd, lr: 1}")
    assert "unknown key 'nam'" in problem.message
    assert len(problems_of("optimiser: {name: sgd, zzz: 1}")) == 2


def test_missing_keys_are_left_out_on_request_and_nothing_else() -> None:
    assert problems_of("inner: {}", Needs, partial=True) == []
    assert [each.message for each in problems_of("inner: {on: 1}", Needs, partial=True)] == [
        "'on' is the number 1; expected true or false"
    ]


def test_very_many_problems_are_cut() -> None:
    assert len(problems_of("{" + ", ".join(f"k{i}: 1" for i in range(5000)) + "}")) == MAX_PROBLEMS


def test_a_very_long_key_does_not_fill_the_message() -> None:
    (problem,) = problems_of("? " + "k" * 100_000 + "\n: 1")
    assert len(str(problem)) < 300
