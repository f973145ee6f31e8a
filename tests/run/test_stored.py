"""What the store says of effects, with their data here or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgebench.claim.claim import Claim
from edgebench.claim.settings import TrainSettings
from edgebench.run import environment
from edgebench.run.case import Judged
from edgebench.run.inputs import UNREAD, Inputs, Known, Unread
from edgebench.run.outlook import StoredOutlook
from edgebench.run.record import Measured, Record, Status
from edgebench.run.store import Store
from edgebench.run.stored import judged
from edgebench.run.trial import Trial, resolve, trials_of
from tests import roots
from tests.run.stocked import IDENTITY

CLAIM = """
    claim: A sensible learning rate learns more than a tiny one
    where: Figure 3
    settings: {model: micronet, data: "npz:images.npz", epochs: 1, batch: 8, optimiser: {name: sgd, lr: 0.05}}
    arms: {plain: {}, slow: {optimiser: {lr: 1.0e-6}}}
    tiers: {smoke: {looks: [3]}}
    effects:
      gain: {value: plain.top1 - slow.top1, expect: "> 0"}
"""


@pytest.fixture
def claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Claim:
    monkeypatch.chdir(tmp_path)
    return roots.load(tmp_path / "claims", CLAIM)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store.sqlite")
    yield opened
    opened.close()


def images(content: int) -> Path:
    path = Path("images.npz")
    np.savez(path, train_images=np.full((4, 8, 8), content, np.uint8))
    return path


def stock(store: Store, claim: Claim, gain: float, **environment: object) -> None:
    """Records of three seeds of both arms."""
    tier = claim.cases[0].tiers["smoke"]
    for arm, trial in trials_of(claim, tier, ("plain", "slow"), range(3)):
        top1 = 10.0 + trial.seed + (gain + trial.seed / 10 if arm == "plain" else 0.0)
        measured = Measured({"top1": top1, "train_seconds": gain}, {"val_top1": (top1,)})
        record = Record(trial.hash, Status.ok, measured, 1.0, environment=dict(environment))
        store.finish(record, IDENTITY, trial.describe(), trial.settings_json)


def found(store: Store, claim: Claim, inputs: Inputs) -> Judged:
    case = claim.cases[0]
    outlook = StoredOutlook(store, IDENTITY, lambda claim, tier: None, inputs)
    return judged(claim, case, case.tiers["smoke"], case.effects["gain"], outlook, environment.identity())


def test_data_that_are_gone_are_not_needed(claim: Claim, store: Store) -> None:
    path = images(1)
    stock(store, claim, 5.0)
    here = found(store, claim, Known())
    assert here.verdict is not None
    path.unlink()
    gone = found(store, claim, Known())
    assert gone.verdict == here.verdict
    assert (gone.cached, gone.seconds) == (6, 6.0)
    assert found(store, claim, Unread()).verdict == here.verdict
    strict = found(store, claim, Inputs())
    assert strict.verdict is None
    assert strict.pending is not None
    assert "there is no 'images.npz'" in strict.pending


def test_records_of_different_data_are_told_apart_by_the_data_alone(claim: Claim, store: Store) -> None:
    images(1)
    stock(store, claim, 5.0)
    path = images(2)
    assert found(store, claim, Known()).pending == "the store has no trials of it"
    stock(store, claim, 7.0)
    with_data = found(store, claim, Known())
    assert with_data.verdict is not None
    assert with_data.verdict.value == pytest.approx(7.1)
    path.unlink()
    without = found(store, claim, Known())
    assert without.pending is not None
    assert "the store has 2 different records of 'micronet on npz:images.npz, seed 0'" in without.pending


def test_the_same_results_twice_are_no_question(claim: Claim, store: Store) -> None:
    images(1)
    stock(store, claim, 5.0)
    path = images(2)
    stock(store, claim, 5.0)
    path.unlink()
    assert found(store, claim, Known()).verdict is not None


def test_records_of_other_code_do_not_count(claim: Claim, store: Store) -> None:
    path = images(1)
    stock(store, claim, 5.0, semantics=0)
    assert found(store, claim, Known()).verdict is not None, "its hash would tell"
    path.unlink()
    assert found(store, claim, Known()).pending == "the store has no trials of it"


def test_what_cannot_be_told_by_its_settings_is_not_looked_up_by_them(claim: Claim) -> None:
    plain = claim.cases[0].tiers["smoke"].arms["plain"]
    int8 = TrainSettings.model_validate({**plain.model_dump(exclude_none=True), "quantise": "int8"})
    trial = resolve("train", int8, Unread())
    assert (trial.data, trial.is_read, trial.is_versioned) == (UNREAD, False, True)
    assert not resolve("train", plain, Unread()).is_versioned


def test_each_set_is_looked_for_once(claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    images(1)
    asked: list[str] = []
    monkeypatch.setattr("edgebench.data.source.digest", lambda data: asked.append(data.name) or "d" * 64)
    tier, known = claim.cases[0].tiers["smoke"], Known()
    pairs = [
        each for _ in range(3) for each in trials_of(claim, tier, ("plain", "slow"), range(3), (), known)
    ]
    trials: set[Trial] = {trial for _, trial in pairs if trial.is_read}
    assert len({trial.hash for trial in trials}) == 6
    assert asked == ["npz:images.npz"]
