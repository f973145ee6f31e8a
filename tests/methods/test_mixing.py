"""Mixup: one convex combination for images and labels alike."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from edgebench.methods.mixing import Mixup


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
