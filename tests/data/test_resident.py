"""Datasets on a device of their own memory; another CPU tensor stands in for one that no test machine need have."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgebench.claim.augment import AugmentSettings
from edgebench.claim.settings import DataSettings
from edgebench.data import resident
from edgebench.data.batches import CPU, TrainBatches, evaluation_batches
from edgebench.data.prepared import Prepared, prepare


@pytest.fixture
def digits(monkeypatch: pytest.MonkeyPatch) -> Prepared:
    monkeypatch.setattr(resident, "_moved", {})
    return prepare(DataSettings(name="digits"))


def with_room(monkeypatch: pytest.MonkeyPatch, free: float) -> None:
    monkeypatch.setattr(resident, "free_memory", lambda device: free)


def train_batches(digits: Prepared) -> TrainBatches:
    streams = (torch.Generator().manual_seed(seed) for seed in (1, 2))
    return TrainBatches(digits, np.arange(100), AugmentSettings(crop=1, flip=True), 32, *streams)


def test_the_cpu_reads_the_mapped_arrays(digits: Prepared) -> None:
    found = resident.source(digits, "train", CPU)
    assert found.images is digits.train_images
    assert found.labels is digits.train_labels


@pytest.mark.parametrize("part", ["train", "test"])
def test_what_fits_is_moved_once(
    digits: Prepared, monkeypatch: pytest.MonkeyPatch, part: resident.Part
) -> None:
    with_room(monkeypatch, 1e9)
    found = resident.source(digits, part, CPU)
    assert isinstance(found, resident.Resident)
    assert np.array_equal(found.images.numpy(), getattr(digits, f"{part}_images"))
    assert np.array_equal(found.labels.numpy(), getattr(digits, f"{part}_labels"))
    with_room(monkeypatch, 0)
    assert resident.source(digits, part, CPU) is found, "although there is no room for another"


def test_what_needs_more_than_half_of_the_free_memory_stays(
    digits: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = digits.train_images.nbytes + digits.train_labels.nbytes
    with_room(monkeypatch, 2 * size)
    assert isinstance(resident.source(digits, "train", CPU), resident.Mapped)
    with_room(monkeypatch, 2 * size + 1)
    assert isinstance(resident.source(digits, "train", CPU), resident.Resident)


def test_batches_are_the_same_wherever_the_images_are(
    digits: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped = [*train_batches(digits), *evaluation_batches(digits, "test", [5, 2, 9], batch=2)]
    with_room(monkeypatch, 1e9)
    moved = [*train_batches(digits), *evaluation_batches(digits, "test", [5, 2, 9], batch=2)]
    assert len(mapped) == len(moved) == 5
    for (images, labels), (same_images, same_labels) in zip(mapped, moved, strict=True):
        assert torch.equal(images, same_images)
        assert torch.equal(labels, same_labels)


def test_batches_end_on_the_device_that_is_asked_for(digits: Prepared) -> None:
    """The meta device has no values, but it shows that nothing is left behind on the CPU."""
    streams = (torch.Generator().manual_seed(seed) for seed in (1, 2))
    there = TrainBatches(
        digits, np.arange(64), AugmentSettings(crop=1, flip=True), 32, *streams, torch.device("meta")
    )
    shapes = [(images.shape, images.device.type, labels.device.type) for images, labels in there]
    assert shapes == [((32, 1, 8, 8), "meta", "meta")] * 2
