"""Random resized crops against torchvision's, image by image and draw by draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.v2 import functional

from edgebench.claim.augment import AugmentSettings, ResizedCropSettings
from edgebench.claim.settings import DataSettings
from edgebench.data.batches import TrainBatches
from edgebench.data.prepared import Prepared, prepare
from edgebench.data.resized_crop import draw, resized

DEFAULT = ResizedCropSettings()


def drawn(
    ranges: ResizedCropSettings, size: tuple[int, int], count: int = 500, seed: int = 0
) -> torch.Tensor:
    return draw(ranges, count, size, torch.Generator().manual_seed(seed))


@given(
    st.integers(1, 4),
    st.integers(1, 24),
    st.integers(1, 24),
    st.sampled_from([1, 3]),
    st.booleans(),
    st.integers(0, 2**31),
)
@settings(deadline=None)
def test_equals_torchvision_image_by_image(
    count: int, height: int, width: int, channels: int, antialias: bool, seed: int
) -> None:
    source = np.random.default_rng(seed)
    images = torch.from_numpy(source.integers(0, 256, (count, height, width, channels), np.uint8))
    before = images.clone()
    boxes = []
    for _ in range(count):
        tall, wide = source.integers(1, height + 1), source.integers(1, width + 1)
        corner = source.integers(0, height - tall + 1), source.integers(0, width - wide + 1)
        boxes.append([int(each) for each in (*corner, tall, wide)])
    ours = resized(images, torch.tensor(boxes))
    assert (ours.dtype, ours.shape) == (torch.uint8, images.shape)
    assert ours.is_contiguous()
    assert torch.equal(images, before)
    for one, image, box in zip(ours, images, boxes, strict=True):
        # torch's anti-aliasing repeats the first row of images that are one pixel wide.
        smooth = antialias and width > 1
        exact = functional.resized_crop(
            image.permute(2, 0, 1).double(), *box, [height, width], antialias=smooth
        )
        # Rounded to whole levels from float32 places.
        assert (one.permute(2, 0, 1) - exact).abs().max() < 0.505


def test_the_whole_image_stays_as_it_is() -> None:
    images = torch.arange(2 * 5 * 4 * 3, dtype=torch.uint8).view(2, 5, 4, 3)
    assert torch.equal(resized(images, torch.tensor([[0, 0, 5, 4]] * 2)), images)


def test_nothing_beyond_the_box_is_seen() -> None:
    images = torch.full((1, 6, 6, 1), 255, dtype=torch.uint8)
    images[0, 2:4, 1:5] = 7
    assert (resized(images, torch.tensor([[2, 1, 2, 4]])) == 7).all()


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(sorted),
    st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)).map(sorted),
    st.integers(0, 2**31),
)
@settings(deadline=None)
def test_boxes_lie_within_the_image(
    height: int, width: int, scale: list[float], ratio: list[float], seed: int
) -> None:
    ranges = ResizedCropSettings.model_validate({"scale": scale, "ratio": ratio})
    top, left, tall, wide = drawn(ranges, (height, width), 50, seed).T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + tall <= height).all()
    assert (left + wide <= width).all()


@pytest.mark.parametrize(
    ("size", "scale", "ratio"),
    [
        ((32, 32), (0.08, 1.0), (3 / 4, 4 / 3)),
        ((144, 100), (0.3, 0.9), (0.5, 3.0)),
        ((20, 60), (0.9, 1.0), (3 / 4, 4 / 3)),  # too long for nearly all draws
        ((60, 20), (0.5, 1.0), (3 / 4, 4 / 3)),
    ],
)
def test_boxes_are_distributed_as_torchvisions(
    size: tuple[int, int], scale: tuple[float, float], ratio: tuple[float, float]
) -> None:
    ours = drawn(ResizedCropSettings(scale=scale, ratio=ratio), size, 4000)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        image = torch.empty(3, *size)
        one = [RandomResizedCrop.get_params(image, list(scale), list(ratio)) for _ in range(4000)]
    theirs = torch.tensor(one)
    for each, other in zip(ours.T, theirs.T, strict=True):
        levels = torch.arange(max(size) + 1)[:, None]
        distance = ((each <= levels).double().mean(1) - (other <= levels).double().mean(1)).abs().max()
        # Kolmogorov and Smirnov's bound for 4000 and 4000 at a level of 1e-4.
        assert distance < 0.05


def test_where_no_box_fits_the_middle_is_taken() -> None:
    """The largest box of an allowed shape, as in torchvision."""
    whole = ResizedCropSettings(scale=(1.0, 1.0))
    assert drawn(whole, (10, 30), 5).tolist() == [[0, 8, 10, 13]] * 5
    assert drawn(whole, (30, 10), 5).tolist() == [[8, 0, 13, 10]] * 5
    image = torch.empty(3, 10, 30)
    assert RandomResizedCrop.get_params(image, [1.0, 1.0], [3 / 4, 4 / 3]) == (0, 8, 10, 13)


@pytest.fixture
def digits() -> Prepared:
    return prepare(DataSettings(name="digits"))


def batches(digits: Prepared, **augment: Any) -> TrainBatches:
    streams = [torch.Generator().manual_seed(number) for number in range(3)]
    return TrainBatches(
        digits,
        np.arange(100),
        AugmentSettings(**augment),
        32,
        streams[0],
        streams[1],
        resized_crop=streams[2],
    )


def test_other_augmentations_keep_their_draws(digits: Prepared) -> None:
    whole = {"scale": [1, 1], "ratio": [1, 1]}
    plain, still = batches(digits, flip=True), batches(digits, flip=True, resized_crop=whole)
    for _ in range(3):
        for (images, labels), (same, same_labels) in zip(plain, still, strict=True):
            assert torch.equal(labels, same_labels)
            assert torch.equal(images, same)
            assert same.is_contiguous(memory_format=torch.channels_last)


def test_every_image_has_a_box_of_its_own_each_epoch(digits: Prepared) -> None:
    cropped = batches(digits, resized_crop={"scale": [0.2, 0.3]})
    still = batches(digits)
    for _ in range(2):
        for (images, labels), (originals, same_labels) in zip(cropped, still, strict=True):
            assert torch.equal(labels, same_labels)
            assert (images - originals).flatten(1).abs().amax(1).min() > 0.05
    first, second = (torch.cat([images for images, _ in cropped]) for _ in range(2))
    assert not torch.equal(first, second)


def test_a_generator_is_needed(digits: Prepared) -> None:
    stream = torch.Generator()
    with pytest.raises(ValueError, match="resized crops need a generator of their own"):
        TrainBatches(digits, np.arange(9), AugmentSettings(resized_crop=DEFAULT), 3, stream, stream)
    with pytest.raises(TypeError, match="no stream is called 'crops'"):
        TrainBatches(digits, np.arange(9), AugmentSettings(), 3, stream, stream, crops=stream)
