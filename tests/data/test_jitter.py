"""Colour jitter against torchvision's, image by image and draw by draw."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms.v2 import functional

from edgebench.claim.augment import AugmentSettings, JitterSettings
from edgebench.claim.settings import DataSettings
from edgebench.data.batches import TrainBatches
from edgebench.data.jitter import OPERATIONS, draw, jitter
from edgebench.data.prepared import Prepared, prepare

ALL = JitterSettings.model_validate({"brightness": 0.4, "contrast": [0.2, 1.5], "saturation": 0.5})
THEIRS = (functional.adjust_brightness, functional.adjust_contrast, functional.adjust_saturation)


def one_by_one(images: Tensor, orders: Tensor, factors: Tensor) -> Tensor:
    changed = []
    for image, order, own in zip(images, orders.tolist(), factors.tolist(), strict=True):
        one = image.permute(2, 0, 1)
        for number in order:
            if own[number] == own[number]:  # NaN: left out
                one = THEIRS[number](one, own[number])
        changed.append(one.permute(1, 2, 0))
    return torch.stack(changed)


@given(
    st.integers(1, 8),
    st.integers(1, 12),
    st.integers(1, 12),
    st.sampled_from([1, 3]),
    st.sets(st.sampled_from(list(OPERATIONS)), min_size=1),
    st.integers(0, 2**31),
)
@settings(deadline=None)
def test_equals_torchvision_image_by_image(
    count: int, height: int, width: int, channels: int, used: set[str], seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, height, width, channels), generator=generator, dtype=torch.uint8)
    before = images.clone()
    # Far outside of what a training would use.
    ranges = JitterSettings.model_validate({name: [0, 3] for name in used})
    orders, factors = draw(ranges, count, generator)
    ours = jitter(images, orders, factors)
    assert (ours.dtype, ours.shape) == (torch.uint8, images.shape)
    assert ours.is_contiguous()
    assert torch.equal(images, before)
    apart = (ours.int() - one_by_one(images, orders, factors).int()).abs()
    # A fraction is cut off after each operation, and a level that one of them lacks is multiplied by the next.
    assert apart.max() <= 12
    assert (apart > 0).double().mean() <= 0.02 + 3 / apart.numel()


def test_one_operation_is_one_level_off_at_most() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (200, 16, 16, 3), generator=generator, dtype=torch.uint8)
    for name in OPERATIONS:
        drawn = draw(JitterSettings.model_validate({name: 0.5}), 200, generator)
        apart = (jitter(images, *drawn).int() - one_by_one(images, *drawn).int()).abs()
        assert apart.max() <= 1
        assert (apart > 0).double().mean() < 1e-3


def test_a_factor_of_one_changes_nothing() -> None:
    images = torch.arange(240, dtype=torch.uint8).view(4, 5, 4, 3)
    ones = JitterSettings.model_validate(dict.fromkeys(OPERATIONS, 0))
    assert torch.equal(jitter(images, *draw(ones, 4, torch.Generator())), images)


def test_what_the_factors_mean() -> None:
    image = torch.tensor([[[[200, 100, 50], [10, 20, 30]]]], dtype=torch.uint8)

    def changed(**factors: float) -> list[Any]:
        fixed = JitterSettings.model_validate({name: [factor, factor] for name, factor in factors.items()})
        return jitter(image, *draw(fixed, 1, torch.Generator()))[0, 0].tolist()

    assert changed(brightness=1.5) == [[255, 150, 75], [15, 30, 45]]
    # Luminance 0.2989 R + 0.587 G + 0.114 B, whole levels: 124 and 18, in the mean 71.
    assert changed(saturation=0.0) == [[124] * 3, [18] * 3]
    assert changed(contrast=0.0) == [[71] * 3] * 2
    assert changed(contrast=0.5) == [[135, 85, 60], [40, 45, 50]]


def test_factors_are_uniform_and_orders_equally_likely() -> None:
    orders, factors = draw(ALL, 6000, torch.Generator().manual_seed(0))
    for found, (least, most) in zip(factors.T, [(0.6, 1.4), (0.2, 1.5), (0.5, 1.5)], strict=True):
        shares = (found - least) / (most - least)
        assert 0 <= shares.min() < 0.01
        assert 0.99 < shares.max() <= 1
        quantiles = torch.linspace(0, 1, 11, dtype=torch.float64)
        assert (shares.quantile(quantiles) - quantiles).abs().max() < 0.025
    counts = Counter(map(tuple, orders.tolist()))
    assert len(counts) == 6
    assert all(890 < count < 1110 for count in counts.values())  # 1000 expected, deviation 29
    assert torch.equal(orders.sort(1).values, torch.arange(3).expand(6000, 3))


@pytest.mark.parametrize("left_out", list(OPERATIONS))
def test_one_range_does_not_shift_the_draws_of_others(left_out: str) -> None:
    without = JitterSettings.model_validate(ALL.model_dump() | {left_out: None})
    orders, factors = draw(ALL, 50, torch.Generator().manual_seed(3))
    same_orders, fewer = draw(without, 50, torch.Generator().manual_seed(3))
    assert torch.equal(orders, same_orders)
    place = list(OPERATIONS).index(left_out)
    assert fewer[:, place].isnan().all()
    others = [number for number in range(3) if number != place]
    assert torch.equal(fewer[:, others], factors[:, others])


@pytest.fixture
def digits() -> Prepared:
    return prepare(DataSettings(name="digits"))


def batches(digits: Prepared, **augment: Any) -> TrainBatches:
    streams = [torch.Generator().manual_seed(number) for number in range(3)]
    return TrainBatches(
        digits, np.arange(100), AugmentSettings(**augment), 32, streams[0], streams[1], jitter=streams[2]
    )


def test_other_augmentations_keep_their_draws(digits: Prepared) -> None:
    options: dict[str, Any] = {"crop": 2, "flip": True}
    plain, still = batches(digits, **options), batches(digits, **options, jitter={"brightness": 0})
    for _ in range(3):
        for (images, labels), (same, same_labels) in zip(plain, still, strict=True):
            assert torch.equal(labels, same_labels)
            assert torch.equal(images, same)
            assert same.is_contiguous(memory_format=torch.channels_last)


def test_every_image_has_factors_of_its_own_each_epoch(digits: Prepared) -> None:
    dark = batches(digits, jitter={"brightness": [0.2, 0.8]})
    still = batches(digits)
    for (images, _), (originals, _) in zip(dark, still, strict=True):
        assert (images - originals).flatten(1).amax(1).max() <= 0
        assert (images - originals).flatten(1).amin(1).max() < 0
    first, second = (torch.cat([images for images, _ in dark]) for _ in range(2))
    assert not torch.equal(first, second)


def test_a_generator_is_needed(digits: Prepared) -> None:
    stream = torch.Generator()
    with pytest.raises(ValueError, match="brightness, contrast and saturation need a generator of their own"):
        TrainBatches(digits, np.arange(9), AugmentSettings(jitter=ALL), 3, stream, stream)
