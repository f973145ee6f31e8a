"""How evenly a seeded 80:20 split of 50,000 images of 100 classes, as CIFAR-100's, divides each class.

Labels are all that a split depends on, and CIFAR-100 has 500 training images of each class: no images are needed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgebench.claim.settings import DataSettings
from edgebench.data.raw import Labels
from edgebench.data.split import split
from edgebench.measure.properties.tally import Tally

CLASSES, EACH = 100, 500
VAL = CLASSES * EACH // 5
# Of the classes' 1 %, which is 400 of the 40,000 training images: the study's largest class has 1.08 %.
_STUDY = 0.08

Draw = Callable[[Labels, int], Labels]


def check_random(cases: int, seed: int) -> Tally:
    """Splits that do not look at labels: any 40,000 of the images, all equally likely.

    A case is a split of its own seed. It holds when each class's share of the training images is within 8 % of 1 %;
    its error is the largest relative deviation.
    """
    return _tally(_random, cases, seed, _STUDY)


def check_stratified(cases: int, seed: int) -> Tally:
    """The splits that trials use (`edgebench.data.split`); a case holds when every class gives exactly a fifth."""
    return _tally(_stratified, cases, seed, 0.0)


def _tally(draw: Draw, cases: int, seed: int, tolerance: float) -> Tally:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(CLASSES), EACH))
    tally = Tally()
    seeds = np.random.PCG64(seed).random_raw(cases)
    for each in seeds.tolist():
        train = draw(labels, each >> 1)
        counts = np.bincount(labels[train], minlength=CLASSES)
        expected = EACH - VAL // CLASSES
        error = float(np.abs(counts - expected).max()) / expected
        once = np.bincount(train, minlength=len(labels)).max() == 1
        tally.case(holds=bool(once) and len(train) == len(labels) - VAL, error=error, tolerance=tolerance)
    return tally


def _random(labels: Labels, seed: int) -> Labels:
    # Those with the largest of as many random numbers of 64 bits, of which no two are equal but for one split in 10¹⁰.
    order: Labels = np.argpartition(np.random.PCG64(seed).random_raw(len(labels)), VAL)
    return order[VAL:]


def _stratified(labels: Labels, seed: int) -> Labels:
    return split(labels, DataSettings(name="cifar100", val=VAL), seed)[0]
