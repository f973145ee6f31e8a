"""Effects as they are read from a claim: what each is called, expected to be, and what its arms have to give."""

from __future__ import annotations

import pytest

from edgebench.claim.effects import check_name, read_effects, read_expectation
from edgebench.claim.nodes import read_text
from edgebench.claim.problems import Problem
from edgebench.claim.settings import Kind
from tests.claim.fixtures import PROFILE, TRAIN, Root, changed, place


def effects(text: str, kind: Kind = "train") -> tuple[list[str], list[Problem]]:
    """The effects of a claim's text, without its tiers, and what is wrong with them."""
    problems: list[Problem] = []
    return list(read_effects(read_text(text, "c.yaml"), kind, None, {}, problems)), problems


def test_those_that_can_be_used_are_read_beside_those_that_cannot() -> None:
    text = TRAIN + '  other:\n    value: plain.tp1\n    expect: "> 0"\n  third: 5\n'
    found, problems = effects(text)
    assert found == ["mixup"]
    assert [(each.message.partition(";")[0], each.mark.line) for each in problems] == [
        ("no metric is called 'tp1'", 23)
    ]


@pytest.mark.parametrize("name", ["mixup", "a", "2x-as-much"])
def test_names(name: str) -> None:
    problems: list[Problem] = []
    check_name(name, read_text(TRAIN, "c.yaml").mark, problems)
    assert problems == []


@pytest.mark.parametrize("name", ["", "Mixup", "a_b", "-a", "a b", "a[b]", "ä"])
def test_names_that_could_not_stand_in_test_ids(name: str) -> None:
    problems: list[Problem] = []
    check_name(name, read_text(TRAIN, "c.yaml").mark, problems)
    assert [each.message for each in problems] == [
        f"'{name}' cannot be an effect's name; expected lower-case letters, digits and hyphens"
    ]


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("expect: '> 1'\nmargin: 2", "train", None),
        ("expect: '~ 1 ± 2'\nmargin: 0", "train", None),
        ("expect: '== 1'", "profile", None),
        ("expect: '== 1'", "train", "'==' cannot be expected of a trained quantity"),
        ("expect: '== 1'", "latency", "'==' cannot be expected of a timed quantity"),
        ("expect: '~ 1 ± 2'\nmargin: 1", "train", "a margin has no meaning beside '~'"),
        ("expect: '>= 1'", "train", "'>= 1'"),
    ],
)
def test_what_is_expected(text: str, kind: Kind, words: str | None) -> None:
    problems: list[Problem] = []
    expect = read_expectation(read_text(text, "c.yaml"), kind, problems)
    if words is None:
        assert (str(expect), problems) == (text.split("'")[1], [])
    else:
        (problem,) = problems
        assert words in problem.message


def test_a_measure_of_a_method_needs_one(root: Root) -> None:
    text = changed(TRAIN, "plain.top1 - mixup.top1", "plain.flops - mixup.flops")
    problem = root.the_problem(text)
    assert (
        "'flops' is measured where a 'method' trains; the arm 'plain' has none at tier smoke"
        in problem.message
    )
    assert place(problem) == ("c.yaml", 18, 5)


def test_a_unit_is_derived_unless_it_is_given(root: Root) -> None:
    assert root.load(TRAIN).cases[0].effects["mixup"].unit == "points"
    text = changed(PROFILE, 'expect: "> 0"}', 'expect: "> 0", unit: weights}')
    assert root.load(text).cases[0].effects["fewer"].unit == "weights"


def test_a_floor_is_of_what_the_reference_arm_measures(root: Root) -> None:
    text = changed(TRAIN, "floor: {top1: 50}", "floor: {second.top1: 50}")
    problem = root.the_problem(text)
    assert "'second.top1' is measured of a network of two paths" in problem.message
    assert "the arm 'plain' has another at tier smoke" in problem.message
    assert root.load(changed(text, "model: micronet", "model: dual-input")).cases
