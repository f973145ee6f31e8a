"""Rules for many series at once decide as the judge does."""

from __future__ import annotations

import numpy as np
import pytest

from edgebench.judge import verdict
from edgebench.judge.audit.rules import decided, disagreements
from edgebench.judge.expectation import parse_expectation


@pytest.mark.parametrize("text", ["> 0", "< 0.2", "~ 0 ± 1.5"])
@pytest.mark.parametrize("looks", [(3,), (3, 5), (5, 10, 20)])
def test_they_agree(text: str, looks: tuple[int, ...]) -> None:
    expect = parse_expectation(text)
    random = np.random.default_rng(5)
    values = random.normal(random.uniform(-3, 3, (150, 1)), 1, (150, 20)).round(1)
    values[:10] = values[:10, :1]  # constant ones
    margin = 0.0 if expect.band else 0.3
    yes, no = decided(values, expect, margin, looks)
    assert yes.sum() > 10
    assert no.sum() > 10
    assert not (yes & no).any()
    assert disagreements(values, expect, margin, looks, 150) == 0


def test_rounding_alone_decides_nothing() -> None:
    at_the_limit = np.full((1, 5), 0.1 + 0.2)
    yes, no = decided(at_the_limit, parse_expectation("> 0"), 0.3, (5,))
    assert not yes.any()
    assert not no.any()


def test_a_disagreement_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "_decide", lambda *given: (verdict.Outcome.reproduced, None))
    values = np.zeros((7, 5)) - np.arange(5)
    assert disagreements(values, parse_expectation("> 0"), 0.0, (5,), 4) == 8, "both flags of each of four"
