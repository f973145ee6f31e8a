"""Stratified folds of a training set, for cross-validation: disjoint parts that together are all of its images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgebench.data.raw import Labels
from edgebench.errors import DataError

if TYPE_CHECKING:
    from edgebench.claim.settings import DataSettings


def folds(labels: npt.ArrayLike, count: int, seed: int) -> list[Labels]:
    """Part a training set into folds; the draw is the same on every platform and numpy version.

    Images are shuffled within their class, classes laid one after another in a drawn order, and the row is dealt out
    to the folds in turn. So the images of a class in two folds differ by one at most, and so do the folds; how large
    each fold is depends on no seed.

    Args:
        labels: integers [N] of the training set.
        count: how many folds, 1 to N.
        seed: of the draw, not negative.

    Returns:
        Indices of each fold's images, int64, each sorted.
    """
    labels = np.asarray(labels)
    # Only the raw stream of a bit generator is fixed for good (see `split`).
    bits = np.random.PCG64(seed)
    keys = bits.random_raw(len(labels))
    classes, numbers = np.unique(labels, return_inverse=True)
    # In a fixed order, a class would have what is over in the same folds for every seed.
    turns = bits.random_raw(len(classes))
    row = np.lexsort((keys, numbers, turns[numbers]))
    return [np.sort(row[first::count]) for first in range(count)]


def held_out(labels: npt.ArrayLike, settings: DataSettings, seed: int) -> Labels | None:
    """The images of the fold that a training is tested on, or None where it is tested on the dataset's test images.

    Args:
        labels: integers [N] of the training set.
        settings: `fold` of `folds`.
        seed: of the trial, for this purpose.

    Returns:
        Indices, int64, sorted.

    Raises:
        DataError: more folds than images.
    """
    if settings.folds is None or settings.fold is None:
        return None
    total = len(np.asarray(labels))
    if settings.folds > total:
        raise DataError(
            f"{settings.folds} folds of {total} images",
            expected="at least one image in each",
            where=settings.name,
            hint="lower `folds`",
        )
    return folds(labels, settings.folds, seed)[settings.fold - 1]
