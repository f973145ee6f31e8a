"""Trainings with random operations and mixing: they repeat bit for bit, and share all else with the plain arm."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from edgebench.data import policy
from edgebench.data.prepared import prepare
from edgebench.run.record import Measured
from edgebench.train.trial import run_training, set_up
from tests.train.fixtures import settings
from tests.train.tuned import tuned

RANDAUGMENT: dict[str, Any] = {"randaugment": {"ops": 2, "magnitude": 9}}
AUTOAUGMENT: dict[str, Any] = {"autoaugment": "cifar10"}
MIXUP: dict[str, Any] = {"mixup": {"alpha": 0.2}}
CUTMIX: dict[str, Any] = {"cutmix": {"alpha": 1.0}}
ARMS = {
    "randaugment": RANDAUGMENT,
    "autoaugment": AUTOAUGMENT,
    "resized-crop": {"crop": None, "resized_crop": {}},
    "jitter": {"jitter": {"brightness": 0.125, "saturation": 0.5}},
    "cutmix": CUTMIX,
    "mixup-cutmix": MIXUP | CUTMIX,
    "ablated": RANDAUGMENT | MIXUP | CUTMIX,
}


def told(measured: Measured) -> tuple[object, ...]:
    """All of a training that must not differ between two runs of it."""
    metrics = {name: value for name, value in measured.metrics.items() if name != "train_seconds"}
    return metrics, measured.curves, measured.correct


@pytest.fixture(scope="module")
def plain() -> Measured:
    return run_training(settings(), 1)


@pytest.mark.parametrize("arm", ARMS)
def test_the_same_seed_gives_the_same_bits(arm: str, plain: Measured) -> None:
    """On grey images of 8 pixels, which operations on colours leave as they are."""
    first = run_training(settings(augment=ARMS[arm]), 1)
    assert not first.diverged
    assert told(first) == told(run_training(settings(augment=ARMS[arm]), 1))
    assert first.curves["lr"] == plain.curves["lr"]
    assert first.curves["train_loss"] != plain.curves["train_loss"]
    other = run_training(settings(augment=ARMS[arm]), 2)
    assert other.curves["train_loss"] != first.curves["train_loss"]


def test_augmentation_does_not_keep_it_from_learning() -> None:
    arm = settings(data={"train": 1200}, augment={"crop": None, "flip": False, **ARMS["ablated"]}, epochs=4)
    assert run_training(arm, 0).metrics["top1"] > 50


@pytest.mark.parametrize("arm", ARMS)
def test_order_split_and_initial_weights_are_those_without_it(
    arm: str, batches: list[tuple[Tensor, Tensor]]
) -> None:
    run_training(settings(), 1)
    before = list(batches)
    batches.clear()
    run_training(settings(augment=ARMS[arm]), 1)
    assert len(batches) == len(before)
    changes = bool(ARMS[arm].keys() - {"mixup", "cutmix"})
    for (images, labels), (augmented, same) in zip(before, batches, strict=True):
        assert torch.equal(labels, same)
        assert torch.equal(images, augmented) is not changes
    cpu = torch.device("cpu")
    starts = [set_up(each, prepare(each.data), 1, cpu) for each in (settings(), settings(augment=ARMS[arm]))]
    (first, second) = ([*start.model.state_dict().values()] for start in starts)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert (starts[0].train == starts[1].train).all()
    for (a, _), (b, _) in zip(starts[0].validation, starts[1].validation, strict=True):
        assert torch.equal(a, b), "validation images are never augmented"


@pytest.mark.parametrize(("arm", "kind"), [(RANDAUGMENT, "RandAugment"), (AUTOAUGMENT, "AutoAugment")])
def test_every_image_draws_anew_in_every_epoch_and_seed(
    arm: dict[str, Any], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Tensor] = []
    original = getattr(policy, kind).draw

    def draw(self: Any, count: int, generator: torch.Generator) -> Tensor:
        drawn.append(original(self, count, generator))
        return drawn[-1]

    monkeypatch.setattr(getattr(policy, kind), "draw", draw)
    for seed in (1, 1, 2):
        run_training(settings(augment=arm), seed)
    first, second, *again = drawn
    assert len(first.unique(dim=0)) > len(first) // 4, "images of an epoch draw different operations"
    assert torch.equal(torch.stack(again[:2]), torch.stack((first, second)))
    unlike = torch.stack((first, second, *again[2:])).flatten(1)
    assert len(unlike.unique(dim=0)) == 4


@pytest.mark.parametrize("arm", [RANDAUGMENT, MIXUP, CUTMIX, AUTOAUGMENT])
def test_a_fine_tuning_keeps_maps_only_of_images_that_stay_the_same(
    arm: dict[str, Any], first: bytes, cache: Any
) -> None:
    """Mixing images is not mixing the maps of frozen layers, so such a training passes all layers."""
    settings_ = tuned(augment={"crop": None, "flip": False, **arm})
    data = prepare(settings_.data)
    start = set_up(settings_, data, 0, torch.device("cpu"), first)
    assert start.maps is None
    measured = run_training(settings_, 0, weights=first)
    assert not measured.diverged
    assert not cache.exists()
    assert told(measured) == told(run_training(settings_, 0, weights=first))


def test_mixed_labels_in_bf16() -> None:
    arm = settings(augment=ARMS["ablated"]).model_copy(update={"precision": "bf16"})
    measured = run_training(arm, 1)
    exact = run_training(settings(augment=ARMS["ablated"]), 1)
    assert not measured.diverged
    assert told(measured) == told(run_training(arm, 1))
    assert measured.curves["train_loss"] != exact.curves["train_loss"]
    assert measured.curves["train_loss"] == pytest.approx(exact.curves["train_loss"], rel=0.1)
