from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional

from edgebench.claim.augment import AugmentSettings
from edgebench.claim.settings import DataSettings
from edgebench.data.batches import TrainBatches, crop_and_flip, evaluation_batches
from edgebench.data.prepared import Prepared, prepare
from tests.data import fixtures


@pytest.fixture
def numbered(data: Path) -> Prepared:
    """40 colour images of 6 x 6, the first pixel's red being the image's number."""
    arrays = fixtures.plain(train=40, test=7)
    arrays["train_images"][:, 0, 0, 0] = np.arange(40)
    arrays["test_images"][:, 0, 0, 0] = np.arange(7)
    fixtures.save(data / "numbered.npz", arrays)
    return prepare(DataSettings(name="npz:numbered.npz"))


def batches(prepared: Prepared, augment: AugmentSettings | None = None, **changes: Any) -> TrainBatches:
    arguments: dict[str, Any] = {
        "indices": np.arange(len(prepared.train_labels)),
        "augment": augment or AugmentSettings(),
        "batch": 16,
        "order": torch.Generator().manual_seed(1),
        "augmentation": torch.Generator().manual_seed(2),
    }
    return TrainBatches(prepared, **{**arguments, **changes})


def raw(prepared: Prepared, images: torch.Tensor) -> torch.Tensor:
    """Undo the normalisation: [B, C, H, W] in 0..255, rounded."""
    mean, std = (
        torch.tensor(values, dtype=torch.float64)[:, None, None] for values in (prepared.mean, prepared.std)
    )
    values = (images.double() * std + mean) * 255
    assert (values - values.round()).abs().max() < 1e-3
    return values.round().to(torch.uint8)


def numbers(prepared: Prepared, images: torch.Tensor) -> list[int]:
    return raw(prepared, images)[:, 0, 0, 0].tolist()


@given(
    st.integers(1, 6),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([1, 3]),
    st.integers(0, 5),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_crop_and_flip_equals_torchvision_image_by_image(
    count: int, height: int, width: int, channels: int, padding: int, crop: bool, flip: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, height, width, channels), generator=generator, dtype=torch.uint8)
    offsets = torch.randint(0, 2 * padding + 1, (count, 2), generator=generator)
    flips = torch.rand(count, generator=generator) < 0.5
    before = images.clone()
    ours = crop_and_flip(images, padding, offsets if crop else None, flips if flip else None)
    assert torch.equal(images, before)
    for i in range(count):
        one = images[i].permute(2, 0, 1)
        if crop:
            top, left = offsets[i].tolist()
            one = functional.crop(functional.pad(one, [padding] * 4), top, left, height, width)
        if flip and flips[i]:
            one = functional.horizontal_flip(one)
        assert torch.equal(ours[i].permute(2, 0, 1), one)


def test_an_epoch_has_every_image_once_and_drops_the_incomplete_batch(numbered: Prepared) -> None:
    loader = batches(numbered)
    assert len(loader) == 2
    seen = []
    for images, labels in loader:
        assert images.shape == (16, 3, 6, 6)
        assert images.dtype == torch.float32
        assert images.is_contiguous(memory_format=torch.channels_last)
        found = numbers(numbered, images)
        assert labels.dtype == torch.int64
        assert labels.tolist() == [number % 3 for number in found]
        seen += found
    assert len(set(seen)) == len(seen) == 32
    assert seen != sorted(seen)


def test_epochs_differ_and_seeds_repeat_them(numbered: Prepared) -> None:
    def epochs(seed: int) -> list[list[int]]:
        loader = batches(numbered, order=torch.Generator().manual_seed(seed))
        return [[n for images, _ in loader for n in numbers(numbered, images)] for _ in range(3)]

    first = epochs(1)
    assert first == epochs(1)
    assert first != epochs(2)
    assert len({tuple(epoch) for epoch in first}) == 3
    assert len(set().union(*map(set, first))) > 32  # Not the same images are dropped each time.


def test_only_the_chosen_images(numbered: Prepared) -> None:
    loader = batches(numbered, indices=[3, 5, 7, 11], batch=2)
    assert sorted(n for images, _ in loader for n in numbers(numbered, images)) == [3, 5, 7, 11]


def test_fewer_images_than_a_batch_are_one_batch(numbered: Prepared) -> None:
    loader = batches(numbered, indices=[3, 5, 7], batch=16)
    assert len(loader) == 1
    assert [sorted(numbers(numbered, images)) for images, _ in loader] == [[3, 5, 7]]


def test_no_images_are_no_batches(numbered: Prepared) -> None:
    loader = batches(numbered, indices=[])
    assert (len(loader), list(loader)) == (0, [])


