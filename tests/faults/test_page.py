"""The page of faults has every fault that is tested, once, and no other."""

from __future__ import annotations

from collections import Counter

import pytest

from tools.reliability.page import GROUPS, PAGE, Fault, declared, render, rows_of, steady


def test_the_committed_page_is_of_the_faults_that_are_tested() -> None:
    page = PAGE.read_text(encoding="utf-8")
    heads = [fault.head for fault, _ in declared()]
    assert [head for head, count in Counter(heads).items() if count > 1] == [], "each has one test"
    assert [head for head in heads if not any(row.startswith(head) for row in rows_of(page))] == []
    assert [row for row in rows_of(page) if not any(row.startswith(head) for head in heads)] == []
    assert render({}, page) == page, "`python -m tools.reliability` writes it anew"


def test_every_group_has_faults() -> None:
    assert {fault.group for fault, _ in declared()} == set(GROUPS)


def test_a_row_says_what_was_observed() -> None:
    fault = Fault("disk", "a | b", "so")
    row = fault.row({"exit": 4, "said": "no <space>", "kept": "2 of 3"})
    assert row == "| a \\| b | so | exit status 4; “no &lt;space>”; 2 of 3 finished trials kept |"
    assert fault.row({"exit": -9}).endswith("| ended by signal 9 |")
    with pytest.raises(ValueError, match="no phrase for surprise"):
        fault.row({"surprise": 1})


def test_a_fault_that_was_never_observed_is_an_error() -> None:
    with pytest.raises(ValueError, match="was not observed here"):
        render({}, "")


def test_what_changes_from_run_to_run_is_left_out() -> None:
    assert steady(f"/tmp/x/a.npz: is {'0a' * 32} (at worker.py:12) ", PAGE.parent) == (
        "/tmp/x/a.npz: is … (at worker.py)"
    )
    assert steady(f"{PAGE}: no", PAGE.parent) == "reliability.md: no"
