"""A dataset restricted to some of its classes, renumbered from 0 in the listed order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from edgebench.data.raw import Images, Labels, Raw, RawSplit
from edgebench.errors import DataError


def restrict(raw: Raw, classes: Sequence[int], where: Path) -> Raw:
    """The images of the given classes alone, in the order of `raw`.

    Args:
        raw: a dataset of K classes.
        classes: distinct class numbers; that of the i-th becomes i.
        where: the source, for messages.

    Raises:
        DataError: a number that is no class of the dataset, a class without training or without test images.
    """
    count = len(raw.class_names)
    if missing := [label for label in classes if not 0 <= label < count]:
        raise DataError(
            f"'classes' names the class {missing[0]}, the dataset has {count}",
            expected=f"numbers from 0 to {count - 1}",
            where=str(where),
        )
    # By old number; -1 for a class that is left out.
    renumbered = np.full(count, -1, np.int64)
    renumbered[list(classes)] = np.arange(len(classes))
    for split, part in (("training", raw.train), ("test", raw.test)):
        sizes = np.bincount(part.labels, minlength=count)
        if empty := [label for label in classes if not sizes[label]]:
            raise DataError(
                f"the class {empty[0]} ('{raw.class_names[empty[0]]}') has no {split} images",
                expected="training and test images of every class in 'classes'",
                where=str(where),
            )
    names = tuple(raw.class_names[label] for label in classes)
    return Raw(_select(raw.train, renumbered), _select(raw.test, renumbered), names)


def _select(split: RawSplit, renumbered: Labels) -> RawSplit:
    labels = renumbered[split.labels]
    kept = labels >= 0

    def chunks() -> Iterator[Images]:
        start = 0
        for chunk in split.chunks():
            part = kept[start : start + len(chunk)]
            start += len(chunk)
            if part.any():
                yield chunk[part]

    return RawSplit((int(kept.sum()), *split.shape[1:]), labels[kept], chunks)
