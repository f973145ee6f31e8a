"""Values that make a claim come true."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.judge.audit.planted import claimed_centre, claimed_values
from edgebench.judge.audit.subject import Subject
from edgebench.judge.verdict import Outcome
from tests.judge.audit.fixtures import audited, exact, noise, trained


def test_every_effect_of_the_suite_is_reproduced_on_the_values_that_it_claims(
    own_suite: list[Subject],
) -> None:
    wrong = [each.name for each in own_suite if each.judged(claimed_values(each)) is not Outcome.reproduced]
    assert wrong == []


@pytest.mark.parametrize(
    ("effect", "centre"),
    [
        ('expect: "> 0", margin: 0.5, published: 3', 3),
        ('expect: "> 0", margin: 0.5, published: 0.2', 1.5),
        ('expect: "> 20", published: 20', 30),
        ('expect: "< -4", margin: 2', -9),
        ("expect: ~ 1 ± 2, published: 2", 2),
        ("expect: ~ 1 ± 2, published: 7", 1),
    ],
)
def test_the_published_value_where_it_is_inside_the_limit(tmp_path: Path, effect: str, centre: float) -> None:
    claim = trained(tmp_path, f"{{value: plain.top1 - slow.top1, {effect}}}")
    (one,) = audited(claim, {"gain": noise(5, 1, mean=-50)})
    assert claimed_centre(one) == pytest.approx(centre)
    values = claimed_values(one)
    assert sum(values) / len(values) == pytest.approx(centre)
    assert one.judged(values) is Outcome.reproduced


def test_noise_stays_where_it_leaves_the_claim_decided(tmp_path: Path) -> None:
    claim = trained(tmp_path, '{value: plain.top1 - slow.top1, expect: "> 0", published: 50}')
    (one,) = audited(claim, {"gain": noise(5, 1, mean=-50)})
    assert [value - 50 for value in claimed_values(one)] == pytest.approx(
        [value - sum(one.values) / 5 for value in one.values]
    )
    (still,) = audited(claim, {"gain": (-3.0,) * 5})
    assert claimed_values(still) == (50.0,) * 5


def test_exact_effects_have_one(tmp_path: Path) -> None:
    claim = exact(tmp_path, more='{value: large.params - small.params, expect: "== 128"}')
    (one,) = audited(claim, {"more": [100.0]})
    assert claimed_values(one) == (128.0,)
