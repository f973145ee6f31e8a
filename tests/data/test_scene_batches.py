from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebench.claim.detection import SceneAugmentSettings, ScenesSettings
from edgebench.data import shapes
from edgebench.data.prepared_scenes import Scenes, prepare_scenes
from edgebench.data.scene_batches import (
    EvaluationScenes,
    Objects,
    SceneBatch,
    TrainScenes,
    draw_mixing,
    mix,
    objects_of,
)

CPU = torch.device("cpu")


@pytest.fixture
def scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scenes:
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shapes, "TRAIN", 12)
    monkeypatch.setattr(shapes, "TEST", 3)
    return prepare_scenes(ScenesSettings(name="shapes", size=32))


def epoch(scenes: Scenes, batch: int = 5, **augment: object) -> list[SceneBatch]:
    streams = torch.Generator().manual_seed(1), torch.Generator().manual_seed(2)
    augmented = SceneAugmentSettings.model_validate(augment)
    torch.manual_seed(3)
    return list(TrainScenes(scenes, np.arange(12), augmented, batch, *streams, CPU))


def test_objects_are_those_of_their_images(scenes: Scenes) -> None:
    part, chosen = scenes.train, np.array([4, 0, 11])
    found = objects_of(part, chosen)
    for row, index in enumerate(chosen):
        first, last = (0 if index == 0 else part.ends[index - 1]), part.ends[index]
        there = found.labels[row] >= 0
        assert there.sum() == last - first
        assert np.array_equal(found.boxes[row][there], part.boxes[first:last])
        assert np.array_equal(found.labels[row][there], part.labels[first:last])
        assert (found.boxes[row][~there] == 0).all()
        assert torch.equal(found.weights[row], there.float())
        assert torch.equal(found.flags[row], torch.where(there, 0, -1))


def test_evaluation_shows_every_scene_once_and_normalised(scenes: Scenes) -> None:
    batches = list(EvaluationScenes(scenes, scenes.train, np.arange(12), 5, CPU))
    assert [len(images) for images, _ in batches] == [5, 5, 2]
    images = torch.cat([images for images, _ in batches])
    assert images.mean((0, 2, 3)).abs().max() < 1e-4
    assert torch.allclose(images.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-4)
    assert batches[0][0].is_contiguous(memory_format=torch.channels_last)


def test_an_epoch_has_whole_batches_and_mirrors_boxes_with_images(scenes: Scenes) -> None:
    plain, flipped = epoch(scenes), epoch(scenes, flip=True)
    assert [len(images) for images, _ in plain] == [5, 5]
    mirrored = 0
    for (images, objects), (changed, moved) in zip(plain, flipped, strict=True):
        assert torch.equal(objects.labels, moved.labels)  # the same scenes in the same order
        for index in range(5):
            if torch.equal(images[index], changed[index]):
                assert torch.equal(objects.boxes[index], moved.boxes[index])
                continue
            mirrored += 1
            assert torch.allclose(images[index].flip(2), changed[index], atol=1e-5)
            there = objects.labels[index] >= 0
            left, top, right, bottom = objects.boxes[index][there].T
            expected = torch.stack([32 - right, top, 32 - left, bottom], 1)
            assert torch.equal(moved.boxes[index][there], expected)
            assert (moved.boxes[index][~there] == 0).all()
    assert 0 < mirrored < 10


def test_mixing_keeps_order_and_mirroring(scenes: Scenes) -> None:
    plain, mixed = epoch(scenes, flip=True), epoch(scenes, flip=True, mixup={"alpha": 1.5})
    for (images, objects), (blended, both) in zip(plain, mixed, strict=True):
        count = objects.labels.shape[1]
        assert torch.equal(both.labels[:, :count], objects.labels)
        assert torch.equal(both.boxes[:, :count], objects.boxes)
        assert blended.shape == images.shape
        assert blended.is_contiguous(memory_format=torch.channels_last)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 5), st.integers(0, 2**31), st.floats(0.1, 5))
def test_mixup_by_hand(count: int, seed: int, alpha: float) -> None:
    """Image by image: x̃ᵢ = λᵢ xᵢ + (1 - λᵢ) xⱼ, the objects of both kept, each with its image's weight."""
    torch.manual_seed(seed)
    images = torch.rand(count, 3, 4, 4)
    labels = torch.randint(-1, 3, (count, 2))
    there = (labels >= 0).float()
    objects = Objects(torch.rand(count, 2, 4), labels, labels.clamp(max=0), there)
    shares, partners = draw_mixing(count, alpha)
    assert sorted(partners.tolist()) == list(range(count))
    assert ((shares >= 0) & (shares <= 1)).all()
    blended, both = mix(images, objects, shares, partners)
    for i, j in enumerate(partners.tolist()):
        share = float(shares[i])
        assert torch.allclose(blended[i], share * images[i] + (1 - share) * images[j], atol=1e-6)
        assert torch.equal(both.boxes[i], torch.cat([objects.boxes[i], objects.boxes[j]]))
        assert torch.equal(both.labels[i], torch.cat([labels[i], labels[j]]))
        weights = torch.cat([share * there[i], (1 - share) * there[j]])
        assert torch.allclose(both.weights[i], weights, atol=1e-6)
    # All objects together weigh as much as before, but for what differs within a pair.
    own = float((shares * there.sum(1)).sum() + ((1 - shares) * there.sum(1)[partners]).sum())
    assert float(both.weights.sum()) == pytest.approx(own, rel=1e-4, abs=1e-5)


def test_shares_have_the_mean_and_spread_of_their_distribution() -> None:
    torch.manual_seed(0)
    shares, _ = draw_mixing(20000, 1.5)
    assert shares.mean() == pytest.approx(0.5, abs=0.01)
    assert shares.var() == pytest.approx(1 / (4 * (2 * 1.5 + 1)), rel=0.03)
