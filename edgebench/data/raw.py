"""What every reader of a dataset returns: labels at once, images as a stream of decoded chunks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgebench.errors import DataError
from edgebench.printable import harmless

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

# Bytes of decoded images in one chunk: large enough to amortise a write, small beside any machine's memory.
CHUNK_BYTES = 32 * 2**20


@dataclass(frozen=True)
class RawSplit:
    """One split of a dataset.

    Attributes:
        shape: (N, H, W, C) of the decoded images, C being 1 or 3.
        labels: int64 [N].
        chunks: starts an iterator over uint8 [n, H, W, C] arrays that add up to `shape`; the iterator raises
            DataError when it meets bytes that do not decode.
    """

    shape: tuple[int, int, int, int]
    labels: Labels
    chunks: Callable[[], Iterator[Images]]

    def array(self) -> Images:
        """All images in memory, uint8 [N, H, W, C]."""
        return np.concatenate(list(self.chunks()))


@dataclass(frozen=True)
class Raw:
    """A dataset as read from its source; names of classes, which may be those of folders, cannot control a terminal."""

    train: RawSplit
    test: RawSplit
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_names", tuple(map(harmless, self.class_names)))


def rows_per_chunk(shape: Sequence[int]) -> int:
    """How many images of an [N, …] array make one chunk."""
    return max(1, CHUNK_BYTES // max(1, math.prod(shape[1:])))


def check_labels(labels: npt.NDArray[Any], count: int, classes: int, *, name: str, where: Path) -> Labels:
    """Labels as int64 [count].

    Raises:
        DataError: not integers, not one per image, negative, or beyond the classes.
    """
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise DataError(
            f"'{name}' is {labels.dtype} of shape {labels.shape}",
            expected="integers of shape [N]",
            where=str(where),
        )
    if len(labels) != count:
        raise DataError(
            f"'{name}' has {len(labels)} labels for {count} images",
            expected="one label per image",
            where=str(where),
        )
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        raise DataError(
            f"'{name}' has the label {labels[wrong[0]]} at index {wrong[0]}",
            expected=f"labels from 0 to {classes - 1}, there being {classes} classes",
            where=str(where),
        )
    return labels.astype(np.int64)


def same_size(raw: Raw, where: Path) -> Raw:
    """`raw` itself, once train and test images are known to be of one size.

    Raises:
        DataError: they are not.
    """
    if raw.train.shape[1:] != raw.test.shape[1:]:
        raise DataError(
            f"training images are {describe(raw.train.shape)}, test images {describe(raw.test.shape)}",
            expected="one size",
            where=str(where),
            hint="give `size` to bring them to one",
        )
    return raw


def describe(shape: Sequence[int]) -> str:
    """`32x32x3` for (N, 32, 32, 3)."""
    return "x".join(map(str, shape[1:]))
