"""Settings of augmentation: one form for one meaning, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from torchvision.transforms import ColorJitter, RandomResizedCrop

from edgebench.claim.augment import AugmentSettings, JitterSettings


def test_what_is_not_given_stays_out_of_the_hash() -> None:
    assert AugmentSettings(crop=4).model_dump(exclude_none=True) == {"crop": 4, "flip": False}


def test_the_ranges_of_a_resized_crop_are_torchvisions() -> None:
    ours = AugmentSettings.model_validate({"resized_crop": {}}).resized_crop
    theirs = RandomResizedCrop(8)
    assert ours is not None
    assert (ours.scale, ours.ratio) == (theirs.scale, theirs.ratio)


@pytest.mark.parametrize("value", [0, 0.125, 0.5, 1.5, [0.2, 0.9]])
def test_the_ranges_of_jitter_are_torchvisions(value: Any) -> None:
    ours = JitterSettings.model_validate({"brightness": value, "saturation": value})
    theirs = ColorJitter(value, saturation=value)
    assert ours.brightness == ours.saturation == (theirs.brightness or (1, 1))
    assert ours.contrast is None
    assert JitterSettings.model_validate_json(ours.model_dump_json()) == ours


@pytest.mark.parametrize(
    "augment",
    [
        {"resized_crop": {"scale": [0, 1]}}, {"resized_crop": {"scale": [0.5, 1.1]}}, {"resized_crop": None, "zoom": 1},
        {"resized_crop": {"scale": [0.9, 0.5]}}, {"resized_crop": {"ratio": [0, 1]}}, {"resized_crop": {"ratio": 1}},
        {"resized_crop": True}, {"jitter": {}}, {"jitter": {"hue": 0.1}}, {"jitter": {"contrast": -0.1}},
        {"jitter": {"contrast": [0.5]}}, {"jitter": {"contrast": [1.1, 0.9]}}, {"jitter": {"contrast": True}},
    ],
)  # fmt: skip
def test_impossible_ones_are_refused(augment: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AugmentSettings.model_validate(augment)


@pytest.mark.parametrize(
    ("both", "message"),
    [
        ({"crop": 4, "resized_crop": {}}, "either crop or resized_crop"),
        (
            {"autoaugment": "cifar10", "randaugment": {"ops": 1, "magnitude": 9}},
            "either randaugment or autoaugment",
        ),
    ],
)
def test_two_of_a_kind_are_refused(both: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AugmentSettings.model_validate(both)
