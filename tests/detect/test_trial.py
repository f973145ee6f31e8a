from __future__ import annotations

from pathlib import Path

import pytest
import torch

from edgebench.claim.settings import TrainSettings
from edgebench.data.prepared_scenes import prepare_scenes
from edgebench.detect import trial
from edgebench.detect.trial import build_detector, run_detection
from edgebench.errors import DataError, ModelError, TrialError
from edgebench.run.trial import Trial, resolve
from edgebench.run.worker import run_here
from edgebench.train.trial import run_training
from tests.detect.fixtures import settings

PRETRAIN = {
    "data": {"name": "digits", "train": 64, "val": 16},
    "optimiser": {"name": "sgd", "lr": 0.05},
    "epochs": 1,
    "batch": 16,
}


def pretrained() -> bytes:
    found = run_training(TrainSettings.model_validate({"model": "micronet", **PRETRAIN}), 0, keeps=True)
    assert found.artefact is not None
    return found.artefact


def test_it_measures_what_the_table_says(few: Path) -> None:
    from edgebench.claim.metrics import METRICS

    found = run_detection(settings(), 1)
    names = found.metrics.keys() | {f"curve.{name}" for name in found.curves}
    assert names == METRICS["detect"].keys()
    assert [len(curve) for curve in found.curves.values()] == [2, 2, 2]
    assert 0 <= found.metrics["ap50"] <= 100
    assert found.correct is None
    assert not found.diverged


def test_the_same_seed_gives_the_same_bits_and_another_does_not(few: Path) -> None:
    arm = settings(augment={"flip": True, "mixup": {"alpha": 1.5}})
    one, again, other = (run_detection(arm, seed) for seed in (1, 1, 2))
    assert one.curves == again.curves
    assert one.metrics["ap50"] == again.metrics["ap50"]
    assert one.curves["train_loss"] != other.curves["train_loss"]


def test_training_lowers_the_loss(few: Path) -> None:
    found = run_detection(settings(epochs=12, optimiser={"name": "adamw", "lr": 0.01}), 0)
    losses = found.curves["train_loss"]
    assert losses[-1] < 0.8 * losses[0]


def test_divergence_is_an_outcome(few: Path) -> None:
    found = run_detection(settings(optimiser={"name": "sgd", "lr": 1e30}, epochs=3), 0)
    assert found.diverged
    assert "ap50" not in found.metrics
    assert found.metrics["macs"] > 0


def test_arms_of_a_seed_share_order_split_and_weights(few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []
    original = trial.detection_loss

    def watch(detector, raw, objects):  # type: ignore[no-untyped-def]
        seen.append(objects.labels[:, :1].clone())
        return original(detector, raw, objects)

    monkeypatch.setattr(trial, "detection_loss", watch)
    for augment in ({}, {"flip": True}, {"mixup": {}}):
        run_detection(settings(epochs=1, augment=augment), 3)
    third = len(seen) // 3
    for index in range(third):
        assert torch.equal(seen[index], seen[third + index])
        assert torch.equal(seen[index], seen[2 * third + index])
    scenes = prepare_scenes(settings().data)
    (one, _), (other, _) = (
        build_detector(settings(augment=augment), scenes, 3) for augment in ({}, {"flip": True})
    )
    assert all(
        torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    )


def test_a_pretrained_backbone_is_loaded_and_the_head_is_not_changed_by_it(few: Path) -> None:
    arm = settings(start={"pretrain": PRETRAIN})
    scenes, weights = prepare_scenes(arm.data), pretrained()
    (fresh, own), (tuned, expected) = (
        build_detector(settings(), scenes, 3),
        build_detector(arm, scenes, 3, weights),
    )
    assert own.mean == scenes.mean
    assert expected.mean != scenes.mean  # that of digits
    for name, value in tuned.state_dict().items():
        if not name.startswith("backbone."):
            assert torch.equal(value, fresh.state_dict()[name])
    first = next(name for name in tuned.state_dict() if name.startswith("backbone.") and "weight" in name)
    assert not torch.equal(tuned.state_dict()[first], fresh.state_dict()[first])
    with pytest.raises(TrialError, match="not handed over"):
        build_detector(arm, scenes, 3)


def test_weights_for_other_channels_are_refused(few: Path) -> None:
    arm = settings(data={"name": "shapes", "size": 32}, start={"pretrain": PRETRAIN})
    with pytest.raises(ModelError):
        run_detection(arm, 0, weights=pretrained())


def test_scenes_that_changed_since_the_plan_are_refused(few: Path) -> None:
    with pytest.raises(DataError, match="changed"):
        run_detection(settings(), 0, "0" * 64)


def test_a_trial_needs_its_pretraining_and_shares_it_between_seeds() -> None:
    arm = settings(start={"pretrain": PRETRAIN})
    first = resolve("detect", arm)
    assert first.needs is not None
    assert first.needs.settings.model == arm.model  # type: ignore[union-attr]
    assert first.at(4).needs == first.needs
    own = resolve("detect", settings(start={"pretrain": {**PRETRAIN, "seeds": "own"}}))
    fourth = own.at(4).needs
    assert fourth is not None
    assert fourth.seed == 4
    assert resolve("detect", settings()).needs is None
    assert "detector of micronet on shapes-grey" in first.describe()


def test_the_worker_runs_it(few: Path) -> None:
    planned = resolve("detect", settings(epochs=1))
    (record,) = run_here((planned,))
    assert record.message == ""
    assert record.measured is not None
    assert record.measured.metrics["params"] > 0
    (missing,) = run_here((Trial("detect", settings(data={"name": "voc"}), 0, None),))
    assert "voc" in missing.message
