"""RandAugment as in equations 8-10 of the edge fine-tuning study: N operations of magnitude M, and the label stays."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import v2

from edgebench.claim.augment import AugmentSettings, RandAugmentSettings
from edgebench.claim.settings import DataSettings
from edgebench.data.batches import TrainBatches
from edgebench.data.policy import RandAugment, perform
from edgebench.data.prepared import Prepared, prepare
from edgebench.measure.properties.tally import Tally

# Of 14 operations and two signs, one is missed by as many draws in fewer than one of 10^5 cases.
_DRAWS = 400


def check_cases(cases: int, seed: int) -> Tally:
    """Equation 8, x̃ = T_N(… T_2(T_1(x)) …) with each T_k drawn uniformly; equation 9, ỹ = y.

    A case is N from 1 to 3, M from 0 to 30, and random images of 2 to 32 pixels a side, grey or coloured. It holds if

    - one operation makes of an image exactly those images that torchvision's own RandAugment makes of it in 400 draws;
    - each image of a batch is what N drawn operations, one after the other, make of it alone;
    - training batches have the labels that they have without it, in the same order, and other images in every epoch.

    Its error is the share of images in a batch that differ from those made alone.
    """
    source = random.Random(seed)
    tally = Tally()
    digits = prepare(DataSettings(name="digits"))
    with torch.random.fork_rng(devices=[]):
        for _ in range(cases):
            torch.manual_seed(source.getrandbits(63))
            size = (source.randint(2, 32), source.randint(2, 32))
            settings = RandAugmentSettings(ops=source.randint(1, 3), magnitude=source.randint(0, 30))
            images = torch.randint(256, (24, *size, source.choice([1, 3])), dtype=torch.uint8)
            error = _differing(RandAugment(settings, size), images)
            holds = _reachable(images[0], settings.magnitude) and _labels_stay(digits, settings)
            tally.case(holds=holds, error=error)
    return tally


def _reachable(image: Tensor, magnitude: int) -> bool:
    """Whether one operation can make of an image [H, W, C] what torchvision's can, and nothing else."""
    theirs = v2.RandAugment(num_ops=1, magnitude=magnitude)
    planes = image.permute(2, 0, 1)
    expected = {_bytes(theirs(planes)) for _ in range(_DRAWS)}
    ours = RandAugment(RandAugmentSettings(ops=1, magnitude=magnitude), (image.shape[0], image.shape[1]))
    many = image.expand(_DRAWS, *image.shape)
    changed = ours.apply(many, ours.draw(_DRAWS, _stream()))
    return {_bytes(one.permute(2, 0, 1)) for one in changed} == expected


def _differing(policy: RandAugment, images: Tensor) -> float:
    drawn = policy.draw(len(images), _stream())
    changed = policy.apply(images, drawn)
    differing = 0
    for one, image, numbers in zip(changed, images, drawn.tolist(), strict=True):
        alone = image.permute(2, 0, 1)
        for number in numbers:
            alone = perform(policy.actions[number], alone)
        differing += not torch.equal(one.permute(2, 0, 1), alone)
    return differing / len(images)


def _labels_stay(digits: Prepared, settings: RandAugmentSettings) -> bool:
    order, operations = torch.Generator(), _stream()
    augments = (AugmentSettings(), AugmentSettings(randaugment=settings))
    plain, changed = (
        TrainBatches(digits, np.arange(96), augment, 32, order, torch.Generator(), randaugment=operations)
        for augment in augments
    )

    def epoch(batches: TrainBatches) -> tuple[Tensor, Tensor]:
        order.manual_seed(1)  # the same images at the same places
        images, labels = zip(*batches, strict=True)
        return torch.cat(images), torch.cat(labels)

    before, labels = epoch(plain)
    (first, first_labels), (second, second_labels) = epoch(changed), epoch(changed)
    stay = torch.equal(labels, first_labels) and torch.equal(labels, second_labels)
    return stay and not torch.equal(before, first) and not torch.equal(first, second)


def _stream() -> torch.Generator:
    return torch.Generator().manual_seed(int(torch.randint(2**62, ())))


def _bytes(image: Tensor) -> bytes:
    return image.contiguous().numpy().tobytes()
