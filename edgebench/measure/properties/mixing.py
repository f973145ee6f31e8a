"""Mixup and CutMix do what equations 2-7 of the edge fine-tuning study say; Mixup's weights have the published shape.

What is checked is the code that trials train with. Each image carries the number of its place in the batch, so that the
mixed images themselves tell which images they were made of and with which weight.
"""

from __future__ import annotations

import math
import random

import torch
from torch import Tensor
from torch.nn import functional

from edgebench.measure.properties.tally import Tally
from edgebench.methods.hooks import Method
from edgebench.methods.mixing import CutMix, Mixup

_ROUNDING = 5e-7  # of labels, which are float32
_DRAWS = 400
# Of the distance between a sample's distribution and the true one, in units of 1/√n: exceeded once in 10^10 samples.
_KOLMOGOROV = math.sqrt(math.log(2e10) / 2)
_PUBLISHED = 0.2  # α of the ablation study


def check_mixup(cases: int, seed: int) -> Tally:
    """Equations 2 and 3: x̃ = λ xᵢ + (1 - λ) xⱼ and ỹ = λ yᵢ + (1 - λ) yⱼ, with λ ~ Beta(α, α) drawn for the batch.

    A case is a batch of 1 to 12 random images and an α from 0.05 to 5. It holds if the weights of every image are those
    of one λ in [0, 1] and two images, and the λ of 400 more batches follow Beta(α, α). Its error is the largest
    difference from the equations, of pixels (standard normal) and labels.
    """
    source = random.Random(seed)
    tally = Tally()
    with torch.random.fork_rng(devices=[]):
        for _ in range(cases):
            torch.manual_seed(source.getrandbits(63))
            alpha, count, classes = source.uniform(0.05, 5), source.randint(1, 12), source.randint(2, 10)
            mixup = Mixup(alpha, classes)
            places = torch.eye(count, dtype=torch.float64).view(count, 1, 1, count)
            pixels = torch.randn(count, 1, 1, 20, dtype=torch.float64)
            labels = torch.randint(classes, (count,))
            mixed, targets = mixup.batch(torch.cat([places, pixels], 3), labels)
            weights = mixed[:, 0, 0, :count]
            error = max(
                _distance(mixed[:, 0, 0, count:], weights @ pixels.view(count, -1)),
                _distance(targets, weights @ functional.one_hot(labels, classes).double()),
                _distance(weights.sum(1), torch.ones(count)),
                _distance(weights.diagonal(), weights[0, 0].expand(count)),  # one λ for the batch
            )
            pairs = bool((weights >= 0).all() and ((weights > 0).sum(1) <= 2).all())
            follows = _kolmogorov(_weights(mixup, _DRAWS), alpha) <= _KOLMOGOROV
            tally.case(holds=pairs and follows, error=error, tolerance=_ROUNDING)
    return tally


def check_cutmix(cases: int, seed: int) -> Tally:
    """Equations 5 and 6: a rectangle of xᵢ is replaced by that of xⱼ, and 1 - λ is the share of the replaced pixels.

    A case is a batch of 2 to 8 random images of 1 to 40 pixels a side, and an α from 0.05 to 5. It holds if every pixel
    is one of two images, those of the second are a rectangle, and it is the same one throughout the batch, also where
    it is clipped at the border. Its error is the largest difference of a label's weight from the share of the area.
    """
    source = random.Random(seed)
    tally = Tally()
    with torch.random.fork_rng(devices=[]):
        for _ in range(cases):
            torch.manual_seed(source.getrandbits(63))
            count, height, width = source.randint(2, 8), source.randint(1, 40), source.randint(1, 40)
            classes = source.randint(2, 10)
            labels = torch.randint(classes, (count,))
            places = torch.arange(count).view(count, 1, 1, 1).expand(count, 1, height, width)
            pixels = torch.rand(count, 2, height, width)
            mixed, targets = CutMix(source.uniform(0.05, 5), classes).batch(
                torch.cat([places, pixels], 1), labels
            )
            origin = mixed[:, 0].long()
            taken = origin != torch.arange(count)[:, None, None]
            holds = torch.equal(mixed[:, 1:], pixels.gather(0, origin[:, None].expand_as(pixels)))
            holds = holds and bool((taken == taken[0]).all()) and _is_box(taken[0])
            # What the pixels show of every other image, counted.
            shares = functional.one_hot(origin.flatten(1), count).double().mean(1)
            holds = holds and bool(((shares > 0).sum(1) <= 2).all())
            error = _distance(targets, shares @ functional.one_hot(labels, classes).double())
            tally.case(holds=holds, error=error, tolerance=_ROUNDING)
    return tally


def check_shape(cases: int, seed: int) -> Tally:
    """Mixup's weight at α = 0.2 follows Beta(0.2, 0.2), which is U-shaped: one of the two images dominates.

    A case is a sample of 8000 batches' weights. It holds if the density falls from either end to the middle (tenths 1,
    2-3 and 4-5 from each end), and the larger weight is above 0.9 in most batches. Its error is the sample's distance
    from the distribution (Kolmogorov-Smirnov) as a share of what one sample in 10^10 exceeds; above 1, it is violated.
    """
    source = random.Random(seed)
    tally = Tally()
    edges = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9], dtype=torch.float64)
    widths = torch.tensor([0.1, 0.2, 0.2, 0.2, 0.2, 0.1], dtype=torch.float64)
    with torch.random.fork_rng(devices=[]):
        for _ in range(cases):
            torch.manual_seed(source.getrandbits(63))
            weights = _weights(Mixup(_PUBLISHED, 2), 8000)
            density = torch.bucketize(weights, edges).bincount(minlength=6) / widths
            steps = density.diff()
            u_shaped = bool((steps[:2] < 0).all() and (steps[3:] > 0).all())
            dominated = float((torch.maximum(weights, 1 - weights) > 0.9).double().mean()) > 0.5
            error = _kolmogorov(weights, _PUBLISHED) / _KOLMOGOROV
            tally.case(holds=u_shaped and dominated, error=error, tolerance=1.0)
    return tally


def _weights(mixup: Method, batches: int) -> Tensor:
    """λ of as many batches, from what becomes of a pair of images of 0 and 1: float64 [batches]."""
    images, labels = torch.tensor([0.0, 1.0], dtype=torch.float64).view(2, 1, 1, 1), torch.tensor([0, 1])
    return torch.stack([mixup.batch(images, labels)[0][1, 0, 0, 0] for _ in range(batches)])


def _kolmogorov(sample: Tensor, alpha: float) -> float:
    """√n times the largest distance of a sample's distribution function from that of Beta(α, α)."""
    from scipy.special import betainc

    found = sample.sort().values
    expected = torch.from_numpy(betainc(alpha, alpha, found.numpy()))
    steps = torch.arange(len(found) + 1, dtype=torch.float64) / len(found)
    largest = torch.maximum((steps[1:] - expected).abs(), (expected - steps[:-1]).abs()).max()
    return math.sqrt(len(found)) * float(largest)


def _is_box(chosen: Tensor) -> bool:
    """Whether the true places of [H, W] are all of a rectangle, or none."""
    return torch.equal(chosen, chosen.any(1)[:, None] & chosen.any(0)) and all(
        map(_is_run, (chosen.any(1), chosen.any(0)))
    )


def _is_run(chosen: Tensor) -> bool:
    places = chosen.nonzero().view(-1)
    return len(places) == 0 or int(places[-1] - places[0]) == len(places) - 1


def _distance(one: Tensor, other: Tensor) -> float:
    return float((one.double() - other.double()).abs().max())
