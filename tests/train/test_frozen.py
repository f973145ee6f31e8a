"""Kept maps against the prefix that they are of, and trainings on them against trainings on images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edgebench.claim.augment import AugmentSettings
from edgebench.claim.settings import TrainSettings
from edgebench.data.batches import TrainBatches, evaluation_batches
from edgebench.data.prepared import Prepared
from edgebench.run.record import Measured
from edgebench.train import trial
from edgebench.train.frozen import MapBatches, Maps, cacheable
from edgebench.train.trial import run_training
from tests.train.tuned import part, tuned, weights

CPU = torch.device("cpu")


def direct(prefix: nn.Module, data: Prepared, indices: Any, part: Any, flips: Tensor | None = None) -> Tensor:
    """The prefix's maps of some images, all in one batch, in training mode, as an uncached step has them."""
    ((images, _),) = list(evaluation_batches(data, part, indices, batch=len(indices)))
    if flips is not None:
        images = torch.where(flips[:, None, None, None], images.flip(3), images)
    with torch.no_grad():
        return prefix.train()(images)  # type: ignore[no-any-return]


def close(found: Tensor, expected: Tensor) -> bool:
    return bool((found - expected).abs().max() <= 1e-6 * expected.abs().max())


@pytest.mark.parametrize("which", ["train", "test"])
def test_maps_are_those_of_the_prefix(prefix: nn.Module, data: Prepared, which: Any) -> None:
    maps = Maps(prefix, data, mirrored=False, device=CPU)
    labels = data.train_labels if which == "train" else data.test_labels
    indices = np.array([3, 0, len(labels) - 1, 77, 3])
    found, targets = maps.gather(indices, part=which)
    assert targets.tolist() == labels[indices].tolist()
    assert found.dtype == torch.float32
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert found.shape[0] == 5
    assert found.std() > 0
    assert close(found, direct(prefix, data, indices, which))


def test_mirrored_maps_are_those_of_mirrored_images(prefix: nn.Module, data: Prepared) -> None:
    maps = Maps(prefix, data, mirrored=True, device=CPU)
    indices, flips = np.array([5, 6, 7, 5]), torch.tensor([True, False, True, False])
    found, _ = maps.gather(indices, flips)
    assert close(found, direct(prefix, data, indices, "train", flips))
    assert not torch.equal(found[0], found[3]), "an image and its mirror image"
    assert not close(found[0], found[3].flip(2)), "the map of a mirror image is no mirrored map"


def test_every_image_of_a_part_is_there_in_its_order(prefix: nn.Module, data: Prepared) -> None:
    maps = Maps(prefix, data, mirrored=False, device=CPU)
    batches = maps.batches("test", None, 64)
    assert [len(labels) for _, labels in batches[:-1]] == [64] * (len(batches) - 1)
    assert torch.cat([labels for _, labels in batches]).tolist() == data.test_labels.tolist()
    whole = np.arange(len(data.test_labels))
    assert close(torch.cat([each for each, _ in batches]), direct(prefix, data, whole, "test"))
    some = maps.batches("train", np.array([9, 2, 4]), 2)
    assert [labels.tolist() for _, labels in some] == [
        data.train_labels[[9, 2]].tolist(),
        data.train_labels[[4]].tolist(),
    ]


def test_epochs_have_the_order_and_the_mirrorings_that_they_have_without(
    prefix: nn.Module, data: Prepared
) -> None:
    maps = Maps(prefix, data, mirrored=True, device=CPU)

    def drawn() -> tuple[Any, ...]:
        streams = (torch.Generator().manual_seed(1), torch.Generator().manual_seed(2), CPU)
        return (data, np.arange(100), AugmentSettings(flip=True), 16, *streams)

    images, kept = TrainBatches(*drawn()), MapBatches(maps, *drawn())
    assert len(images) == len(kept)
    prefix.train()
    for _ in range(2):
        for (shown, labels), (found, targets) in zip(images, kept, strict=True):
            assert torch.equal(labels, targets)
            with torch.no_grad():
                assert close(found, prefix(shown))


