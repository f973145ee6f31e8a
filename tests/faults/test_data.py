"""Datasets that are cut off, as trials meet them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.claim.settings import DataSettings, ModelSettings, OptimiserSettings, TrainSettings
from edgebench.data.cache import CACHE_VARIABLE, DATA_VARIABLE
from edgebench.data.prepared import prepare
from edgebench.data.source import digest
from edgebench.run import worker
from edgebench.run.record import Status
from edgebench.run.trial import Trial
from tests.data import fixtures
from tests.faults.recording import Observed


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataSettings:
    """A dataset of 30 images in a file of its own."""
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    fixtures.save(tmp_path / "own.npz", fixtures.plain(train=20, test=10))
    return DataSettings(name="npz:own.npz", train=10, val=5)


@pytest.mark.fault(
    "data", "a truncated dataset", "the second half of an .npz file cut off, then a training on it"
)
def test_a_truncated_dataset_fails_its_trial(data: DataSettings, tmp_path: Path, observed: Observed) -> None:
    path = tmp_path / "own.npz"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    settings = TrainSettings(
        model=ModelSettings(name="micronet"), data=data, epochs=1,
        optimiser=OptimiserSettings(name="sgd", lr=0.1),
    )  # fmt: skip
    (record,) = worker.run_here((Trial("train", settings, 0, digest(data)),))
    assert record.status is Status.error
    assert "own.npz" in record.message
    observed(status=record.status, said=record.message)


@pytest.mark.fault(
    "data", "decoded images are damaged", "the last 100 bytes of decoded images cut off; then asked for again"
)
def test_truncated_decoded_images_are_made_again(data: DataSettings, observed: Observed) -> None:
    made = prepare(data)
    path = made.folder / "train_images.npy"
    whole = path.read_bytes()
    del made
    path.write_bytes(whole[:-100])
    prepare(data)
    assert path.read_bytes() == whole
    observed(file="as it was", again="the decoding anew")
