"""Baselines of sizes of files: exact values that another version of a library may move a little."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from edgebench.judge.baseline import PACKED_SHARE, BaselineEffect, compare, derive
from edgebench.judge.baseline_file import dump, load
from edgebench.judge.expectation import parse_expectation
from edgebench.judge.verdict import Verdict, judge_exact
from tests.judge.fixtures import baseline_of, written


def size(value: float, text: str = "< 1") -> Verdict:
    return judge_exact(value, parse_expectation(text))


EFFECT = derive(size(0.06), packed=True)


def test_the_tolerance_is_a_share_of_the_value() -> None:
    assert EFFECT.tolerance == pytest.approx(PACKED_SHARE * 0.06)
    assert derive(size(-0.06), packed=True).tolerance == EFFECT.tolerance
    assert derive(size(0.06)).tolerance == 0


@pytest.mark.parametrize("same_machine", [True, False])
def test_a_value_is_held_to_it_on_every_machine(same_machine: bool) -> None:
    assert compare(size(0.0625), EFFECT, same_machine=same_machine).matches
    drifted = compare(size(0.0635), EFFECT, same_machine=same_machine)
    assert (drifted.matches, drifted.drifted) == (False, True)


def test_a_verdict_that_changes_is_a_flip_within_it_too() -> None:
    near = derive(size(0.06, "< 0.061"), packed=True)
    found = compare(size(0.062, "< 0.061"), near)
    assert (found.flipped, found.drifted) == (True, False)


def test_it_is_written_and_read_back(tmp_path: Path) -> None:
    text = dump(baseline_of(e=EFFECT))
    assert "packed: true" in text
    assert load(written(tmp_path, text)).effects["e"] == EFFECT


def test_it_may_be_tightened_but_not_widened_nor_given_to_other_exact_values() -> None:
    content = EFFECT.model_dump()
    assert BaselineEffect.model_validate({**content, "tolerance": 0.0}).tolerance == 0
    with pytest.raises(ValidationError, match=r"a tolerance of at most 0\.003"):
        BaselineEffect.model_validate({**content, "tolerance": 0.0031})
    with pytest.raises(ValidationError, match="a tolerance of 0"):
        BaselineEffect.model_validate({**content, "packed": False})
