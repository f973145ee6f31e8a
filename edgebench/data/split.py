"""Drawing training and validation images from a training set: seeded, disjoint, stratified."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgebench.data.raw import Labels
from edgebench.errors import DataError

if TYPE_CHECKING:
    from edgebench.claim.settings import DataSettings

VAL, TRAIN, REST = range(3)
_OUTSIDE = " outside the fold"


def split(
    labels: npt.ArrayLike, settings: DataSettings, seed: int, held: Labels | None = None
) -> tuple[Labels, Labels]:
    """Draw the images that a trial trains on and those it validates on.

    Of a class with a fraction p of all N images, each part of n images gets n·p, rounded down or up. The draw
    is the same on every platform and numpy version.

    Args:
        labels: integers [N] of the training set.
        settings: `val` images to hold out (a tenth of N, rounded, at least 1) and `train` images to train on
            (all the others).
        seed: the trial's seed, not negative.
        held: indices of images that are left out, a fold to test on; N is then the number of the others.

    Returns:
        Indices of training and of validation images, int64, each sorted.

    Raises:
        DataError: more images asked for than there are.
    """
    labels = np.asarray(labels)
    if held is not None:
        others = np.setdiff1d(np.arange(len(labels)), held, assume_unique=True)
        train_of, val_of = split(labels[others], settings, seed)
        return others[train_of], others[val_of]
    total = len(labels)
    val = settings.val if settings.val is not None else max(1, (total + 5) // 10)
    train = settings.train if settings.train is not None else total - val
    if train < 1 or train + val > total:
        default = "" if settings.val is not None else " (a tenth by default)"
        raise DataError(
            f"{max(train, 1)} training and {val} validation images{default} were asked for",
            expected=f"at most {total} together, which is all there are{_OUTSIDE if settings.fold else ''}",
            where=settings.name,
            hint="lower `train` or `val`",
        )
    # The raw stream of a bit generator is fixed for good; numpy may change how permutations are drawn from
    # it.
    bits = np.random.PCG64(seed)
    keys = bits.random_raw(total)
    classes, counts = np.unique(labels, return_counts=True)
    quotas = quota_table(counts.tolist(), [val, train, total - val - train], bits)
    # Shuffled within each class, classes one after another.
    order = np.lexsort((keys, labels))
    rank = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    per_class = np.repeat(np.arange(len(classes)), counts)
    first, second = quotas[:, VAL], quotas[:, VAL] + quotas[:, TRAIN]
    is_val = rank < first[per_class]
    is_train = ~is_val & (rank < second[per_class])
    return np.sort(order[is_train]), np.sort(order[is_val])


def quota_table(rows: list[int], columns: list[int], bits: np.random.PCG64) -> Labels:
    """Round the table rows[i]·columns[k]/N up or down so that all row and column sums stay exact.

    Rounding each column by itself can leave a class two images off, as what is over must go somewhere. This
    is controlled rounding (Cox, A constructive procedure for unbiased controlled rounding, JASA 1987): value
    moves around a cycle of unrounded cells, which changes no sum, until one of them is whole.

    Args:
        rows: images per class, adding up to N.
        columns: sizes of three parts, adding up to N.
        bits: decides which classes are tried first, so that none is favoured over many seeds.

    Returns:
        int64 [len(rows), 3].
    """
    total = sum(rows)
    # Cells in units of 1/N: whole part and remainder, in Python's unbounded integers.
    whole = [[row * column // total for column in columns] for row in rows]
    over = [[row * column % total for column in columns] for row in rows]
    order = np.argsort(bits.random_raw(len(rows)), kind="stable").tolist()
    for a, b in ((0, 1), (1, 2), (0, 2)):
        waiting: int | None = None
        for row in order:
            while waiting is not None and over[row][a] and over[row][b]:
                _move(over, whole, [(row, a), (row, b), (waiting, b), (waiting, a)], total)
                if not (over[waiting][a] and over[waiting][b]):
                    waiting = None
            if waiting is None and over[row][a] and over[row][b]:
                waiting = row
    # At most one row is left for each pair of columns; their cells form one cycle through all three columns.
    left = {tuple(k for k in range(3) if over[row][k]): row for row in order if any(over[row])}
    if left:
        ab, bc, ca = left[0, 1], left[1, 2], left[0, 2]
        _move(over, whole, [(ab, 0), (ab, 1), (bc, 1), (bc, 2), (ca, 2), (ca, 0)], total)
    return np.array(whole, np.int64).reshape(len(rows), 3)


def _move(over: list[list[int]], whole: list[list[int]], cycle: list[tuple[int, int]], total: int) -> None:
    """Raise every second cell of the cycle and lower the others by as much as makes one of them whole."""
    up, down = cycle[0::2], cycle[1::2]
    step = min(*(total - over[i][k] for i, k in up), *(over[i][k] for i, k in down))
    for i, k in down:
        over[i][k] -= step
    for i, k in up:
        over[i][k] += step
        if over[i][k] == total:
            over[i][k] = 0
            whole[i][k] += 1
