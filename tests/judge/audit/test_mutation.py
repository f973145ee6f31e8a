"""What survives which mutation."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.judge.audit.mutation import Fate, Mutated, mutate
from edgebench.judge.verdict import Outcome
from tests.judge.audit.fixtures import audited, exact, noise, trained


def mutated(tmp_path: Path, effect: str, values: tuple[float, ...]) -> Mutated:
    (one,) = audited(trained(tmp_path, effect), {"gain": values})
    return mutate(one, [one])


def fates(found: Mutated) -> dict[str, str]:
    return {mutant.kind: str(mutant.fate) for mutant in found.mutants}


SOUND = {
    "direction": "changed",
    "margin": "changed",
    "arms swapped": "changed",
    "arms alike": "changed",
    "metric": "unknown",
    "possible values": "changed",
}
GAIN = '{value: plain.top1 - slow.top1, expect: "> 0", margin: 0.5, published: 3}'


@pytest.mark.parametrize("mean", [3.0, 0.6, 0.0, -3.0])
def test_a_sound_effect_whether_reproduced_undecided_or_contradicted(tmp_path: Path, mean: float) -> None:
    found = mutated(tmp_path, GAIN, noise(5, 1, mean=mean))
    assert fates(found) == SOUND
    assert found.planted is (found.subject.stored.verdict is not Outcome.reproduced)
    assert not found.stale
    assert found.survivors == ()


@pytest.mark.parametrize(
    ("effect", "mean", "kinds"),
    [
        ('{value: slow.top1, expect: "> -1"}', 50.0, {"possible values"}),
        ('{value: slow.top1 - plain.top1, expect: "> -101"}', 50.0, {"possible values"}),
        ('{value: abs(slow.top1 - plain.top1), expect: "> 0"}', 50.0, {"arms swapped"}),
        (
            '{value: "max(slow.top1, plain.top1) - min(slow.top1, plain.top1)", expect: "> 0"}',
            50.0,
            {"arms swapped"},
        ),
    ],
)
def test_what_holds_whatever_is_measured_is_vacuous(
    tmp_path: Path, effect: str, mean: float, kinds: set[str]
) -> None:
    found = mutated(tmp_path, effect, noise(5, 1, mean=mean))
    assert {mutant.kind for mutant in found.survivors} == kinds
    assert all(mutant.said for mutant in found.survivors)


@pytest.mark.parametrize(
    ("effect", "mean"),
    [
        ("{value: plain.top1 - slow.top1, expect: ~ 0 ± 4}", 0.5),
        ("{value: plain.top1 / slow.top1, expect: ~ 1 ± 9}", 1.2),
        ('{value: plain.top1 - slow.top1, expect: "< 9"}', 1.0),
    ],
)
def test_that_nothing_differs_is_true_of_exchanged_arms_as_well(
    tmp_path: Path, effect: str, mean: float
) -> None:
    found = mutated(tmp_path, effect, noise(5, 1, mean=mean))
    assert fates(found) == SOUND | {"arms swapped": "equivalent", "arms alike": "equivalent"}


def test_what_the_value_does_not_tell_is_said_to_be_unknown(tmp_path: Path) -> None:
    effect = '{value: "min(plain.top1, slow.top1) - slower.top1", expect: "> 0"}'
    found = mutated(tmp_path, effect, noise(5, 1, mean=9))
    assert fates(found) == SOUND | {"arms swapped": "unknown"}


def test_exact_effects_and_the_values_of_others_in_their_place(tmp_path: Path) -> None:
    claim = exact(
        tmp_path,
        small='{value: small.params, expect: "== 16"}',
        large='{value: large.params, expect: "== 144"}',
        wide='{value: large.params, expect: "~ 100 ± 90"}',
        macs='{value: large.macs, expect: "== 9216"}',
    )
    every = audited(claim, {"small": [16.0], "large": [144.0], "wide": [144.0], "macs": [9216.0]})
    small, large, wide, macs = (mutate(each, every) for each in every)
    for found in (small, large, macs):
        assert found.survivors == ()
        assert fates(found)["direction"] == "changed"
        assert fates(found)["margin"] == "equivalent", "the value is exactly what is claimed"
    assert fates(small)["arm"] == fates(large)["metric"] == fates(macs)["metric"] == "changed"
    assert fates(small)["metric"] == "unknown"
    assert fates(wide) | {"metric": "changed", "margin": "changed"} == fates(wide)
    assert fates(wide)["arm"] == "equivalent", "16 parameters are what it claims as well"
    assert wide.scaled == (False, True)


def test_room_and_scaled_margins(tmp_path: Path) -> None:
    far = mutated(tmp_path, GAIN, tuple(10 + 0.1 * each for each in noise(5, 1)))
    assert far.room is not None
    assert 18 < far.room < 21
    assert far.scaled == (False, False)
    near = mutated(tmp_path, GAIN, tuple(0.8 + 0.1 * each for each in noise(5, 1)))
    assert near.scaled == (True, False)
    short = mutated(tmp_path, GAIN, tuple(0.3 + 0.1 * each for each in noise(5, 1)))
    assert (short.room, short.scaled) == (None, (False, True))


def test_a_value_that_is_not_judged_as_recorded_is_stale(tmp_path: Path) -> None:
    (one,) = audited(trained(tmp_path, GAIN), {"gain": noise(5, 1, mean=9)})
    (other,) = audited(trained(tmp_path, GAIN.replace("> 0", "< 0")), {"gain": noise(5, 1, mean=9)})
    moved = mutate(type(one)(**(vars(one) | {"effect": other.effect, "claim": other.claim})), [])
    assert moved.stale
    assert moved.planted
    assert Fate.survived not in {mutant.fate for mutant in moved.mutants}
