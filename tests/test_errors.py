"""Errors say what, where and what to do; they survive pickling; suggestions are near."""

from __future__ import annotations

import pickle

import pytest

from edgebench.claim.problems import MAX_SHOWN, ClaimFileError, Mark, Problem, display_path, gather
from edgebench.errors import DataError, EdgebenchError, did_you_mean, nearest


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (EdgebenchError("it broke"), "it broke"),
        (EdgebenchError("it broke", expected="a whole"), "it broke; expected a whole"),
        (EdgebenchError("it broke", where="here", hint="mend it"), "here: it broke (mend it)"),
        (DataError("x", expected="y", where="z", hint="w"), "z: x; expected y (w)"),
    ],
)
def test_text_and_pickle(error: EdgebenchError, text: str) -> None:
    assert str(error) == text
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == text
    assert (copy.found, copy.expected, copy.where, copy.hint) == (
        error.found,
        error.expected,
        error.where,
        error.hint,
    )


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("cifr10", "cifar10"), ("CIFAR10", "cifar10"), ("cifar-10", "cifar10"), ("mnist ", "mnist"),
        ("sgd", "SGD"), ("", None), ("entirely different", None), ("cifar10" * 10_000, None),
    ],
)  # fmt: skip
def test_nearest(name: str, match: str | None) -> None:
    known = ["cifar10", "cifar100", "mnist", "SGD"]
    assert nearest(name, known) == match
    assert did_you_mean(name, known) == (f"did you mean '{match}'?" if match else None)


def problem(line: int, message: str = "wrong", hint: str | None = None) -> Problem:
    return Problem(Mark("f", line, 1), message, hint)


class TestClaimFileError:
    def test_sorts_and_says_everything_once(self) -> None:
        error = ClaimFileError([problem(10), problem(2), problem(10), problem(2, "wrong", "hint")])
        assert str(error) == "f:2:1: wrong\nf:2:1: wrong (hint)\nf:10:1: wrong"
        assert error.summary == "3 problems"
        assert ClaimFileError([problem(1)]).summary == "1 problem"

    def test_survives_pickling(self) -> None:
        error = ClaimFileError([problem(2, hint="x"), problem(1)])
        copy = pickle.loads(pickle.dumps(error))
        assert copy.problems == error.problems
        assert str(copy) == str(error)
        assert copy.summary == error.summary

    def test_cuts_very_many_problems_in_its_text_alone(self) -> None:
        error = ClaimFileError([problem(line) for line in range(1, 5000)])
        assert len(error.problems) == 4999
        assert str(error).count("\n") == MAX_SHOWN
        assert str(error).endswith(f"… and {4999 - MAX_SHOWN} more problems")

    def test_keeps_control_characters_and_long_texts_out_of_the_terminal(self) -> None:
        shown = str(Problem(Mark("f\x1b", 1, 1), "a\x1b[31m\nb\u202e\ud800" + "x" * 5000, "c\rd"))
        assert shown.startswith("f\\x1b:1:1: a\\x1b[31m\\nb\\u202e\\ud800x")
        assert shown.endswith("… (c\\rd)")
        assert len(shown) < 1100
        assert shown.isprintable()


class TestGather:
    def test_says_once_what_every_group_lacks_at_its_own_mark(self) -> None:
        groups = [(Mark("f", line, 1), [problem(line, "lacks a"), problem(9, "other")]) for line in (2, 3)]
        assert set(gather(groups, Mark("f", 1, 1))) == {problem(1, "lacks a"), problem(9, "other")}

    def test_keeps_what_only_some_lack(self) -> None:
        groups = [(Mark("f", 2, 1), [problem(2, "lacks a")]), (Mark("f", 3, 1), [problem(3, "lacks b")])]
        assert gather(groups, Mark("f", 1, 1)) == [problem(2, "lacks a"), problem(3, "lacks b")]

    def test_of_one_group_moves_nothing(self) -> None:
        assert gather([(Mark("f", 2, 1), [problem(2)])], Mark("f", 1, 1)) == [problem(2)]
        assert gather([], Mark("f", 1, 1)) == []


def test_paths_are_shown_from_the_working_directory(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    assert display_path(tmp_path / "a" / "b.yaml") == "a/b.yaml"
    assert display_path("/elsewhere/b.yaml") == "/elsewhere/b.yaml"
    assert display_path("b.yaml") == "b.yaml"