def test_a_prefix_that_ends_in_vectors(data: Prepared, first: bytes) -> None:
    prefix, data = part(tuned(method={"name": "ft-last"}), data, first)
    found, _ = Maps(prefix, data, mirrored=False, device=CPU).gather(np.array([1, 2]))
    assert found.dim() == 2
    assert close(found, direct(prefix, data, np.array([1, 2]), "train"))


# Whole trainings.


def both(monkeypatch: pytest.MonkeyPatch, arm: TrainSettings, content: bytes, seed: int) -> list[Measured]:
    """With maps that are kept, and without."""
    kept = run_training(arm, seed, weights=content)
    with monkeypatch.context() as patch:
        patch.setattr(trial, "cacheable", lambda augment: False)
        return [kept, run_training(arm, seed, weights=content)]


METHODS: list[dict[str, Any]] = [
    {"name": "mobiletl", "blocks": 2},
    {"name": "mobiletl", "blocks": 1, "patches": True, "main": "frozen"},
    {"name": "mobiletl", "blocks": 2, "frozen_bits": 8},
    {"name": "ft-blocks", "blocks": 1},
    {"name": "ft-last"},
]


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("method", METHODS, ids=lambda method: "-".join(map(str, method.values())))
@pytest.mark.usefixtures("cache")
def test_a_training_on_kept_maps_is_that_on_images(
    monkeypatch: pytest.MonkeyPatch, first: bytes, method: dict[str, Any], flip: bool
) -> None:
    """Only rounding differs: maps are computed in batches of another size."""
    arm = tuned(method=method, augment={"crop": None, "flip": flip}, epochs=3)
    kept, plain = both(monkeypatch, arm, first, 1)
    assert kept.how["compile"] == "no: it trains on maps of frozen layers"
    assert plain.how["compile"] != kept.how["compile"]
    for name, curve in plain.curves.items():
        assert kept.curves[name] == pytest.approx(curve, rel=1e-4, abs=1e-6), name
    assert kept.correct == plain.correct
    same = set(plain.metrics) - {"train_seconds"}
    assert set(kept.metrics) == set(plain.metrics)
    for name in same:
        assert kept.metrics[name] == pytest.approx(plain.metrics[name], rel=1e-4), name
    assert len(set(plain.curves["train_loss"])) == 3, "it learns"


@pytest.mark.usefixtures("cache")
def test_other_networks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    arm = tuned(model={"name": "micro-resnet"}, method={"name": "ft-blocks", "blocks": 1})
    kept, plain = both(monkeypatch, arm, weights("micro-resnet"), 0)
    assert kept.how["compile"] != plain.how["compile"]
    assert kept.curves["val_loss"] == pytest.approx(plain.curves["val_loss"], rel=1e-4)
    assert kept.correct == plain.correct


@pytest.mark.parametrize(
    ("augment", "kept"),
    [
        ({}, True),
        ({"flip": True}, True),
        ({"crop": 1}, False),
        ({"affine": {"degrees": 5}}, False),
        ({"mixup": {"alpha": 0.2}}, False),  # the map of a blend is not the blend of maps
        ({"cutmix": {"alpha": 1.0}}, False),
        ({"randaugment": {"ops": 1, "magnitude": 1}}, False),
        ({"autoaugment": "svhn", "flip": True}, False),
    ],
)
def test_maps_are_kept_where_each_image_is_seen_in_few_forms(augment: dict[str, Any], kept: bool) -> None:
    assert cacheable(AugmentSettings.model_validate(augment)) is kept


def test_what_cannot_be_kept_is_trained_on_images(cache: Path, first: bytes) -> None:
    run_training(
        tuned(augment={"crop": None, "flip": False, "mixup": {"alpha": 0.2}}, epochs=1), 0, weights=first
    )
    run_training(tuned(method={"name": "ft-all"}, epochs=1), 0, weights=first)
    assert not cache.exists()
