"""The `paper` tier on CIFAR-100 in its official format: a tiny copy, one epoch, and otherwise as the claim says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgebench.claim.augment import AugmentSettings
from edgebench.claim.loader import load_claim
from edgebench.claim.settings import DatasetSettings, TrainSettings
from edgebench.data.prepared import prepare
from edgebench.errors import DataError
from edgebench.measure.dataset import run_dataset
from edgebench.run.trial import resolve
from edgebench.train.trial import run_training
from tests.data import fixtures

CLAIMS = Path(__file__).parents[2] / "claims/mobilenet-ablation"
TRAIN, TEST, VAL = 50, 10, 10


@pytest.fixture
def cifar100(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EDGEBENCH_DATA", str(tmp_path))
    fixtures.cifar100_folder(tmp_path / "cifar-100-python", TRAIN, TEST)


ABLATED = {
    "crop": 4,
    "flip": True,
    "randaugment": {"ops": 2, "magnitude": 9},
    "mixup": {"alpha": 0.2},
    "cutmix": {"alpha": 1.0},
}


@pytest.mark.usefixtures("cifar100")
@pytest.mark.parametrize("augment", [None, ABLATED])
@pytest.mark.parametrize("arm", ["constant", "cosine"])
def test_a_training_as_published_but_for_its_length(arm: str, augment: dict[str, Any] | None) -> None:
    """And once with all augmentation that goes together, on colour images of 32 pixels."""
    published = load_claim(CLAIMS / "cosine-smoother.yaml").cases[0].tiers["paper"].arms[arm]
    assert isinstance(published, TrainSettings)
    assert (published.epochs, published.data.val, published.schedule.name) == (300, 10_000, arm)
    data = published.data.model_copy(update={"val": VAL})
    change = {} if augment is None else {"augment": AugmentSettings.model_validate(augment)}
    settings = published.model_copy(update={"epochs": 1, "data": data, **change})
    trial = resolve("train", settings)
    measured = run_training(settings, trial.seed, trial.data)
    assert not measured.diverged
    assert measured.metrics["params"] == 3_309_476  # 100 classes: the fine labels
    assert measured.curves["lr"] == (0.05,)
    assert measured.correct is not None
    assert len(measured.correct) == -(-TEST // 8)
    shape = prepare(settings.data, trial.data).train_images.shape
    assert shape == (TRAIN, 32, 32, 3)


@pytest.mark.usefixtures("cifar100")
def test_more_validation_images_than_there_are() -> None:
    published = load_claim(CLAIMS / "cosine-smoother.yaml").cases[0].tiers["paper"].arms["cosine"]
    assert isinstance(published, TrainSettings)
    with pytest.raises(DataError, match="10000 validation images were asked for"):
        run_training(published, 0)


@pytest.mark.usefixtures("cifar100")
def test_channel_statistics() -> None:
    case = next(
        case for case in load_claim(CLAIMS / "whitening-statistics.yaml").cases if "paper" in case.tiers
    )
    settings = case.tiers["paper"].arms["set"]
    assert isinstance(settings, DatasetSettings)
    pixels = fixtures.cifar_images(TRAIN, 0) / 255
    measured = run_dataset(settings, resolve("dataset", settings).data)
    assert measured.metrics["mean.green"] == pytest.approx(pixels[..., 1].mean(), rel=1e-12)
    assert measured.metrics["std.blue"] == pytest.approx(pixels[..., 2].std(), rel=1e-12)
    assert {effect.value.references[0][1] for effect in case.effects.values()} <= measured.metrics.keys()