def test_padding_is_black_before_normalisation(data: Path) -> None:
    white = np.full((8, 6, 6, 3), 255, np.uint8)
    white[:, :, :, 1] = 100
    white[0, 0, 0] = 7
    fixtures.save(data / "x.npz", fixtures.plain(8), train_images=white)
    prepared = prepare(DataSettings(name="npz:x.npz"))
    images, _ = next(iter(batches(prepared, AugmentSettings(crop=3), batch=8)))
    found = {tuple(pixel) for pixel in raw(prepared, images).permute(0, 2, 3, 1).reshape(-1, 3).tolist()}
    assert found <= {(0, 0, 0), (255, 100, 255), (7, 7, 7)}
    assert (0, 0, 0) in found


def test_arms_that_differ_in_one_augmentation_share_everything_else(numbered: Prepared) -> None:
    def images(**augment: Any) -> torch.Tensor:
        return next(iter(batches(numbered, AugmentSettings(**augment))))[0]

    cropped, both = images(crop=2), images(crop=2, flip=True)
    mirrored = torch.tensor([torch.equal(a.flip(2), b) for a, b in zip(cropped, both, strict=True)])
    same = torch.tensor([torch.equal(a, b) for a, b in zip(cropped, both, strict=True)])
    assert (mirrored | same).all()
    assert mirrored.any()
    assert same.any()


def test_randomness_is_per_image_and_uniform(data: Path) -> None:
    # One bright pixel in the middle: where it is found tells the offset.
    images = np.zeros((3000, 9, 9), np.uint8)
    images[:, 4, 4] = 255
    labels = np.zeros(3000, np.uint8)
    fixtures.save(
        data / "x.npz", fixtures.plain(channels=1, side=9), train_images=images, train_labels=labels
    )
    prepared = prepare(DataSettings(name="npz:x.npz"))
    batch, _ = next(iter(batches(prepared, AugmentSettings(crop=2, flip=True), batch=3000)))
    assert batch.shape == (3000, 1, 9, 9)
    counts = (raw(prepared, batch)[:, 0] == 255).sum(0)
    assert int(counts.sum()) == 3000
    # 25 equally likely places, 120 expected in each (standard deviation 11).
    assert int(counts[2:7, 2:7].sum()) == 3000
    assert 75 < int(counts[2:7, 2:7].min()) <= int(counts[2:7, 2:7].max()) < 165


def test_half_of_the_images_are_mirrored(data: Path) -> None:
    images = np.zeros((2000, 4, 4), np.uint8)
    images[:, :, 0] = 255
    labels = np.zeros(2000, np.uint8)
    fixtures.save(
        data / "x.npz", fixtures.plain(channels=1, side=4), train_images=images, train_labels=labels
    )
    prepared = prepare(DataSettings(name="npz:x.npz"))
    batch, _ = next(iter(batches(prepared, AugmentSettings(flip=True), batch=2000)))
    assert 900 < int((raw(prepared, batch)[:, 0, 0, 3] == 255).sum()) < 1100


def test_the_whole_training_set_is_normalised() -> None:
    prepared = prepare(DataSettings(name="digits"))
    images = torch.cat([images for images, _ in evaluation_batches(prepared, "train")])
    assert images.shape == (1297, 1, 8, 8)
    assert images.mean().item() == pytest.approx(0, abs=1e-5)
    assert images.std(unbiased=False).item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("keep", [False, True])
def test_evaluation_keeps_order_and_the_last_batch(numbered: Prepared, keep: bool) -> None:
    found = evaluation_batches(numbered, "test", batch=3, keep=keep)
    assert [len(labels) for _, labels in found] == [3, 3, 1]
    for _ in range(2):
        assert [n for images, _ in found for n in numbers(numbered, images)] == list(range(7))
    assert [label for _, labels in found for label in labels.tolist()] == numbered.test_labels.tolist()
    assert len(found[1:]) == 2
    assert torch.equal(found[-1][0], found[2][0])
    chosen = evaluation_batches(numbered, "train", [9, 2, 30], keep=keep)
    assert [numbers(numbered, images) for images, _ in chosen] == [[9, 2, 30]]


def test_numpys_and_torchs_global_generators_are_left_alone(numbered: Prepared) -> None:
    torch_state = torch.get_rng_state()
    numpy_state = np.random.get_state(legacy=True)[1]
    list(batches(numbered, AugmentSettings(crop=2, flip=True)))
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_array_equal(np.random.get_state(legacy=True)[1], numpy_state)
