"""What a bundle is made of: trials that others need, what the store lacks, data that are not here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgebench.claim.claim import Claim
from edgebench.errors import DataError, EvidenceError
from edgebench.evidence.bundle import Bundle, read_bundle
from edgebench.evidence.collect import Collection
from edgebench.evidence.verify import verify
from edgebench.run.record import Measured, Record, Status
from edgebench.run.store import Store
from edgebench.run.trial import trials_of
from tests import roots
from tests.run.stocked import IDENTITY

QUANTISED = """
    claim: Integers cost accuracy
    where: Table 2
    settings:
      {model: micronet, data: DATA, epochs: 1, batch: 8, optimiser: {name: sgd, lr: 0.05}}
    arms: {float: {}, int8: {quantise: int8}}
    tiers: {smoke: {looks: [2]}}
    effects:
      loss: {value: float.top1 - int8.top1, expect: "> 0"}
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store.sqlite")
    yield opened
    opened.close()


def claim(folder: Path, data: str = "digits") -> Claim:
    return roots.load(folder / "claims", QUANTISED.replace("DATA", data))


def stock(store: Store, of: Claim, arms: tuple[str, ...] = ("float", "int8")) -> None:
    """Two seeds of both arms; the weights of the trainings were not kept."""
    for arm, trial in trials_of(of, of.cases[0].tiers["smoke"], arms, range(2)):
        measured = Measured({"top1": 50.0 + trial.seed / 100 + (3.0 if arm == "float" else 0.0), "macs": 5.0})
        record = Record(trial.hash, Status.ok, measured, 1.0, environment={})
        store.finish(record, IDENTITY, trial.describe(), trial.settings_json)


def bundled(folder: Path, store: Store, of: Claim, *tiers: str) -> Bundle:
    collection = Collection(store, "cpu", lambda text: None)
    collection.add(of, tiers)
    (folder / "b.zip").write_bytes(collection.sealed())
    return read_bundle(folder / "b.zip")


def test_a_trial_that_is_an_arm_and_needed_by_another(store: Store, tmp_path: Path) -> None:
    made = claim(tmp_path)
    stock(store, made)
    bundle = bundled(tmp_path, store, made)
    stated = bundle.statements["demo/claim"].tiers["smoke"][""]
    for ours, needing in zip(stated.arms["float"], stated.arms["int8"], strict=True):
        assert bundle.trials[needing].key["needs"] == ours
        assert bundle.trials[ours].record is not None, "although the weights that are wanted of it are gone"
    assert verify(bundle).problems == ()


def test_what_is_needed_belongs_to_the_bundle(store: Store, tmp_path: Path) -> None:
    made = claim(tmp_path)
    stock(store, made, ("int8",))
    with pytest.raises(EvidenceError, match="the store has nothing of demo/claim"):
        bundled(tmp_path, store, made)


def test_data_that_are_not_here(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made, said = claim(tmp_path, '"npz:none.npz"'), list[str]()
    with pytest.raises(DataError, match=r"there is no 'none\.npz'"):
        bundled(tmp_path, store, made, "smoke")
    with pytest.raises(EvidenceError, match="the store has nothing"):
        Collection(store, "cpu", said.append).add(made)
    assert said[0].startswith("demo/claim at smoke is left out: npz:none.npz: there is no 'none.npz'")
