"""Records of one trial beside each other: what counts as equal, and what is said of the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgebench.claim.claim import Claim, Tier
from edgebench.errors import TrialError
from edgebench.run import reproduce
from edgebench.run.record import Measured, Record, Status
from edgebench.run.reproduce import compare, is_time, repeat, weights_of
from edgebench.run.store import Store
from edgebench.run.trial import ARTEFACT, Trial, resolve
from tests import roots
from tests.run.pretrained import started_from
from tests.run.stocked import IDENTITY

MEASURED = Measured(
    {"top1": 50.0, "train_seconds": 3.0}, {"val_top1": (1.0, 2.0)}, correct=b"\x01", artefact=b"weights"
)


def record(**changes: Any) -> Record:
    return Record("0" * 32, Status.ok, replace(MEASURED, **changes), 1.0)


def test_equal_but_for_times() -> None:
    found = compare("train", record(), record(metrics={"top1": 50.0, "train_seconds": 4.0}))
    assert found.differing == ()
    assert found.equal[:3] == ("1 metric", "1 curve", "the correctness of each test image")
    assert found.equal[3].startswith("the weights (SHA-256 ")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"metrics": {"top1": 50.00000000000001}},
            "metric top1: 50.0 in the first, 50.00000000000001 in the second",
        ),
        ({"metrics": {"top1": 50.0, "gap": 1.0}}, "metrics that only one of the two has: gap"),
        (
            {"curves": {"val_top1": (1.0, -2.0)}},
            "curve val_top1: (1.0, 2.0) in the first, (1.0, -2.0) in the second",
        ),
        ({"correct": b"\x02"}, "the correctness of each test image of the first is not that of the second"),
        ({"artefact": b"others"}, "of the first is not that of the second"),
    ],
)
def test_one_bit_is_enough(changes: dict[str, Any], said: str) -> None:
    (found,) = compare("train", record(), record(**changes)).differing
    assert said in found


def test_minus_zero_is_not_zero() -> None:
    found = compare("train", record(metrics={"gap": 0.0}), record(metrics={"gap": -0.0}))
    assert found.differing == ("metric gap: 0.0 in the first, -0.0 in the second",)


def test_how_it_ended() -> None:
    other = Record("0" * 32, Status.diverged, replace(MEASURED, diverged=True), 1.0)
    assert compare("train", record(), other).differing == ("the first is ok, the second diverged",)


def test_a_stored_record_may_lack_something() -> None:
    digest = weights_of(MEASURED)
    stored = record(metrics={"top1": 50.0, "macs": 5.0}, artefact=None, artefact_digest=digest, correct=None)
    found = compare("train", record(metrics={"top1": 50.0, "gap": 1.0}), stored, stored=True)
    assert found.differing == ()
    assert [each.partition(" (")[0] for each in found.equal] == ["1 metric", "1 curve", "the weights"]


def test_what_is_a_time() -> None:
    assert is_time("train", "train_seconds")
    assert is_time("latency", "plain/step_ms")
    assert not is_time("latency", "plain/step_macs")
    assert not is_time("train", "package:metric")


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Trial, bytes | None]]:
    """What was run, with the weights that it was given; every trial leaves weights that are called after it."""
    found: list[tuple[Trial, bytes | None]] = []

    def run(trial: Trial, tier: Tier, device: str, start: bytes | None) -> Record:
        found.append((trial, start))
        artefact = trial.hash.encode() if ARTEFACT in trial.wanted else None
        return Record(trial.hash, Status.ok, Measured({"top1": 1.0}, artefact=artefact), 1.0)

    monkeypatch.setattr(reproduce, "_run", run)
    return found


def trial_of(claim: Claim, arm: str = "a") -> tuple[Trial, Tier]:
    tier = claim.cases[0].tiers["smoke"]
    return resolve("train", tier.arms[arm]), tier


def test_weights_that_it_needs_are_trained_once(
    tmp_path: Path, ran: list[tuple[Trial, bytes | None]]
) -> None:
    claim = roots.load(tmp_path / "claims", started_from())
    trial, tier = trial_of(claim)
    assert trial.needs is not None
    found = repeat(trial, tier, None)
    assert [each.hash for each, _ in ran] == [trial.needs.hash, trial.hash, trial.hash]
    assert [start for _, start in ran] == [None, trial.needs.hash.encode(), trial.needs.hash.encode()]
    assert found.starts == f"{trial.needs.describe()}, trained for this"
    assert all(ARTEFACT in each.wanted for each, _ in ran)


def test_weights_of_the_store_are_used(tmp_path: Path, ran: list[tuple[Trial, bytes | None]]) -> None:
    claim = roots.load(tmp_path / "claims", started_from())
    trial, tier = trial_of(claim)
    assert trial.needs is not None
    store = Store(tmp_path / "store.sqlite")
    kept = Record(trial.needs.hash, Status.ok, Measured({"top1": 1.0}, artefact=b"stored"), 1.0)
    store.finish(kept, IDENTITY, "its pretraining")
    found = repeat(trial, tier, store)
    store.close()
    assert [start for _, start in ran] == [b"stored", b"stored"]
    assert found.starts is not None
    assert ", of the store (SHA-256 " in found.starts


def test_weights_that_were_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(trial: Trial, *_: object) -> Record:
        return Record(trial.hash, Status.diverged, Measured({}, diverged=True), 1.0)

    monkeypatch.setattr(reproduce, "_run", run)
    trial, tier = trial_of(roots.load(tmp_path / "claims", started_from()))
    with pytest.raises(TrialError, match="left no weights: it diverged"):
        repeat(trial, tier, None)
