"""RandAugment and AutoAugment against torchvision's, image by image."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor
from torchvision.transforms import v2

from edgebench.claim.augment import AugmentSettings, RandAugmentSettings
from edgebench.claim.settings import DataSettings
from edgebench.data.batches import TrainBatches
from edgebench.data.policy import SIGNED, AutoAugment, Policy, RandAugment, magnitude_of, perform, policy_of
from edgebench.data.prepared import Prepared, prepare

THEIRS = {"cifar10": v2.AutoAugmentPolicy.CIFAR10, "imagenet": v2.AutoAugmentPolicy.IMAGENET}
THEIRS["svhn"] = v2.AutoAugmentPolicy.SVHN
OPERATIONS = sorted({*v2.RandAugment._AUGMENTATION_SPACE, *v2.AutoAugment._AUGMENTATION_SPACE})


def theirs(image: Tensor, name: str, magnitude: float) -> Tensor:
    """What torchvision makes of one image [C, H, W] that drew this operation."""
    transform = v2.RandAugment()
    changed: Tensor = transform._apply_image_or_video_transform(
        image, name, magnitude, transform.interpolation, transform._fill
    )
    return changed


def random_images(seed: int, count: int, height: int, width: int, channels: int) -> Tensor:
    """uint8 [count, height, width, channels]: some of noise, some smooth and of low contrast, some of one colour."""
    source = np.random.default_rng(seed)
    noise = source.integers(0, 256, (count, height, width, channels))
    slope = np.arange(width)[None, None, :, None] * 3 + source.integers(0, 90, (count, 1, 1, channels))
    kind = source.integers(0, 3, (count, 1, 1, 1))
    flat = np.broadcast_to(source.integers(0, 256, (count, 1, 1, channels)), noise.shape)
    images = np.where(kind == 0, noise, np.where(kind == 1, np.minimum(slope, 255), flat))
    return torch.from_numpy(images.astype(np.uint8))


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("bins", [10, 31])
def test_every_operation_equals_torchvision_at_every_magnitude(name: str, bins: int) -> None:
    table = v2.AutoAugment._AUGMENTATION_SPACE | v2.RandAugment._AUGMENTATION_SPACE
    of, signed = table[name]
    assert signed is (name in SIGNED)
    for size, channels in (((32, 32), 3), ((9, 14), 3), ((28, 20), 1)):
        images = random_images(bins, 6, *size, channels).permute(0, 3, 1, 2).contiguous()
        magnitudes = of(bins, *size)
        for index in range(bins):
            expected = 0.0 if magnitudes is None else float(magnitudes[index])
            assert magnitude_of(name, index, bins, size) == expected
            if index % 5 not in (0, 4) or (magnitudes is None and index):
                continue
            for magnitude in {expected, -expected} if signed else {expected}:
                changed = perform((name, magnitude), images)
                assert changed.dtype == torch.uint8
                each = torch.stack([theirs(image, name, magnitude) for image in images])
                assert torch.equal(changed, each), (size, magnitude)


@given(
    st.integers(1, 40),
    st.integers(2, 24),
    st.integers(2, 24),
    st.sampled_from([1, 3]),
    st.sampled_from(["cifar10", "imagenet", "svhn", 1, 2, 4]),
    st.integers(0, 30),
    st.integers(0, 2**31),
)
@settings(deadline=None, max_examples=40)
def test_a_batch_equals_its_images_one_by_one(
    count: int, height: int, width: int, channels: int, kind: Any, magnitude: int, seed: int
) -> None:
    given_settings = (
        AugmentSettings(autoaugment=kind)
        if isinstance(kind, str)
        else AugmentSettings(randaugment=RandAugmentSettings(ops=kind, magnitude=magnitude))
    )
    policy = policy_of(given_settings, (height, width))
    assert policy is not None
    images = random_images(seed, count, height, width, channels)
    before = images.clone()
    drawn = policy.draw(count, torch.Generator().manual_seed(seed))
    ours = policy.apply(images, drawn)
    assert torch.equal(images, before), "the batch itself stays"
    assert ours.is_contiguous()
    for one, image, numbers in zip(ours, images, drawn.tolist(), strict=True):
        expected = image.permute(2, 0, 1)
        for number in numbers:
            expected = theirs(expected, *policy.actions[number])
        # A blend rounds by a pixel's place in a vector: single pixels may be a level off.
        apart = (one.permute(2, 0, 1).int() - expected.int()).abs()
        assert int(apart.max()) <= 1 or float((apart > 0).float().mean()) < 0.02


def frequencies(policy: Policy, draws: int = 60_000) -> Counter[tuple[tuple[str, float], ...]]:
    """How often each sequence of actions is drawn, without those that do nothing."""
    drawn = policy.draw(draws, torch.Generator().manual_seed(1)).tolist()
    found = (tuple(policy.actions[number] for number in numbers) for numbers in drawn)
    return Counter(tuple(action for action in actions if action[0] != "Identity") for actions in found)


def near(found: int, draws: int, probability: float) -> bool:
    """Within five standard deviations."""
    return abs(found - draws * probability) <= 5 * (draws * probability * (1 - probability)) ** 0.5


def test_randaugment_draws_uniformly_with_both_signs() -> None:
    policy = RandAugment(RandAugmentSettings(ops=1, magnitude=9), (32, 32))
    found = frequencies(policy)
    for actions, times in found.items():
        share = 1 / 28 if actions and actions[0][0] in SIGNED else 1 / 14
        assert near(times, 60_000, share), actions
    assert len(found) == 2 * 9 + 5


def test_randaugment_draws_each_step_anew() -> None:
    drawn = RandAugment(RandAugmentSettings(ops=3, magnitude=9), (8, 8)).draw(
        5000, torch.Generator().manual_seed(0)
    )
    assert drawn.shape == (5000, 3)
    for first, second in ((0, 1), (1, 2), (0, 2)):
        same = int((drawn[:, first] // 2 == drawn[:, second] // 2).sum())
        assert near(same, 5000, 1 / 14)


@pytest.mark.parametrize("name", ["cifar10", "imagenet", "svhn"])
def test_autoaugment_draws_its_policy(name: Literal["cifar10", "imagenet", "svhn"]) -> None:
    """Shares of all sequences, from torchvision's own table."""
    size = (32, 24)
    expected: Counter[tuple[tuple[str, float], ...]] = Counter()
    transform = v2.AutoAugment(THEIRS[name])
    for pair in transform._policies:
        outcomes: list[list[tuple[float, list[tuple[str, float]]]]] = []
        for operation, probability, index in pair:
            of, signed = transform._AUGMENTATION_SPACE[operation]
            magnitudes = of(10, *size)
            by = 0.0 if magnitudes is None else float(magnitudes[index])
            done = [by, -by] if signed else [by]
            outcomes.append([(1 - probability, [])])
            outcomes[-1] += [(probability / len(done), [(operation, each)]) for each in done]
        for share, first in outcomes[0]:
            for other, second in outcomes[1]:
                expected[(*first, *second)] += share * other / 25  # type: ignore[assignment]
    found = frequencies(AutoAugment(name, size))
    assert found.keys() == {actions for actions, share in expected.items() if share > 1e-9}
    for actions, times in found.items():
        assert near(times, 60_000, expected[actions]), actions


