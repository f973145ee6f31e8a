"""CIFAR-10 and CIFAR-100 in their official "python version": pickled batches of flattened RGB planes.

Format: https://www.cs.toronto.edu/~kriz/cifar.html. The pickles are read by `edgebench.data.inert_pickle`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgebench.data.images import resize_all
from edgebench.data.inert_pickle import load_inert, texts
from edgebench.data.raw import Images, Labels, Raw, RawSplit, check_labels
from edgebench.errors import DataError

SIDE = 32


def read_cifar(paths: Sequence[Path], size: int | None = None) -> Raw:
    """Read the training batches, the test batch and the names of the classes, in this order.

    CIFAR-100 is read with its 100 fine labels.

    Args:
        paths: one or more training files, the test file, `batches.meta` or `meta`.
        size: pixels a side to bring images to; None keeps 32.

    Raises:
        DataError: a file that is damaged, holds other keys or shapes, or labels out of range.
    """
    *train, test, meta = paths
    class_names = _class_names(meta)
    return Raw(_split(train, class_names, size), _split([test], class_names, size), class_names)


def _class_names(path: Path) -> tuple[str, ...]:
    loaded = load_inert(path)
    key = next((key for key in ("fine_label_names", "label_names") if key in loaded), None)
    try:
        return texts(loaded[key] if key else None)
    except ValueError as error:
        raise DataError(
            f"has no list of class names among {', '.join(loaded) or 'no keys'}",
            expected="'label_names' or 'fine_label_names'",
            where=str(path),
        ) from error


def _split(paths: Sequence[Path], class_names: tuple[str, ...], size: int | None) -> RawSplit:
    batches = [_batch(path, len(class_names)) for path in paths]
    labels = np.concatenate([labels for _, labels in batches])

    def chunks() -> Iterator[Images]:
        for planes, _ in batches:
            images = np.ascontiguousarray(planes.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1))
            yield images if size is None else resize_all(images, size)

    return RawSplit((len(labels), size or SIDE, size or SIDE, 3), labels, chunks)


def _batch(path: Path, classes: int) -> tuple[Images, Labels]:
    loaded: dict[str, Any] = load_inert(path)
    planes = loaded.get("data")
    if (
        not isinstance(planes, np.ndarray)
        or planes.ndim != 2
        or planes.shape[1] != 3 * SIDE * SIDE
        or not len(planes)
    ):
        shape = getattr(planes, "shape", None)
        raise DataError(
            f"'data' is {type(planes).__name__ if shape is None else f'of shape {shape}'}",
            expected="uint8 of shape [N, 3072]",
            where=str(path),
        )
    key = "fine_labels" if "fine_labels" in loaded else "labels"
    values = loaded.get(key)
    if not isinstance(values, list) or not all(type(value) is int and abs(value) < 2**31 for value in values):
        raise DataError(f"'{key}' is not a list of integers", expected="one label per image", where=str(path))
    labels = np.array(values, np.int64)
    return planes, check_labels(labels, len(planes), classes, name=key, where=path)
