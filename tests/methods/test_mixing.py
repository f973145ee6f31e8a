"""Mixup: one convex combination for images and labels alike."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from edgebench.methods.mixing import CutMix, Mixup, OneOf


@given(
    st.floats(0.05, 5.0), st.integers(1, 12), st.integers(2, 10), st.integers(0, 2**31 - 1)
)  # fmt: skip
def test_images_and_labels_are_mixed_with_one_weight(
    alpha: float, count: int, classes: int, seed: int
) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        labels = torch.randint(classes, (count,))
        # Image i is nothing but the number of its place, one-hot, so that the mixture tells what is in it.
        images = torch.eye(count).view(count, 1, 1, count).contiguous(memory_format=torch.channels_last)
        before = images.clone()
        mixed, targets = Mixup(alpha, classes).batch(images, labels)
    assert torch.equal(images, before), "the batch itself stays"
    weights = mixed.view(count, count)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(1), torch.ones(count))
    assert ((weights > 0).sum(1) <= 2).all()
    own = weights.diagonal()
    if count > 1:
        torch.testing.assert_close(own, own[:1].expand(count))  # one λ for the batch
    one_hot = torch.nn.functional.one_hot(labels, classes).float()
    torch.testing.assert_close(targets, weights @ one_hot)
    assert targets.shape == (count, classes)


def test_another_batch_has_another_weight() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        mixup = Mixup(1.0, 2)
        images, labels = torch.rand(4, 1, 2, 2), torch.tensor([0, 1, 0, 1])
        first, second = (mixup.batch(images, labels)[0] for _ in range(2))
    assert not torch.equal(first, second)


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**31 - 1))
def test_a_box_weighs_what_it_covers_also_at_the_border(height: int, width: int, seed: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        images = torch.stack([torch.zeros(1, height, width), torch.ones(1, height, width)])
        mixed, targets = CutMix(1.0, 2).batch(images, torch.tensor([0, 1]))
    pasted = mixed[0].mean(dtype=torch.float64)
    torch.testing.assert_close(targets[0].double(), torch.stack([1 - pasted, pasted]), atol=2e-7, rtol=0)
    assert torch.equal(mixed[1], 1 - mixed[0])
    assert torch.equal(targets[1], targets[0].flip(0))


def test_boxes_reach_the_border_and_the_whole_image() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        images = torch.stack([torch.zeros(1, 8, 8), torch.ones(1, 8, 8)])
        boxes = torch.stack([CutMix(1.0, 2).batch(images, torch.tensor([0, 1]))[0][0, 0] for _ in range(300)])
    assert (boxes.sum(0) > 0).all(), "every pixel is replaced sometimes"
    assert boxes[:, 0].any(1).sum() > 10
    assert not boxes[:, 0].any(1).all()


def test_one_of_two_is_drawn_for_each_batch_and_both_as_often() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        images, labels = torch.stack([torch.zeros(1, 8, 8), torch.ones(1, 8, 8)]), torch.tensor([0, 1])
        either = OneOf(Mixup(1.0, 2), CutMix(1.0, 2))
        blended = 0
        for _ in range(400):
            mixed, targets = either.batch(images, labels)
            assert targets.shape == (2, 2)
            # Of 0 and 1, only a blend has something between.
            blended += bool(((mixed > 0) & (mixed < 1)).any())
    assert 150 < blended < 250