@pytest.fixture
def digits() -> Prepared:
    return prepare(DataSettings(name="digits"))


def batches(digits: Prepared, seed: int = 0, **augment: Any) -> TrainBatches:
    streams = [torch.Generator().manual_seed(seed + number) for number in range(4)]
    return TrainBatches(
        digits,
        np.arange(100),
        AugmentSettings.model_validate(augment),
        32,
        *streams[:2],
        affine=streams[2],
        randaugment=streams[3],
    )


MANY = {"ops": 2, "magnitude": 9}


def test_other_augmentations_keep_their_draws(digits: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    others = {"crop": 2, "flip": True, "affine": {"degrees": 20}}
    plain = list(batches(digits, **others))
    with monkeypatch.context() as patch:
        patch.setattr(RandAugment, "apply", lambda self, images, drawn: images)
        idle = list(batches(digits, **others, randaugment=MANY))
    for (images, labels), (same, same_labels) in zip(plain, idle, strict=True):
        assert torch.equal(images, same)
        assert torch.equal(labels, same_labels)
    acted = list(batches(digits, **others, randaugment=MANY))
    assert all(torch.equal(one[1], other[1]) for one, other in zip(plain, acted, strict=True))
    assert not any(torch.equal(one[0], other[0]) for one, other in zip(plain, acted, strict=True))


@pytest.mark.parametrize("augment", [{"randaugment": MANY}, {"autoaugment": "svhn"}])
def test_epochs_differ_and_trials_repeat(digits: Prepared, augment: dict[str, Any]) -> None:
    source, again = batches(digits, **augment), batches(digits, **augment)
    first, second = ([images for images, _ in source] for _ in range(2))
    repeated = [[images for images, _ in again] for _ in range(2)]
    for one, other in zip([*first, *second], [*repeated[0], *repeated[1]], strict=True):
        assert torch.equal(one, other)
        assert one.is_contiguous(memory_format=torch.channels_last)
    assert not torch.equal(first[0].sort(0).values, second[0].sort(0).values)


def test_a_generator_is_needed(digits: Prepared) -> None:
    stream, augment = torch.Generator(), AugmentSettings(randaugment=RandAugmentSettings(**MANY))
    with pytest.raises(ValueError, match="generator of their own"):
        TrainBatches(digits, np.arange(9), augment, 3, stream, stream)


def test_two_policies_are_refused() -> None:
    with pytest.raises(ValidationError, match="either randaugment or autoaugment"):
        AugmentSettings.model_validate({"randaugment": MANY, "autoaugment": "cifar10"})
    assert policy_of(AugmentSettings(), (8, 8)) is None
