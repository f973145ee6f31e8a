"""Affine transformations against torchvision's, image by image."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import InterpolationMode, RandomAffine
from torchvision.transforms.v2 import functional

from edgebench.claim.augment import AffineSettings, AugmentSettings
from edgebench.claim.settings import DataSettings
from edgebench.data.affine import draw, matrices, warp
from edgebench.data.batches import TrainBatches
from edgebench.data.prepared import Prepared, prepare

ALL = AffineSettings(degrees=(-10, 10), translate=(0.1, 0.2), scale=(0.9, 1.2), shear=(-8, 8, -4, 4))


@given(
    st.integers(1, 4),
    st.integers(2, 12),
    st.integers(2, 12),
    st.sampled_from([1, 3]),
    st.integers(0, 2**31),
)
@settings(deadline=None)
def test_equals_torchvision_image_by_image(
    count: int, height: int, width: int, channels: int, seed: int
) -> None:
    source = random.Random(seed)
    images = torch.from_numpy(
        np.random.default_rng(seed).integers(0, 256, (count, height, width, channels), np.uint8)
    )
    # Also far outside of what a training would use: upside down, shifted out of sight.
    chosen = [
        (
            source.uniform(-360, 360),
            source.randint(-width, width),
            source.randint(-height, height),
            source.uniform(0.3, 3),
            source.uniform(-60, 60),
            source.uniform(-60, 60),
        )
        for _ in range(count)
    ]
    ours = warp(images, matrices(*torch.tensor(chosen, dtype=torch.float64).T))
    assert ours.dtype == torch.float32
    assert ours.is_contiguous()
    for one, image, (angle, right, below, scale, *shear) in zip(ours, images, chosen, strict=True):
        theirs = functional.affine(
            image.permute(2, 0, 1).float(), angle, [right, below], scale, shear, InterpolationMode.BILINEAR
        )
        assert (one.permute(2, 0, 1) - theirs).abs().max() < 0.02


def test_nothing_to_do_changes_nothing() -> None:
    images = torch.arange(2 * 5 * 4 * 3, dtype=torch.uint8).view(2, 5, 4, 3)
    zero, one = torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    same = warp(images, matrices(zero, zero, zero, one, zero, zero))
    assert torch.allclose(same, images.float(), atol=1e-3)


def test_whole_pixels_are_moved_and_black_comes_in() -> None:
    images = torch.full((1, 4, 4, 1), 200, dtype=torch.uint8)
    zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    moved = warp(images, matrices(zero, one, -2 * one, one, zero, zero))[0, :, :, 0]
    expected = torch.zeros(4, 4)
    expected[:2, 1:] = 200  # one to the right, two up
    assert torch.allclose(moved, expected, atol=1e-3)


def test_ranges_are_those_of_torchvision() -> None:
    """Each quantity over its whole range and no further, from both draws of many."""
    drawn = draw(ALL, 4000, (28, 20), torch.Generator().manual_seed(0))
    reference = RandomAffine(10, (0.1, 0.2), (0.9, 1.2), [-8, 8, -4, 4])
    torch.manual_seed(0)
    theirs = [
        reference.get_params(
            reference.degrees, reference.translate, reference.scale, reference.shear, [20, 28]
        )
        for _ in range(4000)
    ]
    angle, shift, scale, shear = zip(*theirs, strict=True)
    columns = [angle, *zip(*shift, strict=True), scale, *zip(*shear, strict=True)]
    expected = matrices(*torch.tensor(columns, dtype=torch.float64))
    for ours, other in zip(drawn.flatten(1).T, expected.flatten(1).T, strict=True):
        quantiles = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0], dtype=torch.float64)
        spread = other.max() - other.min()
        assert ((ours.quantile(quantiles) - other.quantile(quantiles)).abs() < 0.1 * spread).all()


@pytest.mark.parametrize("left_out", ["degrees", "translate", "scale", "shear"])
def test_one_range_does_not_shift_the_draws_of_others(left_out: str) -> None:
    def drawn(ranges: AffineSettings) -> torch.Tensor:
        return draw(ranges, 50, (28, 28), torch.Generator().manual_seed(3))

    given_ranges = ALL.model_dump()
    fixed = {"degrees": 0, "translate": [0, 0], "scale": [1, 1], "shear": 0}[left_out]
    without = AffineSettings.model_validate(given_ranges | {left_out: None})
    assert torch.equal(drawn(without), drawn(AffineSettings.model_validate(given_ranges | {left_out: fixed})))
    assert not torch.equal(drawn(without), drawn(ALL))


def test_shifts_are_whole_pixels() -> None:
    shifts = draw(AffineSettings(translate=(0.5, 0.25)), 500, (8, 6), torch.Generator().manual_seed(0))[
        :, :, 2
    ]
    assert torch.equal(shifts, shifts.round())
    assert (shifts[:, 0].abs().max(), shifts[:, 1].abs().max()) == (3, 2)


@pytest.fixture
def digits() -> Prepared:
    return prepare(DataSettings(name="digits"))


def batches(digits: Prepared, **augment: Any) -> TrainBatches:
    streams = [torch.Generator().manual_seed(number) for number in range(3)]
    return TrainBatches(
        digits, np.arange(100), AugmentSettings(**augment), 32, streams[0], streams[1], affine=streams[2]
    )


def test_other_augmentations_keep_their_draws(digits: Prepared) -> None:
    """An affine transformation that does nothing leaves crops and mirrorings as they are without it."""
    plain, still = (
        batches(digits, crop=2, flip=True),
        batches(digits, crop=2, flip=True, affine={"degrees": 0}),
    )
    for _ in range(3):
        for (images, labels), (same, same_labels) in zip(plain, still, strict=True):
            assert torch.equal(labels, same_labels)
            assert torch.allclose(images, same, atol=1e-4)
            assert same.is_contiguous(memory_format=torch.channels_last)


def test_every_image_has_a_transformation_of_its_own_each_epoch(digits: Prepared) -> None:
    turned = batches(digits, affine={"degrees": 30})
    still = batches(digits)
    for _ in range(2):
        for (images, _), (originals, _) in zip(turned, still, strict=True):
            assert (images - originals).flatten(1).abs().amax(1).min() > 0.05
    first, second = (torch.cat([images for images, _ in turned]) for _ in range(2))
    assert not torch.equal(first, second)


def test_a_generator_is_needed(digits: Prepared) -> None:
    stream = torch.Generator()
    with pytest.raises(ValueError, match="generator of their own"):
        TrainBatches(digits, np.arange(9), AugmentSettings(affine=ALL), 3, stream, stream)
